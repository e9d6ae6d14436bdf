//! A collector that gives one real agent its work, over the real stream, and measures what that costs it.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use proto::{
    AgentMessage, Assign, CollectorMessage, Grant, ProbeSpec, ScheduledTarget, ShardId, Timestamp,
    Uid, wire::decode_batch,
};
use tokio::task::JoinSet;

use crate::collector::{Collector, Conversation, now};
use crate::origin::Origin;
use crate::{cpu_us, rss_kib};

/// `{}` in a URL is one of sixteen addresses of this machine: one address has only so many ports.
pub(crate) fn spread(url: &str, n: u64) -> String {
    url.replace("{}", &(n % 16 + 1).to_string())
}

/// Targets in one shard, so that a grant stays small.
const SHARD: u64 = 200;
const LEASE: Duration = Duration::from_secs(60);

/// What an agent is given to do.
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) targets: u64,
    pub(crate) ca: Option<String>,
    /// All due at the same instant, not evenly spread.
    pub(crate) at_once: bool,
}

impl Load {
    /// Target `n`, once every `interval`.
    fn target(&self, n: u64, interval: Duration, timeout: Duration) -> ScheduledTarget {
        let interval_ms = u64::try_from(interval.as_millis()).expect("short");
        let spec =
            ProbeSpec { timeout, tls_ca: self.ca.clone(), ..ProbeSpec::get(spread(&self.url, n)) };
        let phase_ms = if self.at_once { 0 } else { n * interval_ms / self.targets };
        ScheduledTarget {
            uid: Uid(n),
            revision: 1,
            interval,
            phase: Duration::from_millis(phase_ms),
            from: Timestamp::EPOCH,
            spec,
        }
    }

    async fn give(
        &self,
        stream: &mut Conversation,
        from: Timestamp,
        interval: Duration,
        timeout: Duration,
    ) {
        for version in 1..=self.targets.div_ceil(SHARD) {
            let first = (version - 1) * SHARD;
            let targets = (first..self.targets.min(first + SHARD))
                .map(|n| self.target(n, interval, timeout))
                .collect();
            let shard = ShardId::new(u32::try_from(version).expect("few")).expect("few");
            let grant = Grant { shard, from, content_hash: version, targets, more: false };
            let assign = Assign { version, revokes: vec![], grants: vec![grant] };
            stream.say(CollectorMessage::Assign(assign)).await;
            applied(stream).await;
        }
    }
}

/// Waits until an agent holds what it was given; what it has found by then is acknowledged, or it would hold on to it.
async fn applied(stream: &mut Conversation) {
    loop {
        match stream.next().await {
            Some(AgentMessage::Applied(_)) => return,
            Some(AgentMessage::Results(message)) => stream.ack(message.seq).await,
            Some(_) => {}
            None => panic!("the agent ended the stream"),
        }
    }
}

/// What came back.
#[derive(Default)]
struct Found {
    up: u64,
    failed: u64,
    missed: u64,
}

/// Takes results until `end`, or until `enough` came.
async fn take(stream: &mut Conversation, end: Duration, enough: u64) -> Found {
    let mut found = Found::default();
    let deadline = Instant::now() + end;
    while found.up < enough && Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        let next = tokio::time::timeout(left, stream.next()).await;
        let Ok(Some(AgentMessage::Results(message))) = next else { continue };
        let batch = decode_batch(&message.columns).expect("well formed");
        let up = batch.results.iter().filter(|result| result.outcome.is_up()).count() as u64;
        found.up += up;
        found.failed += batch.results.len() as u64 - up;
        found.missed += batch.missed.len() as u64;
        stream.ack(message.seq).await;
    }
    found
}

