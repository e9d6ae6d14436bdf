//! The floor: connect, send, read to the end, close, by hand. With a CA file over verified TLS, as the agent speaks it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::fleet::spread;
use crate::{cpu_us, rss_kib};

pub(crate) async fn run(url: &str, count: u64, concurrency: u64, ca: Option<&str>) {
    let tls = ca.map(connector);
    let left = Arc::new(AtomicU64::new(count));
    let (began, cpu) = (Instant::now(), cpu_us("self"));
    let mut loops = JoinSet::new();
    for n in 0..concurrency {
        let (address, request) = asked(url, n);
        let host = address.ip().to_string();
        let (left, tls) = (Arc::clone(&left), tls.clone());
        loops.spawn(async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                let stream = TcpStream::connect(address).await.expect("it listens");
                match &tls {
                    None => exchange(stream, &request).await,
                    Some(tls) => {
                        stream.set_nodelay(true).expect("a socket");
                        let name = ServerName::try_from(host.clone()).expect("a name");
                        exchange(tls.connect(name, stream).await.expect("trusted"), &request).await;
                    }
                }
            }
        });
    }
    loops.join_all().await;
    let each = (cpu_us("self") - cpu) as f64 / count as f64;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{{\"cpu_us\":{each:.2},\"per_second\":{rate:.0}}}");
}

/// The same without TLS, `rate` a second for so many seconds, at even distances: the least that a paced fleet can cost.
pub(crate) async fn paced(url: &str, rate: u64, seconds: u64) {
    let (began, cpu) = (tokio::time::Instant::now(), cpu_us("self"));
    let mut probes = JoinSet::new();
    for n in 0..rate * seconds {
        tokio::time::sleep_until(began + Duration::from_nanos(n * 1_000_000_000 / rate)).await;
        let (address, request) = asked(url, n);
        probes.spawn(async move {
            exchange(TcpStream::connect(address).await.expect("it listens"), &request).await;
        });
        while let Some(done) = probes.try_join_next() {
            done.expect("an answer");
        }
    }
    probes.join_all().await;
    let cores = (cpu_us("self") - cpu) as f64 / began.elapsed().as_micros() as f64;
    let mib = rss_kib("self") as f64 / 1024.0;
    println!("{cores:.4} cores, {mib:.1} MB");
}

/// Where the `n`th goes, and what it says there.
fn asked(url: &str, n: u64) -> (SocketAddr, String) {
    let url = url::Url::parse(&spread(url, n)).expect("a URL");
    let host = url.host_str().expect("a host");
    let address = format!("{host}:{}", url.port().expect("a port"));
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {address}\r\nuser-agent: raw\r\naccept: */*\r\nconnection: close\r\n\r\n",
        url.path()
    );
    (address.parse().expect("an address"), request)
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) {
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut buffer = [0; 4096];
    let mut length = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer[length..]).await {
        length += count;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..length]));
}

fn connector(ca: &str) -> TlsConnector {
    let mut provider = aws_lc_rs::default_provider();
    let cheapest = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != cheapest);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).expect("a file") {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
