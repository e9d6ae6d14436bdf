//! What every server gets, as docs/probe.md says: each row of its table is played, and its outcome is exactly that.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::probe::{ProbeOptions, Prober, Report};
use proto::{Outcome, ProbeSpec};
use rcgen::{IsCa, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::hostile::{gzip_bomb, reset};
use super::name_server::{NameServer, Reply};
use super::origin::{Origin, read_request, response};
use super::tls_origin::{Authority, Identity, TlsOrigin};
use super::{SHORT, get, http2, run, run_with};

const DOCUMENT: &str = include_str!("../../../docs/probe.md");

/// From the start to the end of any row: no hostile server holds a probe for longer than its timeout, and those that
/// do not wait end long before it. Generous, for a busy machine.
const ANY_ROW_MAX: Duration = Duration::from_secs(25);
/// Where the end of the time is the outcome: long enough to come that far on a busy machine.
const WAIT: Duration = Duration::from_secs(2);
/// Rows that are played at the same time.
const AT_ONCE: usize = 8;

/// `| what a server does | outcome | cause |` of the table that starts with these words.
fn rows() -> Vec<[String; 3]> {
    let table = DOCUMENT.split("| what it does | outcome | cause |").nth(1).expect("the table");
    let rows = table.trim_start().lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells: Vec<_> =
            row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        <[String; 3]>::try_from(cells).expect("three cells")
    };
    rows.map(cells).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_of_the_document_gets_the_outcome_that_it_says() {
    let rows = rows();
    assert!(rows.len() >= 60, "only {} rows: is the table still there?", rows.len());
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut played = JoinSet::new();
    for [what, outcome, cause] in rows {
        let turns = Arc::clone(&turns);
        played.spawn(async move {
            let _turn = turns.acquire().await;
            let began = Instant::now();
            let report = Box::pin(play(&what)).await;
            let (found, took) = ([shown(&report), kind(&report)], began.elapsed());
            let right = found == [outcome, cause] && took < ANY_ROW_MAX;
            (!right).then(|| format!("{what}: {found:?} after {took:?}: {}", report.note.cause))
        });
    }
    let wrong: Vec<_> = played.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn shown(report: &Report) -> String {
    match report.outcome {
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Failed(failure) => failure.name().to_owned(),
    }
}

fn kind(report: &Report) -> String {
    report.note.kind.map_or("–".to_owned(), |kind| kind.name().to_owned())
}

/// A probe of a server that does what the row says.
async fn play(what: &str) -> Report {
    let (family, what) = what.split_once(": ").expect("`HTTP: …`");
    match family {
        "TCP" => tcp(what).await,
        "HTTP" => http(what).await,
        "body" => body(what).await,
        "redirect" => redirect(what).await,
        "HTTP/2" => http2::play(what, WAIT).await,
        "TLS" => tls(what).await,
        "DNS" => dns(what).await,
        other => panic!("nobody plays `{other}: {what}`"),
    }
}

fn short(url: String) -> ProbeSpec {
    ProbeSpec { timeout: WAIT, ..get(url) }
}

/// Hands each connection to `script` once the request was read.
async fn asked<F>(script: impl Fn(TcpStream) -> F + Send + Sync + Clone + 'static) -> Origin
where
    F: Future<Output = ()> + Send + 'static,
{
    Origin::raw(move |mut stream, _| {
        let script = script.clone();
        async move {
            read_request(&mut stream).await;
            script(stream).await;
        }
    })
    .await
}

async fn until_hung_up(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn tcp(what: &str) -> Report {
    match what {
        "nobody listens" => {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works here");
            let address = listener.local_addr().expect("it works here");
            drop(listener);
            run(&get(format!("http://{address}/"))).await
        }
        "nothing comes back" => {
            // A full backlog: the kernel drops what comes after.
            let socket = TcpSocket::new_v4().expect("it works here");
            socket.bind("127.0.0.1:0".parse().expect("it works here")).expect("it works here");
            let listener = socket.listen(1).expect("it works here");
            let address = listener.local_addr().expect("it works here");
            let mut waiting = Vec::new();
            while let Ok(stream) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
                waiting.push(stream.expect("it works here"));
            }
            run(&short(format!("http://{address}/"))).await
        }
        "never accepts" => {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works here");
            run(&short(format!("http://{}/", listener.local_addr().expect("it works here")))).await
        }
        "accepts late" => {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works here");
            let url = format!("http://{}/", listener.local_addr().expect("it works here"));
            let mut server = JoinSet::new();
            server.spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let (mut stream, _) = listener.accept().await.expect("it works here");
                read_request(&mut stream).await;
                let _ = stream.write_all(&response(200, &[], "late")).await;
            });
            run(&get(url)).await
        }
        "an address that is refused" => run(&get("http://169.254.169.254/")).await,
        "a private address, with --deny-private" => {
            let options = ProbeOptions { deny_private: true, ..ProbeOptions::default() };
            run_with(&Prober::new(&options).expect("it works here"), &get("http://127.0.0.1:9/"))
                .await
        }
        other => panic!("nobody plays `TCP: {other}`"),
    }
}

async fn http(what: &str) -> Report {
    let bytes: &[u8] = match what {
        "closes without a byte" => b"",
        "closes in the head" => b"HTTP/1.1 200 OK\r\nserver: half a he",
        "HTTP/0.9" => b"<html>no head at all</html>\r\n\r\n",
        "garbage" => b"\0\x01\x02\xff\xfegarbage\r\n\r\n",
        "SSH" => b"SSH-2.0-OpenSSH_9.6\r\n",
        "a version that there is not" => b"HTTP/9.9 200 OK\r\n\r\n",
        "contradictory lengths" => {
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
        }
        "lines that are no headers" => {
            b"HTTP/1.1 200 OK\r\nno header\r\nspace : 1\r\ncontent-length: 0\r\n\r\n"
        }
        "interim answers before the last" => {
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
        }
        "a switch of protocols" => {
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
        }
        "an error" => b"HTTP/1.1 503 Busy\r\nretry-after: 60\r\n\r\n",
        _ => return http_scripted(what).await,
    };
    run(&get(Origin::always(bytes).await.url("/"))).await
}

async fn http_scripted(what: &str) -> Report {
    let endless = |first: &'static [u8], again: &'static [u8], pause: Duration| {
        asked(move |mut stream| async move {
            let _ = stream.write_all(first).await;
            while stream.write_all(again).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        })
    };
    let now = Duration::ZERO;
    let (origin, wait) = match what {
        "says nothing" => (asked(until_hung_up).await, true),
        "resets before a byte" => (asked(|stream| async { reset(stream) }).await, false),
        "resets in the head" => {
            let origin = asked(|mut stream| async move {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
                tokio::time::sleep(Duration::from_millis(100)).await; // So that it is read before the reset.
                reset(stream);
            });
            (origin.await, false)
        }
        "closes its half and reads on" => {
            let origin = asked(|mut stream| async move {
                let _ = stream.shutdown().await;
                until_hung_up(stream).await;
            });
            (origin.await, false)
        }
        "speaks before it is asked" => {
            let origin = Origin::raw(|mut stream, _| async move {
                let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
                read_request(&mut stream).await;
            });
            (origin.await, false)
        }
        "a byte now and then, in the head" => {
            (endless(b"HTTP/1.1 200 OK\r\nx: ", b"x", Duration::from_millis(20)).await, true)
        }
        "endless headers" => (endless(b"HTTP/1.1 200 OK\r\n", b"x: another\r\n", now).await, false),
        "an endless header" => {
            (endless(b"HTTP/1.1 200 OK\r\nx: ", &[b'x'; 1024], now).await, false)
        }
        "endless interim answers" => {
            (endless(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", now).await, false)
        }
        other => panic!("nobody plays `HTTP: {other}`"),
    };
    let spec = if wait { short(origin.url("/")) } else { get(origin.url("/")) };
    run(&spec).await
}

async fn body(what: &str) -> Report {
    let expecting = |origin: &Origin, text: &str| ProbeSpec {
        expect_body: Some(text.to_owned()),
        ..get(origin.url("/"))
    };
    let chunked = |chunks: &str| {
        Origin::always(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"))
    };
    let packed = |body: Vec<u8>| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Origin::always([head.into_bytes(), body].concat())
    };
    match what {
        "none" => run(&get(Origin::always("HTTP/1.1 204 None\r\n\r\n").await.url("/"))).await,
        "shorter than its length" => {
            let origin =
                Origin::always("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await;
            run(&get(origin.url("/"))).await
        }
        "longer than its length" => {
            let origin = Origin::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nlonger").await;
            run(&get(origin.url("/"))).await
        }
        "chunks that are none" => {
            run(&get(chunked("2\r\nok\r\nnonsense\r\n").await.url("/"))).await
        }
        "chunks without the last" => run(&get(chunked("2\r\nok\r\n").await.url("/"))).await,
        "endless" => {
            let origin = asked(|mut stream| async move {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
            });
            run(&get(origin.await.url("/"))).await
        }
        "a byte now and then" => {
            let origin = asked(|mut stream| async move {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n").await;
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            run(&short(origin.await.url("/"))).await
        }
        "a reset" => {
            let origin = asked(|mut stream| async move {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf").await;
                tokio::time::sleep(Duration::from_millis(100)).await; // So that the head is read before the reset.
                reset(stream);
            });
            run(&get(origin.await.url("/"))).await
        }
        "a gzip bomb, expected to be zeros" => {
            let origin = packed(gzip_bomb()).await;
            run(&expecting(&origin, "(?s-u)^\\x00{1000}")).await
        }
        "not packed as it says" => run(&expecting(&packed(b"plain".to_vec()).await, "plain")).await,
        "another than expected" => {
            run(&expecting(&Origin::always(response(200, &[], "other")).await, "mine")).await
        }
        other => panic!("nobody plays `body: {other}`"),
    }
}

async fn redirect(what: &str) -> Report {
    let location = match what {
        "a loop" => "/",
        "without end" => "next",
        "to an address that is refused" => "http://169.254.169.254/latest/meta-data/",
        "to nowhere" => "",
        "to what is not HTTP" => "ftp://a.test/",
        "of a body to somebody else" => "http://127.0.0.2:9/",
        other => panic!("nobody plays `redirect: {other}`"),
    };
    let origin = Origin::answering(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let location = match location {
            "" => "x: y".to_owned(),
            "next" => format!("location: {path}x"),
            location => format!("location: {location}"),
        };
        response(307, &[&location], "")
    })
    .await;
    let mut spec = ProbeSpec { follow_redirects: true, ..get(origin.url("/")) };
    if what.contains("body") {
        (spec.method, spec.body) = ("POST".into(), b"secret".to_vec());
    }
    run(&spec).await
}

async fn tls(what: &str) -> Report {
    let authority = Authority::new();
    let (early, expired, late) =
        (date_time_ymd(2019, 1, 2), date_time_ymd(2020, 1, 2), date_time_ymd(2090, 1, 2));
    let identity = match what {
        "an expired certificate" => authority.issue(&["localhost"], |params| {
            (params.not_before, params.not_after) = (early, expired);
        }),
        "a certificate that is not valid yet" => {
            authority.issue(&["localhost"], |params| params.not_before = late)
        }
        "a certificate for another name" => authority.issue(&["other.example"], |_| {}),
        "a self-signed certificate" => Identity::self_signed(&["localhost"], IsCa::NoCa).0,
        "a certificate of an unknown issuer" => {
            Authority::named("somebody else").issue(&["localhost"], |_| {})
        }
        _ => return tls_scripted(what).await,
    };
    let origin = TlsOrigin::start(identity, &[]).await;
    let url = origin.url("localhost");
    run(&ProbeSpec { tls_ca: Some(authority.path()), ..get(url) }).await
}

async fn tls_scripted(what: &str) -> Report {
    let bytes: &[u8] = match what {
        "only an old version" => &[21, 3, 1, 0, 2, 2, 70], // alert: protocol_version
        "no cipher in common" => &[21, 3, 3, 0, 2, 2, 40], // alert: handshake_failure
        "a name that it does not know" => &[21, 3, 3, 0, 2, 2, 112],
        "plain HTTP" => b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "hangs up" => b"",
        "resets" => b"reset",
        "a handshake that stalls" => &[22, 3, 3, 1, 0],
        other => panic!("nobody plays `TLS: {other}`"),
    };
    let stalls = what.contains("stalls");
    let origin = Origin::raw(move |mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        if bytes == b"reset" {
            return reset(stream);
        }
        let _ = stream.write_all(bytes).await;
        if stalls {
            return until_hung_up(stream).await;
        }
        // Waits for the client's alert: a close with unread bytes would be a reset.
        let _ = stream.shutdown().await;
        until_hung_up(stream).await;
    })
    .await;
    let url = format!("https://{}/", origin.address);
    run(&if stalls { short(url) } else { get(url) }).await
}

async fn dns(what: &str) -> Report {
    let origin = Origin::always(response(200, &[], "")).await;
    let url = format!("http://web.example:{}/", origin.address.port());
    let addresses = |list: &[&str]| {
        Reply::Addresses(list.iter().map(|ip| ip.parse().expect("an address")).collect())
    };
    let reply = match what {
        "no such name" => Reply::NoSuchName,
        "a server that fails" => Reply::ServerFailure,
        "a server that refuses" => Reply::Refused,
        "silence" => Reply::Silence,
        "no address" => addresses(&[]),
        "a loop of aliases" => Reply::Alias("web.example"),
        "a thousand addresses" => {
            let good = Ipv4Addr::LOCALHOST.into();
            Reply::Addresses(std::iter::repeat_n(good, 1000).collect())
        }
        "a refused address behind a public name" => addresses(&["169.254.169.254"]),
        "the same, mapped into IPv6" => addresses(&["::ffff:169.254.169.254"]),
        "the same, behind NAT64" => addresses(&["64:ff9b::169.254.169.254"]),
        "the same, behind 6to4" => addresses(&["2002:a9fe:a9fe::1"]),
        "a refused address beside a good one" => addresses(&["169.254.169.254", "127.0.0.1"]),
        "a name that DNS cannot hold" => {
            return run(&get(format!("http://{}.example/", "a".repeat(64)))).await;
        }
        other => panic!("nobody plays `DNS: {other}`"),
    };
    let waits = matches!(reply, Reply::Silence);
    let server = NameServer::always(reply).await;
    run_with(&server.prober(), &if waits { short(url) } else { get(url) }).await
}
