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
    passes(
        Command::new(program),
        "probe::faults::running_out_of_descriptors_is_a_fault_and_never_a_result",
    );
}

/// Runs one test of this binary in a process of its own, where it finds [`LIMITED`] set.
fn passes(mut program: Command, test: &str) {
    program.args([test, "--exact", "--nocapture"]).env(LIMITED, "yes");
    let output = program.output().expect("started");
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

mod on_namespace {
    use tokio::net::TcpStream;

    use super::*;

    /// A network of its own, with four ports for all connections that go out.
    const FEW_PORTS: &str = "ip link set lo up && echo 50000 50003 > /proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"";

    #[test]
    fn running_out_of_ports_is_a_fault_and_never_a_result() {
        if std::env::var_os(LIMITED).is_some() {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            return runtime.block_on(probe_without_ports());
        }
        let program = std::env::current_exe().expect("this test binary");
        let mut apart = Command::new("unshare");
        apart.args(["--net", "sh", "-c", FEW_PORTS, "sh"]).arg(program);
        passes(
            apart,
            "probe::faults::on_namespace::running_out_of_ports_is_a_fault_and_never_a_result",
        );
    }

    async fn probe_without_ports() {
        let origin = Origin::always(response(200, &[], "")).await;
        let other = Origin::always(response(200, &[], "")).await;
        let (spec, prober) = (get(origin.url("/")), prober());
        answered(&run_with(&prober, &spec).await, 200);

        let mut held = Vec::new();
        let last = loop {
            match TcpStream::connect(origin.address).await {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(last.kind(), std::io::ErrorKind::AddrNotAvailable, "{last}");
        let prepared = prober.prepare(&spec).expect("prepared before");
        let ended = prober.probe(&prepared).await;
        assert!(matches!(ended, Ended::Fault(Fault::Ports)), "{ended:?}");
        // A port serves once for each place that it goes to: others are reached.
        answered(&run_with(&prober, &get(other.url("/"))).await, 200);

        for stream in held {
            stream.set_zero_linger().expect("open");
        }
        answered(&run_with(&prober, &spec).await, 200);
    }
}
