//! What a server can do in HTTP/2, frame by frame.

use std::time::Duration;

use agent::probe::{BODY_MAX, Report};
use proto::{Failure, Outcome, ProbeSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tls_origin::{Authority, TlsOrigin};
use super::{SHORT, answered, details, failed, get, run};

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// `:status: 200`, and the body is to come.
const HEAD: &[u8] = &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
const DATA: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0, 1, b'h', b'a', b'l', b'f'];
/// INTERNAL_ERROR, of the one stream.
const RESET: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2];
/// No stream was looked at.
const GO_AWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// A head that is not whole, and the same again.
const HALF_HEAD: &[u8] = &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88];
const CONTINUED: &[u8] = &[0, 0, 1, 9, 0, 0, 0, 0, 1, 0x88];

const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
/// Nothing more is sent, and the connection stays.
const QUIET: &[u8] = b"quiet";

/// A server that agrees on HTTP/2, sends `first`, then `again` without end, or hangs up when that is empty.
async fn sending(first: &[&[u8]], again: &'static [u8]) -> (Authority, TlsOrigin) {
    let first = first.concat();
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"], |_| {});
    let origin = TlsOrigin::scripted(identity, &["h2"], move |mut stream| {
        let first = first.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&first).await;
            if again == QUIET {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            while !again.is_empty() && stream.write_all(again).await.is_ok() {}
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await; // A close with unread bytes would be a reset.
        }
    })
    .await;
    (authority, origin)
}

fn spec((authority, origin): &(Authority, TlsOrigin)) -> ProbeSpec {
    ProbeSpec { tls_ca: Some(authority.path()), ..get(origin.url("localhost")) }
}

/// A probe of a server that does what a row of docs/probe.md says.
pub(crate) async fn play(what: &str, wait: Duration) -> Report {
    let (first, again): (&[&[u8]], _) = match what {
        "hangs up" => (&[][..], &b""[..]),
        "speaks HTTP/1.1 after all" => (&[b"HTTP/1.1 200 OK\r\n\r\n"], b""),
        "resets the stream" => (&[SETTINGS, RESET], b""),
        "goes away before the answer" => (&[SETTINGS, GO_AWAY], b""),
        "resets the body" => (&[SETTINGS, HEAD, DATA, RESET], b""),
        "hangs up in the body" => (&[SETTINGS, HEAD, DATA], b""),
        "endless headers" => (&[SETTINGS, HALF_HEAD], CONTINUED),
        "endless settings" => (&[SETTINGS], SETTINGS),
        "endless pings" => (&[SETTINGS], PING),
        "says nothing" => (&[SETTINGS], QUIET),
        other => panic!("nobody plays `HTTP/2: {other}`"),
    };
    let server = sending(first, again).await;
    let mut spec = spec(&server);
    if again == QUIET {
        spec.timeout = wait;
    }
    run(&spec).await
}

#[tokio::test]
async fn what_ends_before_the_head_is_no_http() {
    let garbage: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    for (first, what) in [
        (&[][..], "nothing"),
        (&[garbage][..], "HTTP/1"),
        (&[SETTINGS][..], "settings"),
        (&[SETTINGS, RESET][..], "a reset"),
        (&[SETTINGS, GO_AWAY][..], "go away"),
    ] {
        let report = run(&spec(&sending(first, b"").await)).await;
        let outcome = Outcome::Failed(Failure::Protocol);
        assert_eq!(report.outcome, outcome, "{what}: {}", report.note.cause);
        assert!(!report.note.cause.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_read_failure() {
    for first in [&[SETTINGS, HEAD, DATA, RESET][..], &[SETTINGS, HEAD, DATA][..]] {
        let report = run(&spec(&sending(first, b"").await)).await;
        assert_eq!(report.outcome, Outcome::Failed(Failure::Read), "{}", report.note.cause);
    }
}

#[tokio::test]
async fn a_head_without_end_ends_at_the_limit() {
    let report = run(&spec(&sending(&[SETTINGS, HALF_HEAD], CONTINUED).await)).await;
    assert_eq!(report.outcome, Outcome::Failed(Failure::Protocol), "{}", report.note.cause);
}

#[tokio::test]
async fn settings_without_end_end_at_the_limit() {
    let report = run(&spec(&sending(&[SETTINGS], SETTINGS).await)).await;
    failed(&report, Failure::Protocol, "still no head");
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"], |_| {});
    let origin = TlsOrigin::scripted(identity, &["h2"], |mut stream| async move {
        let _ = stream.write_all(SETTINGS).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let server = (authority, origin);
    let spec = ProbeSpec { timeout: SHORT, ..spec(&server) };
    failed(&run(&spec).await, Failure::Timeout, "wait for an answer");
}

#[tokio::test]
async fn a_body_without_end_is_an_answer_that_is_cut() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"], |_| {});
    let origin = TlsOrigin::large(identity, 4 * BODY_MAX).await;
    let report = run(&spec(&(authority, origin))).await;
    answered(&report, 200);
    assert!(details(&report).body_cut && u64::from(report.body_bytes) >= BODY_MAX);
}
