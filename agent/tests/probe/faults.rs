//! Faults of this machine are never results.

use std::fs::File;
use std::process::Command;

use agent::probe::{Ended, Fault};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::name_server::{NameServer, Reply};
use super::origin::{Origin, response};
use super::{answered, get, prober, run_with};

/// Set in the process that has a limit of its own.
const LIMITED: &str = "ZONEWATCH_TEST_LIMITED";

/// The limit is the whole process's, so the probes run in one of their own: this test once more.
#[test]
fn running_out_of_descriptors_is_a_fault_and_never_a_result() {
    if std::env::var_os(LIMITED).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(probe_without_descriptors());
    }
    let program = std::env::current_exe().expect("this test binary");
    let this = "probe::faults::running_out_of_descriptors_is_a_fault_and_never_a_result";
    let output = Command::new(program)
        .args([this, "--exact", "--nocapture"])
        .env(LIMITED, "yes")
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

async fn probe_without_descriptors() {
    let server =
        NameServer::always(Reply::Addresses(vec![std::net::Ipv4Addr::LOCALHOST.into()])).await;
    let origin = Origin::always(response(200, &[], "")).await;
    let by_address = get(origin.url("/"));
    let by_name = get(format!("http://web.example:{}/", origin.address.port()));
    let prober = prober();
    let resolving = server.prober();
    answered(&run_with(&prober, &by_address).await, 200);

    let few = Rlimit { current: Some(128), maximum: Some(128) };
    setrlimit(Resource::Nofile, few).expect("a lower limit");
    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    for (prober, spec) in [(&prober, &by_address), (&resolving, &by_name)] {
        let prepared = prober.prepare(spec).expect("prepared before");
        let ended = prober.probe(&prepared).await;
        assert!(matches!(ended, Ended::Fault(Fault::Descriptors)), "{}: {ended:?}", spec.url);
    }
    files.truncate(files.len() / 2);
    answered(&run_with(&prober, &by_address).await, 200);
    answered(&run_with(&resolving, &by_name).await, 200);
}
