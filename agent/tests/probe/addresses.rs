//! Which addresses are dialled at all.

use agent::probe::{Ended, ProbeOptions, Prober};
use proto::{Failure, Outcome, ProbeSpec};

use super::origin::{Origin, response};
use super::{SHORT, answered, details, failed, get, run, run_with};

fn prober(deny_private: bool, allow: &[&str]) -> Prober {
    let allow_network = allow.iter().map(|network| network.parse().expect("a network")).collect();
    let options = ProbeOptions { deny_private, allow_network, ..ProbeOptions::default() };
    Prober::new(&options).expect("usable")
}

#[tokio::test]
async fn link_local_metadata_and_their_disguises_are_blocked_before_anything_is_dialled() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9.0xfe.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let report = run(&get(format!("http://{host}/latest/meta-data/"))).await;
        failed(&report, Failure::Blocked, "is refused");
        assert_eq!(report.note.remote_address, None, "{host}");
        assert!(details(&report).attempts.is_empty(), "{host}");
    }
}

#[tokio::test]
async fn an_exception_lets_a_refused_address_be_dialled() {
    let spec = ProbeSpec { timeout: SHORT, ..get("http://169.254.77.77:9/") };
    let prober = prober(false, &["169.254.77.0/24"]);
    let prepared = prober.prepare(&spec).unwrap();
    // Whatever the network here makes of it: it was dialled.
    let Ended::Report(report) = prober.probe(&prepared).await else { panic!("a fault") };
    assert_ne!(report.outcome, Outcome::Failed(Failure::Blocked));
    assert_eq!(report.note.remote_address, Some("169.254.77.77:9".parse().unwrap()));
}

#[tokio::test]
async fn loopback_is_probed_unless_private_addresses_are_denied() {
    let origin = Origin::always(response(200, &[], "")).await;
    let spec = get(origin.url("/"));
    answered(&run_with(&prober(false, &[]), &spec).await, 200);
    let report = run_with(&prober(true, &[]), &spec).await;
    failed(&report, Failure::Blocked, "127.0.0.1 is refused: loopback");
    let mapped = get(format!("http://[::ffff:127.0.0.1]:{}/", origin.address.port()));
    failed(&run_with(&prober(true, &[]), &mapped).await, Failure::Blocked, "loopback");
    answered(&run_with(&prober(true, &["127.0.0.0/8"]), &spec).await, 200);
    assert_eq!(origin.requests().len(), 2);
}
