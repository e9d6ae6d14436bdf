//! What counts as an answer, and what is sent to get it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent::probe::{BODY_MAX, ProbeOptions, Prober};
use proto::{Outcome, ProbeSpec, Protocol, StatusSet, Unexpected};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::origin::{Origin, read_request, response};
use super::{answered, details, get, prober, run, run_with};

#[tokio::test]
async fn a_200_is_an_answer_with_every_phase_and_the_address() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel").await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let _ = stream.write_all(b"lo").await;
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    answered(&report, 200);
    assert_eq!(report.note.remote_address, Some(origin.address));
    assert_eq!(report.note.protocol, Some(Protocol::Http11));
    assert_eq!((report.body_bytes, details(&report).body_cut), (5, false));
    let phases = report.phases;
    assert!(phases.connect_us > 0 && phases.tls_us == 0, "{phases:?}");
    assert!(phases.processing_us >= 25_000 && phases.transfer_us >= 25_000, "{phases:?}");
}

#[tokio::test]
async fn a_404_is_an_answer_that_was_not_expected() {
    let origin = Origin::always(response(404, &[], "not here")).await;
    let report = run(&get(origin.url("/x"))).await;
    let unexpected = Some(Unexpected::Status);
    assert_eq!(report.outcome, Outcome::Answered { status: 404, unexpected });
    assert_eq!(report.note.cause, "status 404; expected 200-399");

    let mut spec = get(origin.url("/x"));
    spec.expect_status = StatusSet::parse("404").unwrap();
    answered(&run(&spec).await, 404);
}

#[tokio::test]
async fn odd_but_valid_answers_are_answers() {
    for (bytes, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n", 304),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200),
        ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            200,
        ),
        ("HTTP/1.1 200 OK\r\nbad header\r\nspace : 1\r\ncontent-length: 0\r\n\r\n", 200),
        ("HTTP/1.1 399 Odd\r\ncontent-length: 0\r\n\r\n", 399),
    ] {
        let origin = Origin::always(bytes).await;
        let report = run(&get(origin.url("/"))).await;
        assert!(
            report.outcome.is_up()
                && matches!(report.outcome, Outcome::Answered { status: s, .. } if s == status),
            "{bytes:?}: {:?}, {}",
            report.outcome,
            report.note.cause
        );
    }
}

#[tokio::test]
async fn a_switch_of_protocols_is_an_answer_too() {
    let origin =
        Origin::always("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").await;
    let expect_status = StatusSet::parse("101").unwrap();
    answered(&run(&ProbeSpec { expect_status, ..get(origin.url("/")) }).await, 101);
}

