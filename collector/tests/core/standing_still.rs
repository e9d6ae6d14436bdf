//! A process that stands still (stopped, swapped out, on a machine that sleeps) has missed what it missed for that reason.

use std::time::Duration;

use proto::{Missed, MissedRange, Timestamp, Uid};

use crate::count;
use crate::rig::{Rig, targets};

/// The agent reports a result for whatever its schedule had due since `from`.
fn deliver(rig: &mut Rig, session: u64, from: Timestamp) {
    let due = rig.due_by_schedule().into_iter().filter(|(_, planned)| *planned >= from);
    let results = due.map(|(uid, planned)| rig.up(uid.0, planned)).collect();
    rig.results(session, rig.now(), results, Vec::new());
}

/// What the collector asked of an agent: every slot.
fn asked(rig: &Rig) -> Vec<(Uid, Timestamp)> {
    let targets = rig.runs.iter().flat_map(|(_, targets)| targets);
    targets.flat_map(|run| run.slots.iter().map(|(at, _)| (run.target.uid, *at))).collect()
}

fn range((uid, planned): (Uid, Timestamp), reason: Missed) -> MissedRange {
    MissedRange { uid, from: planned, to: planned + Duration::from_millis(1), reason }
}

/// Sixty targets every twenty seconds; their first slots have been sent to an agent, which has not answered when everything
/// stands still for as long as the slots take to be settled. Its stream is broken when it goes on.
fn stood_still() -> (Rig, Timestamp) {
    let mut rig = Rig::new(targets(60, 20));
    rig.hello(1, "a1", 1, "eu");
    rig.run(10, &[1]);
    assert!(asked(&rig).len() >= 20, "the first slots are the sweep's: {}", asked(&rig).len());
    rig.stand_still(Duration::from_secs(90));
    let awake = rig.now();
    rig.run(1, &[]);
    rig.close(1);
    (rig, awake)
}

#[test]
fn what_an_agent_says_of_a_pause_that_the_collector_shared_is_heard_before_anything_is_judged() {
    let (mut rig, awake) = stood_still();
    let lost: Vec<_> = asked(&rig).into_iter().filter(|(_, planned)| *planned < awake).collect();
    let due = rig.due_by_schedule();
    rig.run(8, &[]);
    assert_eq!(rig.core.counters().missed.iter().sum::<u64>(), 0, "it has a lease to come back");
    rig.hello(2, "a1", 1, "eu");
    let said = lost.into_iter().chain(due).map(|slot| range(slot, Missed::AgentPaused)).collect();
    rig.results(2, rig.now(), Vec::new(), said);
    for _ in 0..120 {
        rig.run(1, &[2]);
        deliver(&mut rig, 2, awake);
    }
    let missed = rig.core.counters().missed;
    let (said, others) =
        (count(Missed::AgentPaused, &missed), count(Missed::CollectorDown, &missed));
    assert!(said >= 60, "{missed:?}");
    // First slots that no agent had been asked for yet.
    assert!(others <= 20, "{missed:?}");
    assert_eq!(missed.iter().sum::<u64>(), said + others, "{missed:?}");
}

#[test]
fn what_nobody_can_say_of_a_time_in_which_the_collector_stood_still_is_the_collectors() {
    let (mut rig, awake) = stood_still();
    // Another process comes: the one that was asked is gone, and what it knew.
    rig.hello(2, "a1", 2, "eu");
    for _ in 0..120 {
        rig.run(1, &[2]);
        deliver(&mut rig, 2, awake);
    }
    let missed = rig.core.counters().missed;
    assert!(count(Missed::CollectorDown, &missed) >= 60, "{missed:?}");
    assert_eq!(missed.iter().sum::<u64>(), count(Missed::CollectorDown, &missed), "{missed:?}");
}

#[test]
fn a_slot_that_was_asked_of_an_agent_whose_stream_broke_then_is_missed_as_agent_lost() {
    let mut rig = Rig::new(targets(20, 10));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "eu");
    rig.run(6, &[1, 2]);
    let first = asked(&rig);
    assert!(!first.is_empty());
    rig.close(1);
    rig.close(2);
    rig.hello(3, "a1", 1, "eu");
    rig.hello(4, "a2", 2, "eu");
    let came = rig.now();
    for _ in 0..120 {
        rig.run(1, &[3, 4]);
        deliver(&mut rig, 3, came - Duration::from_secs(6));
        rig.results(4, rig.now(), Vec::new(), Vec::new());
    }
    let missed = rig.core.counters().missed;
    assert_eq!(count(Missed::NotReported, &missed), 0, "{missed:?}");
    assert!(count(Missed::AgentLost, &missed) > 0, "{missed:?}");
}

#[test]
fn a_record_that_was_on_its_way_while_everything_stood_still_is_no_trouble_with_the_log() {
    let mut rig = Rig::new(targets(60, 20));
    rig.hello(1, "a1", 1, "eu");
    rig.run(10, &[1]);
    rig.stall_log();
    let now = rig.now();
    deliver(&mut rig, 1, now - Duration::from_secs(10));
    rig.run(1, &[1]);
    assert!(rig.core.appends_waiting() > 0);
    rig.stand_still(Duration::from_secs(90));
    rig.run(25, &[1]);
    assert_eq!(rig.core.store_trouble(), None, "it has had 26 seconds");
    rig.run(10, &[1]);
    assert!(rig.core.store_trouble().is_some(), "now it has had half a minute");
}

#[test]
fn agents_that_come_back_after_everything_stood_still_were_not_all_gone() {
    let (mut rig, _) = stood_still();
    rig.run(50, &[]);
    rig.stand_still(Duration::from_secs(90));
    rig.run(2, &[]);
    assert_eq!(rig.core.state().incidents.count(), 0, "nobody could come while it stood still");
    rig.hello(2, "a1", 1, "eu");
    rig.run(60, &[2]);
    assert_eq!(rig.core.state().incidents.count(), 0);
}

#[test]
fn an_agent_whose_last_words_waited_while_everything_stood_still_is_lost_a_lease_later() {
    let mut rig = Rig::new(targets(60, 20));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "eu");
    rig.run(10, &[1, 2]);
    rig.stand_still(Duration::from_secs(3600));
    rig.results(1, rig.now(), Vec::new(), Vec::new());
    rig.close(1);
    rig.run(19, &[2]);
    assert_eq!(rig.core.counters().lost_agents, 0, "it has a lease to come back");
    rig.run(3, &[2]);
    assert_eq!(rig.core.counters().lost_agents, 1);
}
