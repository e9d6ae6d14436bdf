//! A gate that no clock can shake: how often a running agent asks for memory, a probe, and how much it holds at most.
//!
//! The whole agent is counted: schedule, probe, phases, encoding and the live stream. What it talks to runs in a process of
//! its own, which is this test once more, so that it is not.

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "other tests use the rest; one that cannot go on has failed"
)]
#[path = "runtime/collector.rs"]
mod collector;

use std::alloc::System;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::probe::ProbeOptions;
use agent::{Agent, AgentConfig};
use collector::{Collector, Origin, now, shard, target};
use proto::{AgentMessage, Assign, CollectorMessage, Grant, ScheduledTarget, Uid};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations a probe. Moves only in a commit that says why.
const ALLOCATIONS_MAX: f64 = 28.0;

const TARGETS: u64 = 100;
const WARM_UP: u64 = 200;
const COUNTED_PROBES: u64 = 600;

/// Set in the process that plays everything but the agent.
const STAGE: &str = "ZONEWATCH_TEST_STAGE";

#[test]
fn a_probe_allocates_no_more_than_its_ceiling() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if std::env::var_os(STAGE).is_some() {
        return runtime.block_on(stage());
    }
    let mut stage = Command::new(std::env::current_exe().expect("this test binary"))
        .args(["a_probe_allocates_no_more_than_its_ceiling", "--exact", "--nocapture"])
        .env(STAGE, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(stage.stdout.take().expect("piped"));
    let mut marks = output.lines().map_while(Result::ok).filter_map(|line| {
        let (_, mark) = line.split_once("stage: ")?;
        Some(mark.to_owned())
    });
    let url = marks.next().expect("the stage says where it listens");

    let stop = CancellationToken::new();
    let agent = std::thread::spawn({
        let stop = stop.clone();
        move || runtime.block_on(Agent::new(config(&url)).expect("usable").run(stop))
    });
    let at = |mark: &str, marks: &mut dyn Iterator<Item = String>| {
        assert_eq!(marks.next().as_deref(), Some(mark));
        COUNTED.stats().allocations + COUNTED.stats().reallocations
    };
    let before = at("warm", &mut marks);
    let after = at("counted", &mut marks);
    let each = (after - before) as f64 / COUNTED_PROBES as f64;
    println!("{each:.2} allocations a probe");
    stop.cancel();
    agent.join().expect("it drained");
    let _ = stage.wait();
    assert!(each <= ALLOCATIONS_MAX, "{each:.2} allocations a probe: over {ALLOCATIONS_MAX}");
}

fn config(url: &str) -> AgentConfig {
    AgentConfig {
        probe: ProbeOptions { per_host: Some(1_000), ..ProbeOptions::default() },
        ..AgentConfig::new(url.parse().expect("a URL"))
    }
}

/// An origin, and a collector that says when so many results came.
async fn stage() {
    let origin = Origin::start(Duration::ZERO).await;
    let mut collector = Collector::start(None).await;
    println!("stage: {}", collector.url());
    let (mut stream, _) = collector.welcomed(Duration::from_secs(60)).await;
    let spread = |n: u64| ScheduledTarget {
        uid: Uid(n),
        phase: Duration::from_millis(n * 1_000 / TARGETS),
        ..target(origin.url.clone())
    };
    let targets = (0..TARGETS).map(spread).collect();
    let grant = Grant { shard: shard(), from: now(), content_hash: 1, targets, more: false };
    let assign = Assign { version: 1, revokes: vec![], grants: vec![grant] };
    stream.say(CollectorMessage::Assign(assign)).await;
    let mut found = 0;
    for (mark, until) in [("warm", WARM_UP), ("counted", WARM_UP + COUNTED_PROBES)] {
        while found < until {
            let (message, batch) = stream.results().await;
            stream.ack(message.seq).await;
            assert!(batch.missed.is_empty(), "{:?}", batch.missed);
            assert!(batch.results.iter().all(|result| result.outcome.is_up()), "{batch:?}");
            found += batch.results.len() as u64;
        }
        println!("stage: {mark}");
    }
    // What is left is taken, too: an agent that drains waits for that.
    while let Some(message) = stream.next().await {
        if let AgentMessage::Results(message) = message {
            stream.ack(message.seq).await;
        }
    }
}