#[tokio::test]
async fn the_answer_to_head_has_no_body_whatever_its_length_says() {
    let origin = Origin::always("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    let spec = ProbeSpec { method: "HEAD".into(), ..get(origin.url("/")) };
    answered(&run(&spec).await, 200);
    assert!(origin.requests()[0].starts_with("HEAD / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_plain_get_says_who_asks_and_asks_for_no_compression() {
    let origin = Origin::always(response(200, &[], "")).await;
    answered(&run(&get(origin.url("/path?query=1#fragment"))).await, 200);
    let request = origin.requests().remove(0);
    assert!(request.starts_with("GET /path?query=1 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_ascii_lowercase();
    for expected in [
        format!("host: {}\r\n", origin.address),
        "accept: */*\r\n".into(),
        "connection: close\r\n".into(),
        format!("user-agent: zonewatch/{} (+https://", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(lower.contains(&expected), "{expected:?} is missing in {request}");
    }
    for absent in ["accept-encoding", "authorization", "content-length"] {
        assert!(!lower.contains(absent), "{absent} in {request}");
    }
}

#[tokio::test]
async fn a_post_sends_its_headers_and_body() {
    let origin = Origin::always(response(200, &[], "")).await;
    let headers = [("Content-Type", "application/json"), ("user-agent", "mine"), ("X-Two", "2")];
    let spec = ProbeSpec {
        method: "POST".into(),
        body: b"{\"a\":1}".to_vec(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..get(origin.url("/"))
    };
    answered(&run(&spec).await, 200);
    let request = origin.requests().remove(0).to_ascii_lowercase();
    for expected in [
        "post / http/1.1\r\n",
        "content-type: application/json\r\n",
        "x-two: 2\r\n",
        "content-length: 7\r\n",
    ] {
        assert!(request.contains(expected), "{expected:?} is missing in {request}");
    }
    assert!(
        request.contains("user-agent: mine\r\n") && !request.contains("zonewatch"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn credentials_in_the_url_are_sent_as_basic_authorization_and_nowhere_else() {
    let origin = Origin::always(response(200, &[], "")).await;
    let report = run(&get(format!("http://us%20er:p%40ss@{}/x", origin.address))).await;
    answered(&report, 200);
    let request = origin.requests().remove(0);
    assert!(request.starts_with("GET /x HTTP/1.1\r\n"), "{request}");
    // base64 of `us er:p@ss`
    assert!(request.contains("authorization: Basic dXMgZXI6cEBzcw==\r\n"), "{request}");
    assert!(!request.contains("p%40ss") && !request.contains("p@ss"), "{request}");
}

#[tokio::test]
async fn the_environment_s_proxies_are_of_no_consequence() {
    // No test may set variables of its own process: the request going to the origin itself is what can be seen.
    let origin = Origin::always(response(200, &[], "")).await;
    answered(&run(&get(origin.url("/"))).await, 200);
    assert!(origin.requests()[0].starts_with("GET / "));
}

#[tokio::test]
async fn a_body_is_held_against_its_expression() {
    let origin = Origin::always(response(200, &[], "status: green")).await;
    let spec =
        |pattern: &str| ProbeSpec { expect_body: Some(pattern.into()), ..get(origin.url("/")) };
    answered(&run(&spec("gr(e|a)en$")).await, 200);
    let report = run(&spec("^green")).await;
    let unexpected = Some(Unexpected::Body);
    assert_eq!(report.outcome, Outcome::Answered { status: 200, unexpected });
    assert_eq!(report.note.cause, "the body does not match /^green/");
}

#[tokio::test]
async fn only_the_first_64_kib_of_a_body_can_match() {
    let body = format!("{}late", "x".repeat(64 * 1024));
    let origin = Origin::always(response(200, &[], &body)).await;
    let spec = ProbeSpec { expect_body: Some("late".into()), ..get(origin.url("/")) };
    let report = run(&spec).await;
    assert_eq!(
        report.outcome,
        Outcome::Answered { status: 200, unexpected: Some(Unexpected::Body) }
    );
    assert_eq!(report.body_bytes as usize, body.len());
}

#[tokio::test]
async fn a_wrong_status_is_said_before_a_wrong_body() {
    let origin = Origin::always(response(500, &[], "oops")).await;
    let spec = ProbeSpec { expect_body: Some("fine".into()), ..get(origin.url("/")) };
    let unexpected = Some(Unexpected::Status);
    assert_eq!(run(&spec).await.outcome, Outcome::Answered { status: 500, unexpected });
}

#[tokio::test]
async fn an_endless_body_is_an_answer_that_is_cut() {
    let origin = Origin::raw(|mut stream, log| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
        log.note("cut");
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    answered(&report, 200);
    assert!(details(&report).body_cut);
    let slack = 512 * 1024; // What one read may bring.
    assert!((BODY_MAX..BODY_MAX + slack).contains(&u64::from(report.body_bytes)));
    while origin.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn no_more_probes_of_one_host_run_than_its_limit() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let origin = Origin::raw(move |mut stream, _| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        async move {
            read_request(&mut stream).await;
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            let _ = stream.write_all(&response(200, &[], "")).await;
        }
    })
    .await;
    let prober =
        Prober::new(&ProbeOptions { per_host: Some(3), ..ProbeOptions::default() }).unwrap();
    let spec = get(origin.url("/"));
    let mut probes = JoinSet::new();
    for _ in 0..20 {
        let (prober, spec) = (prober.clone(), spec.clone());
        probes.spawn(async move {
            let prepared = prober.prepare(&spec).unwrap();
            let _permit = prober.permit(&prepared).await;
            answered(&run_with(&prober, &spec).await, 200);
        });
    }
    assert_eq!(probes.join_all().await.len(), 20);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

#[test]
fn a_probe_that_waits_takes_little_room() {
    let prober = prober();
    let prepared = prober.prepare(&get("http://127.0.0.1:9/")).unwrap();
    let probe = prober.probe(&prepared);
    let bytes = size_of_val(&probe);
    assert!(bytes <= 4608, "{bytes} bytes");
}
