//! What the benchmarks set beside the agent, and what plays the other side: see scripts/bench, which runs it all in a
//! network namespace of its own, and docs/benchmarks.md for what came out.
//!
//! CPU is what the kernel counts for the process under test (user and system), never wall time: it means the same on a
//! machine that others use, too.

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests use the rest; one that cannot go on has failed"
)]
#[path = "../../tests/runtime/collector.rs"]
mod collector;
mod fleet;
mod raw;
mod scrape;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

const USAGE: &str = "bench raw URL COUNT CONCURRENCY [CA] | paced URL RATE SECONDS | \
    scrape URL COUNT CONCURRENCY PID | \
    fleet AGENT URL TARGETS SECONDS CONCURRENCY [CA] | inflight AGENT COUNT | instructions COUNT";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text}: {USAGE}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    match arguments[..] {
        ["raw", url, count, concurrency, ref rest @ ..] => {
            runtime.block_on(raw::run(
                url,
                number(count),
                number(concurrency),
                rest.first().copied(),
            ));
        }
        ["paced", url, rate, seconds] => {
            runtime.block_on(raw::paced(url, number(rate), number(seconds)));
        }
        ["scrape", url, count, concurrency, pid] => {
            runtime.block_on(scrape::run(url, number(count), number(concurrency), number(pid)));
        }
        ["fleet", agent, url, targets, seconds, concurrency, ref rest @ ..] => {
            let ca = rest.first().map(|ca| (*ca).to_owned());
            let seconds = Duration::from_secs(number(seconds));
            let load =
                fleet::Load { url: url.into(), targets: number(targets), ca, at_once: false };
            runtime.block_on(fleet::saturate(agent, load, seconds, concurrency));
        }
        ["inflight", agent, count] => runtime.block_on(fleet::in_flight(agent, number(count))),
        ["instructions", count] => runtime.block_on(fleet::instructions(number(count))),
        _ => panic!("{USAGE}"),
    }
}

/// User and system time of a process so far, in microseconds: in steps of 10 ms.
fn cpu_us(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("ticks");
    (ticks(11) + ticks(12)) * 10_000
}

/// What a process holds in memory, in KiB.
fn rss_kib(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// An origin that answers after `delay`: its address, and how many wait for an answer.
async fn origin(tasks: &mut JoinSet<()>, delay: Duration) -> (String, Arc<AtomicU64>) {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n\
        content-length: 2\r\nconnection: close\r\n\r\nok";
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener: TcpListener = socket.listen(4096).expect("it listens");
    let address = listener.local_addr().expect("bound");
    let waiting = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&waiting);
    tasks.spawn(async move {
        let mut answers = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            answers.spawn(async move {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(delay).await;
                counted.fetch_sub(1, Ordering::Relaxed);
                let _ = stream.write_all(ANSWER).await;
            });
            while answers.try_join_next().is_some() {}
        }
    });
    (format!("http://{address}/"), waiting)
}
