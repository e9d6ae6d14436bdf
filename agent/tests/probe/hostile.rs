//! What a server can do to a client: every probe ends in time, as the right kind, with a cause that says what happened.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use proto::{Failure, ProbeSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::origin::{Origin, read_request, response};
use super::{SHORT, answered, failed, get, run};

/// 64 MiB of zeros, packed into 64 KiB.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).expect("into memory");
    }
    encoder.finish().expect("into memory")
}

/// Closes with a reset instead of an end.
pub(crate) fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("a socket");
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = run(&get(format!("http://{address}/"))).await;
    failed(&report, Failure::Connect, &format!("connect to {address}: connection refused"));
    assert_eq!(report.note.remote_address, Some(address));
    assert_eq!(report.phases.processing_us, 0);
}

#[tokio::test]
async fn a_connection_that_closes_without_a_byte_is_no_http() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "closed before any byte");
}

#[tokio::test]
async fn a_connection_that_is_reset_before_the_head_is_no_http() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        reset(stream);
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    assert_eq!(report.outcome, proto::Outcome::Failed(Failure::Protocol), "{}", report.note.cause);
}

#[tokio::test]
async fn a_head_that_breaks_off_is_no_http() {
    let origin = Origin::always("HTTP/1.1 200 OK\r\nserver: half a he").await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "closed in the head of the answer, after 34 bytes");
}

#[tokio::test]
async fn what_is_not_http_is_shown_as_evidence() {
    for (bytes, evidence) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6"),
        ("<html>HTTP/0.9 has no head</html>\r\n\r\n", "<html>"),
        ("\u{0}\u{1}\u{2}\u{3}garbage\r\n\r\n", "garbage"),
        ("HTTP/9.9 200 OK\r\n\r\n", "HTTP/9.9"),
        ("HTTP/1.1 099 Low\r\n\r\n", "099"),
        ("ICY 200 OK\r\n\r\n", "ICY"),
    ] {
        let origin = Origin::always(bytes).await;
        let report = run(&get(origin.url("/"))).await;
        failed(&report, Failure::Protocol, "not HTTP");
        failed(&report, Failure::Protocol, evidence);
    }
}

#[tokio::test]
async fn a_server_that_speaks_before_it_is_asked_is_judged_by_what_it_says() {
    let origin = Origin::raw(|mut stream, _| async move {
        let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
        read_request(&mut stream).await;
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "220 mail.test");
}

#[tokio::test]
async fn endless_headers_end_at_the_limit() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-header: and another one\r\n").await.is_ok() {}
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "head of the answer has more than");
}

#[tokio::test]
async fn one_endless_header_ends_at_the_limit() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "head of the answer has more than");
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends_at_the_limit() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await.is_ok() {}
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Protocol, "still no head");
}

#[tokio::test]
async fn a_large_head_within_the_limit_is_fine() {
    let headers: Vec<_> = (0..200).map(|n| format!("x-{n}: {}", "v".repeat(200))).collect();
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let origin = Origin::always(response(200, &headers, "")).await;
    answered(&run(&get(origin.url("/"))).await, 200);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_read_failure() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\nnonsense\r\n",
    ] {
        let origin = Origin::always(bytes).await;
        let report = run(&get(origin.url("/"))).await;
        failed(&report, Failure::Read, "the body broke off after 9 bytes");
    }
}

#[tokio::test]
async fn a_reset_in_the_body_is_a_read_failure() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        tokio::time::sleep(Duration::from_millis(50)).await; // So that the head is read before the reset.
        reset(stream);
    })
    .await;
    let report = run(&get(origin.url("/"))).await;
    failed(&report, Failure::Read, "the body broke off");
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_stretch_the_timeout() {
    let origin = Origin::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let report = run(&ProbeSpec { timeout: SHORT, ..get(origin.url("/")) }).await;
    failed(&report, Failure::Timeout, "no answer within 500ms: read the body from 127.0.0.1");
    assert!(report.phases.transfer_us > 0);
}

#[tokio::test]
async fn silence_after_the_request_is_a_timeout_that_says_what_was_waited_for() {
    let origin = Origin::raw(|mut stream, _| async move {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await; // Until the prober hangs up.
    })
    .await;
    let report = run(&ProbeSpec { timeout: SHORT, ..get(origin.url("/")) }).await;
    failed(&report, Failure::Timeout, &format!("wait for an answer from {}", origin.address));
    assert!(report.phases.processing_us >= 400_000, "{:?}", report.phases);
    assert_eq!(report.phases.transfer_us, 0);
}

#[tokio::test]
async fn a_server_that_never_accepts_is_a_timeout() {
    // The kernel completes the handshake of what waits in the backlog, so this ends where the answer is waited for.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let report = run(&ProbeSpec { timeout: SHORT, ..get(url) }).await;
    failed(&report, Failure::Timeout, "no answer within 500ms");
}

#[tokio::test]
async fn a_connection_that_never_comes_about_is_a_timeout_in_that_phase() {
    // A full backlog: the kernel drops what comes after.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        let connect = tokio::time::timeout(SHORT, TcpStream::connect(address)).await;
        let Ok(stream) = connect else { break };
        waiting.push(stream.unwrap());
    }
    let report = run(&ProbeSpec { timeout: SHORT, ..get(format!("http://{address}/")) }).await;
    failed(&report, Failure::Timeout, &format!("no answer within 500ms: connect to {address}"));
    assert_eq!(report.note.remote_address, Some(address));
    assert!(report.phases.connect_us >= 400_000, "{:?}", report.phases);
}

#[tokio::test]
async fn a_probe_that_is_dropped_closes_its_connection() {
    let origin = Origin::raw(|mut stream, log| async move {
        read_request(&mut stream).await;
        log.note("asked");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        log.note("closed");
    })
    .await;
    let spec = get(origin.url("/"));
    let mut probes = tokio::task::JoinSet::new();
    probes.spawn(async move { run(&spec).await });
    let noted = async |count: usize| {
        while origin.requests().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    noted(1).await;
    probes.shutdown().await;
    noted(2).await;
}
