//! One of two collectors leads. It is killed, stopped, paused and cut off from the table; the other one takes over, and the
//! log, read by this test alone, holds every slot once.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use super::cluster::Cluster;
use super::history::History;
use super::proxy::now;

/// A takeover without notice …
const UNANNOUNCED_MAX: Duration = Duration::from_secs(25);
/// … and one that was announced; on a machine that runs every other test meanwhile it may take longer by so much.
const ANNOUNCED_MAX: Duration = Duration::from_secs(3);
const BUSY: Duration = Duration::from_secs(2);

/// So often each: one by default, more by hand (see docs/store-dynamodb.md).
fn times(what: &str) -> usize {
    by_hand(what).unwrap_or(1)
}

fn by_hand(what: &str) -> Option<usize> {
    std::env::var(what).ok().map(|times| times.parse().expect("a number"))
}

#[test]
fn whatever_happens_to_the_leader_the_other_one_takes_over_and_no_slot_is_lost() {
    let mut cluster = Cluster::start();
    let mut history = History::of(&cluster);
    history.goes_on(&cluster);
    let (mut leader, mut times_taken) = (0, BTreeMap::<_, Vec<f64>>::new());
    let mut took = |what, time: Duration| {
        println!("{what}: another claim after {time:?}");
        times_taken.entry(what).or_default().push(time.as_secs_f64());
    };

    // The standby forwards what only the leader knows.
    let agents = cluster.json(1, "/api/v1/agents");
    assert_eq!(agents["agents"].as_array().map(Vec::len), Some(1), "{agents}");

    for _ in 0..times("ZONEWATCH_KILLS") {
        let (before, since) = (history.last_claim(), now());
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
        let time = history.next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("killed", time);
        cluster.run(leader);
        let other = leader;
        cluster.until("the killed one stands by", |cluster| cluster.stands_by(other));
        leader = standby;
        history.goes_on(&cluster);
    }
    let announced_max = match by_hand("ZONEWATCH_STOPS") {
        Some(_) => ANNOUNCED_MAX,
        None => ANNOUNCED_MAX + BUSY,
    };
    for _ in 0..times("ZONEWATCH_STOPS") {
        let (before, since) = (history.last_claim(), now());
        cluster.signal(leader, Signal::TERM);
        let time = history.next_claim(&cluster, before, since);
        let logs = || format!("a: {}\nb: {}", cluster.log_of(0), cluster.log_of(1));
        assert!(time <= announced_max, "{time:?}\n{}", logs());
        took("stopped", time);
        assert_eq!(cluster.ended(leader), Some(0));
        cluster.run(leader);
        let other = leader;
        cluster.until("the stopped one stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        history.goes_on(&cluster);
    }
    for _ in 0..times("ZONEWATCH_PAUSES") {
        let (before, since) = (history.last_claim(), now());
        cluster.signal(leader, Signal::STOP);
        let time = history.next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("paused", time);
        cluster.signal(leader, Signal::CONT);
        let other = leader;
        cluster.until("the paused one stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        history.goes_on(&cluster);
    }
    for _ in 0..times("ZONEWATCH_CUTS") {
        let (before, since) = (history.last_claim(), now());
        cluster.cut_off(leader, true);
        let time = history.next_claim(&cluster, before, since);
        assert!(time <= UNANNOUNCED_MAX, "{time:?}");
        took("cut off", time);
        cluster.cut_off(leader, false);
        let other = leader;
        cluster.until("the one cut off stands by", |cluster| cluster.stands_by(other));
        leader = 1 - leader;
        history.goes_on(&cluster);
    }
    println!("seconds to the claim: {times_taken:?}");
    history.check(&cluster);
}
