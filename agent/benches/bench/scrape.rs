//! Drives `prometheus-blackbox-exporter`: so many `/probe` requests, so many at a time, and what they cost it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::cpu_us;

/// `url`: the exporter's, with module and target. `pid`: the exporter's.
pub(crate) async fn run(url: &str, count: u64, concurrency: u64, pid: u64) {
    let url = url::Url::parse(url).expect("a URL");
    let address = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    let path = &url[url::Position::BeforePath..];
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    let left = Arc::new(AtomicU64::new(count));
    let pid = pid.to_string();
    let (began, cpu) = (Instant::now(), cpu_us(&pid));
    let mut loops = JoinSet::new();
    for _ in 0..concurrency {
        let (left, address, request) = (Arc::clone(&left), address.clone(), request.clone());
        loops.spawn(async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                let mut stream = TcpStream::connect(&address).await.expect("it listens");
                stream.write_all(request.as_bytes()).await.expect("it reads");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.expect("text");
                assert!(answer.contains("\nprobe_success 1"), "{answer}");
            }
        });
    }
    loops.join_all().await;
    let each = (cpu_us(&pid) - cpu) as f64 / count as f64;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{{\"cpu_us\":{each:.2},\"per_second\":{rate:.0}}}");
}
