//! One of two collectors leads. It is killed, stopped, paused and cut off from the table; the other one takes over, and the
//! log, read by this test alone, holds every slot once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::store::Store;
use proto::{Kind, Record, Timestamp, wire};
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use super::cluster::{Cluster, INTERVAL};
use super::contract::Stubborn;
use super::moto;

/// A takeover without notice …
const UNANNOUNCED_MAX: Duration = Duration::from_secs(25);
/// … and one that was announced: within 3 s where moto has a core of its own; this is for machines that do more.
const ANNOUNCED_MAX: Duration = Duration::from_secs(9);

/// Every record of the log.
fn log(cluster: &Cluster) -> Vec<Record> {
    let store = Stubborn(moto::open(&moto::at(&cluster.table.table, moto::address())));
    let mut records = Vec::new();
    let mut each = |position: u64, bytes| {
        assert_eq!(position, records.len() as u64, "the log has no gaps");
        records.push(wire::decode_record(bytes).expect("a record"));
        true
    };
    store.read_from(0, &mut each).expect("it can be read");
    records
}

fn claims(cluster: &Cluster) -> usize {
    log(cluster).iter().filter(|record| matches!(record.kind, Kind::Claim { .. })).count()
}

/// Waits for another claim; how long after `since` it was made, on the wall clock that all processes here share.
fn next_claim(cluster: &Cluster, before: usize, since: Timestamp) -> Duration {
    cluster.until("another one claims the log", |cluster| claims(cluster) > before);
    let claim = log(cluster).into_iter().rfind(|record| matches!(record.kind, Kind::Claim { .. }));
    claim.expect("there is one").at.since(since)
}

fn now() -> Timestamp {
    let wall = clock_gettime(ClockId::Realtime);
    Timestamp::from_millis(wall.tv_sec * 1000 + wall.tv_nsec / 1_000_000)
}

/// Waits until something newly planned is in the log.
fn goes_on(cluster: &Cluster) {
    let results = |cluster: &Cluster| -> usize {
        let log = log(cluster);
        let batches = log.iter().filter_map(|record| match &record.kind {
            Kind::Results(batch) => wire::decode_batch(&batch.columns).ok(),
            _ => None,
        });
        batches.map(|batch| batch.results.len()).sum()
    };
    let before = results(cluster);
    cluster.until("results go on", |cluster| results(cluster) > before + 12);
}

/// What the log itself says, without any code of the collector's but the decoding.
fn check(cluster: &Cluster) {
    let mut planned: BTreeMap<_, BTreeSet<i64>> = BTreeMap::new();
    let (mut results, mut missed, mut doubled) = (0, 0, 0);
    for (position, record) in log(cluster).into_iter().enumerate() {
        match record.kind {
            Kind::Claim { epoch, .. } => assert_eq!(epoch, position as u64 + 1),
            Kind::Results(batch) => {
                let batch = wire::decode_batch(&batch.columns).expect("columns");
                missed += batch.missed.len();
                for result in batch.results {
                    results += 1;
                    let slots = planned.entry(result.uid).or_default();
                    doubled += usize::from(!slots.insert(result.planned.millis()));
                }
            }
            _ => {}
        }
    }
    let step = i64::try_from(INTERVAL.as_millis()).expect("small");
    for (target, slots) in &planned {
        // The first one may be one of its own, at the load.
        let regular: Vec<i64> = slots.iter().copied().skip(1).collect();
        for pair in regular.windows(2) {
            assert_eq!(pair[1] - pair[0], step, "{target:?} lacks a slot: {slots:?}");
        }
    }
    println!("{} targets, {results} results, {missed} missed, {doubled} doubled", planned.len());
    assert_eq!((planned.len(), missed, doubled), (12, 0, 0));
}

/// So often each: one by default, more by hand (see docs/store-dynamodb.md).
fn times(what: &str) -> usize {
    std::env::var(what).ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

#[test]
fn whatever_happens_to_the_leader_the_other_one_takes_over_and_no_slot_is_lost() {
    let mut cluster = Cluster::start();
    goes_on(&cluster);
    let (mut leader, mut times_taken) = (0, BTreeMap::<_, Vec<f64>>::new());
    let mut took = |what, time: Duration| {
        println!("{what}: another claim after {time:?}");
        times_taken.entry(what).or_default().push(time.as_secs_f64());
    };

    // The standby forwards what only the leader knows.
    let agents = cluster.json(1, "/api/v1/agents");
    assert_eq!(agents["agents"].as_array().map(Vec::len), Some(1), "{agents}");

    for _ in 0..times("ZONEWATCH_KILLS") {
        let (before, since) = (claims(&cluster), now());
        cluster.signal(leader, Signal::KILL);
        cluster.ended(leader);
        let standby = 1 - leader;
        // Nobody leads: what the log says is answered all the same, as of its newest record.
        cluster.until("the standby answers from the log", |cluster| {
            let answer = cluster.get(standby, "/api/v1/summary?window=1h");
            answer.starts_with("HTTP/1.1 200") && answer.contains("zonewatch-as-of")
        });
        let unanswered = cluster.get(standby, "/api/v1/agents");
        assert!(!unanswered.starts_with("HTTP/1.1 200"), "{unanswered}");
        let time = next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("killed", time);
        cluster.run(leader);
        let other = leader;
        cluster.until("the killed one stands by", |cluster| cluster.stands_by(other));
        leader = standby;
        goes_on(&cluster);
    }
    for _ in 0..times("ZONEWATCH_STOPS") {
        let (before, since) = (claims(&cluster), now());
        cluster.signal(leader, Signal::TERM);
        let time = next_claim(&cluster, before, since);
        assert!(time <= ANNOUNCED_MAX, "{time:?}");
        took("stopped", time);
        assert_eq!(cluster.ended(leader), Some(0));
        cluster.run(leader);
        let other = leader;
        cluster.until("the stopped one stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        goes_on(&cluster);
    }
    for _ in 0..times("ZONEWATCH_PAUSES") {
        let (before, since) = (claims(&cluster), now());
        cluster.signal(leader, Signal::STOP);
        let time = next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("paused", time);
        cluster.signal(leader, Signal::CONT);
        let other = leader;
        cluster.until("the paused one stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        goes_on(&cluster);
    }
    for _ in 0..times("ZONEWATCH_CUTS") {
        let (before, since) = (claims(&cluster), now());
        cluster.cut_off(leader, true);
        let time = next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("cut off", time);
        cluster.cut_off(leader, false);
        let other = leader;
        cluster.until("the one cut off stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        goes_on(&cluster);
    }
    println!("seconds to the claim: {times_taken:?}");
    check(&cluster);
}