fn start(agent: &str, collector: &Collector, concurrency: &str) -> Child {
    let words: Vec<_> = agent.split_whitespace().collect();
    Command::new(words[0])
        .args(&words[1..])
        .args(["run", "--collector", &collector.url(), "--listen", "127.0.0.1:0"])
        .args(["--concurrency", concurrency, "--per-host", "1000000", "--log-level", "warn"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the agent starts")
}

/// So many targets a second, each on a connection of its own: what a probe costs, and whether all were probed.
pub(crate) async fn saturate(agent: &str, load: Load, seconds: Duration, concurrency: &str) {
    let mut collector = Collector::start(None).await;
    let mut child = start(agent, &collector, concurrency);
    let pid = child.id().to_string();
    let (mut stream, _) = collector.welcomed(LEASE).await;
    let second = Duration::from_secs(1);
    load.give(&mut stream, now(), second, second).await;
    take(&mut stream, 3 * second, u64::MAX).await;
    let (began, cpu) = (Instant::now(), cpu_us(&pid));
    let Found { up, failed, missed } = take(&mut stream, seconds, u64::MAX).await;
    let each = (cpu_us(&pid) - cpu) as f64 / (up + failed).max(1) as f64;
    let rate = up as f64 / began.elapsed().as_secs_f64();
    let rss = rss_kib(&pid);
    println!(
        "{{\"cpu_us\":{each:.2},\"per_second\":{rate:.0},\"failed\":{failed},\"missed\":{missed},\"rss_kib\":{rss}}}"
    );
    let _ = child.kill();
    let _ = child.wait();
}

/// So many probes of a slow server at once: what one of them takes beyond the agent that holds as many targets.
pub(crate) async fn in_flight(agent: &str, count: u64, tls: bool) {
    let mut tasks = JoinSet::new();
    // They become due one after the other, and have their answers once all have asked: handshakes take the longer.
    let spread = Duration::from_secs(if tls { 20 } else { 10 });
    let Origin { url, ca, waiting } = Origin::start(&mut tasks, spread * 2, tls).await;
    let path = ca.as_ref().map(|file| file.path().display().to_string());
    let mut collector = Collector::start(None).await;
    let mut child = start(agent, &collector, &(count + 100).to_string());
    let pid = child.id().to_string();
    let (mut stream, hello) = collector.welcomed(LEASE).await;
    assert!(u64::from(hello.capacity) >= count, "the agent has room for {}", hello.capacity);
    let load = Load { url, targets: count, ca: path, at_once: false };
    let from = now() + Duration::from_secs(8);
    let interval = Duration::from_secs(60);
    let mut batch: Vec<_> = (0..count).map(|n| load.target(n, interval, interval)).collect();
    let start_ms = u64::try_from(from.millis()).expect("positive") + 2_000;
    let spread_ms = u64::try_from(spread.as_millis()).expect("short");
    for (n, target) in (0_u64..).zip(&mut batch) {
        target.phase = Duration::from_millis((start_ms + n * spread_ms / count) % 60_000);
    }
    for (version, targets) in (1..).zip(batch.chunks(SHARD as usize)) {
        let shard = ShardId::new(u32::try_from(version).expect("few")).expect("few");
        let grant =
            Grant { shard, from, content_hash: version, targets: targets.to_vec(), more: false };
        let assign = Assign { version, revokes: vec![], grants: vec![grant] };
        stream.say(CollectorMessage::Assign(assign)).await;
        applied(&mut stream).await;
    }
    let base = rss_kib(&pid);
    let deadline = Instant::now() + Duration::from_secs(10) + spread * 3;
    while waiting.load(Ordering::Relaxed) < count && Instant::now() < deadline {
        // Hears the beats meanwhile, and answers them.
        let _ = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    }
    let (most, peak) = (waiting.load(Ordering::Relaxed), rss_kib(&pid));
    let each = (peak - base) as f64 / count as f64;
    println!(
        "{{\"in_flight\":{most},\"base_kib\":{base},\"peak_kib\":{peak},\"kib_each\":{each:.2}}}"
    );
    let _ = child.kill();
    let _ = child.wait();
}

/// An agent that is started by somebody else (under valgrind, say) gets a little to do, until so many results came. All is due at
/// once, every two seconds: what an agent does by the clock is then shared by many probes, however slowly it runs.
pub(crate) async fn instructions(count: u64) {
    let mut tasks = JoinSet::new();
    let Origin { url, .. } = Origin::start(&mut tasks, Duration::ZERO, false).await;
    let load = Load { url, targets: 200, ca: None, at_once: true };
    let mut collector = Collector::start(None).await;
    println!("{}", collector.url());
    let (mut stream, _) = collector.welcomed(LEASE).await;
    let two_seconds = Duration::from_secs(2);
    load.give(&mut stream, now(), two_seconds, two_seconds).await;
    let Found { up, failed, missed } = take(&mut stream, Duration::from_secs(600), count).await;
    println!("{{\"up\":{up},\"failed\":{failed},\"missed\":{missed}}}");
    // The agent is told to end, and heard to its end.
    while let Some(message) = stream.next().await {
        if let AgentMessage::Results(message) = message {
            stream.ack(message.seq).await;
        }
    }
}
