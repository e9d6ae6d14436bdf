//! Names: resolved by a name server of the test's own.

use std::time::Duration;

use proto::{Failure, ProbeSpec};
use tokio::task::JoinSet;

use super::name_server::{NameServer, Reply};
use super::origin::{Origin, response};
use super::{SHORT, answered, details, failed, get, run, run_with};

fn addresses(list: &[&str]) -> Reply {
    Reply::Addresses(list.iter().map(|ip| ip.parse().expect("an address")).collect())
}

#[tokio::test]
async fn a_name_is_resolved_and_probed_at_its_address() {
    let server = NameServer::always(addresses(&["127.0.0.1"])).await;
    let origin = Origin::always(response(200, &[], "")).await;
    let port = origin.address.port();
    let report = run_with(&server.prober(), &get(format!("http://web.example:{port}/"))).await;
    answered(&report, 200);
    assert_eq!(report.note.remote_address, Some(origin.address));
    assert!(report.phases.resolve_us > 0);
    let request = origin.requests().remove(0);
    assert!(request.contains(&format!("host: web.example:{port}\r\n")), "{request}");
}

#[tokio::test]
async fn each_kind_of_failure_to_resolve_is_named() {
    for (reply, cause) in [
        (Reply::NoSuchName, "web.example: no such name (NXDOMAIN)"),
        (Reply::ServerFailure, "web.example: the name server failed (SERVFAIL)"),
        (Reply::Refused, "web.example: the name server refused to answer (REFUSED)"),
        (addresses(&[]), "web.example: the name has no address"),
    ] {
        let server = NameServer::always(reply).await;
        let report = run_with(&server.prober(), &get("http://web.example/")).await;
        failed(&report, Failure::Dns, cause);
        assert_eq!(report.note.remote_address, None);
        assert!(!server.asked().is_empty());
    }
}

#[tokio::test]
async fn a_silent_name_server_is_a_timeout_in_that_phase() {
    let server = NameServer::always(Reply::Silence).await;
    let spec = ProbeSpec { timeout: SHORT, ..get("http://web.example/") };
    let report = run_with(&server.prober(), &spec).await;
    failed(&report, Failure::Timeout, "no answer within 500ms: resolve web.example");
    assert!(report.phases.resolve_us >= 400_000, "{:?}", report.phases);
    assert!(!server.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_drops_questions_for_ipv6_does_not_fail_the_name() {
    let server = NameServer::start(|(_, kind)| match kind {
        "A" => addresses(&["127.0.0.1"]),
        _ => Reply::Silence,
    })
    .await;
    let origin = Origin::always(response(200, &[], "")).await;
    let url = format!("http://web.example:{}/", origin.address.port());
    answered(&run_with(&server.prober(), &get(url)).await, 200);
}

#[tokio::test]
async fn a_failure_of_one_family_says_more_than_no_address_of_the_other() {
    let server = NameServer::start(|(_, kind)| match kind {
        "A" => Reply::ServerFailure,
        _ => addresses(&[]),
    })
    .await;
    let report = run_with(&server.prober(), &get("http://web.example/")).await;
    failed(&report, Failure::Dns, "SERVFAIL");
}

#[tokio::test]
async fn an_address_that_nobody_listens_at_is_passed_over() {
    let server = NameServer::always(addresses(&["::1", "127.0.0.2", "127.0.0.1"])).await;
    let origin = Origin::always(response(200, &[], "")).await; // at 127.0.0.1 only
    let url = format!("http://web.example:{}/", origin.address.port());
    let report = run_with(&server.prober(), &get(url)).await;
    answered(&report, 200);
    assert_eq!(report.note.remote_address, Some(origin.address));
    assert_eq!(details(&report).attempts.len(), 3);
}

#[tokio::test]
async fn a_refused_address_of_a_name_is_passed_over_and_blocks_it_when_alone() {
    let origin = Origin::always(response(200, &[], "")).await;
    let url = format!("http://web.example:{}/", origin.address.port());
    let server = NameServer::always(addresses(&["169.254.169.254", "127.0.0.1"])).await;
    let report = run_with(&server.prober(), &get(url.clone())).await;
    answered(&report, 200);
    assert_eq!(details(&report).refused.len(), 1);

    let server = NameServer::always(addresses(&["169.254.169.254", "fe80::1"])).await;
    let report = run_with(&server.prober(), &get(url)).await;
    failed(&report, Failure::Blocked, "is refused: link-local");
}

#[tokio::test]
async fn a_name_is_asked_for_once_and_remembered() {
    let server = NameServer::start(|_| addresses(&["127.0.0.1"])).await;
    let origin = Origin::always(response(200, &[], "")).await;
    let spec = get(format!("http://web.example:{}/", origin.address.port()));
    let prober = server.prober();
    let mut probes = JoinSet::new();
    for _ in 0..20 {
        let (prober, spec) = (prober.clone(), spec.clone());
        probes.spawn(async move { answered(&run_with(&prober, &spec).await, 200) });
    }
    assert_eq!(probes.join_all().await.len(), 20);
    answered(&run_with(&prober, &spec).await, 200);
    let of_v4 = server.asked().iter().filter(|asked| asked.as_str() == "web.example A").count();
    // One, or one more where the answer came between a miss of the cache and the question of another probe.
    assert!((1..=2).contains(&of_v4), "{:?}", server.asked());
}

#[tokio::test]
async fn localhost_is_this_machine_without_asking() {
    let server = NameServer::always(Reply::NoSuchName).await;
    let origin = Origin::always(response(200, &[], "")).await;
    let url = format!("http://localhost:{}/", origin.address.port());
    answered(&run_with(&server.prober(), &get(url)).await, 200);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn names_under_invalid_never_exist_and_names_that_dns_cannot_hold_fail_at_once() {
    let report = run(&get("http://nothing.invalid/")).await;
    failed(&report, Failure::Dns, "NXDOMAIN");
    let report = run(&get(format!("http://{}.example/", "a".repeat(64)))).await;
    failed(&report, Failure::Dns, "not a name that DNS can hold");
    assert!(report.phases.total_us() < u32::try_from(Duration::from_secs(20).as_micros()).unwrap());
}
