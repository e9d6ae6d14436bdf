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
mod origin;
mod raw;
mod scrape;

use std::time::Duration;

const USAGE: &str = "bench raw URL COUNT CONCURRENCY [CA] | paced URL RATE SECONDS | \
    scrape URL COUNT CONCURRENCY PID | \
    fleet AGENT URL TARGETS SECONDS CONCURRENCY [CA] | inflight AGENT COUNT http|https | instructions COUNT";

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
        ["inflight", agent, count, scheme @ ("http" | "https")] => {
            runtime.block_on(fleet::in_flight(agent, number(count), scheme == "https"));
        }
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
