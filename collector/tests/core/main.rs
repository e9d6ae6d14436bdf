//! The core of the collector, driven event by event: what went wrong once must not again.

mod asks;
mod confirming;
mod incidents;
mod reconnecting;
mod revisions;
mod rig;
mod standing_still;
mod tale;
mod vantages;

use std::time::Duration;

use proto::{Missed, MissedRange, Refusal, ShardId};
use rig::{Rig, at, targets};

fn count(reason: Missed, counted: &[u64]) -> u64 {
    counted[reason.number() as usize - 1]
}

#[test]
fn a_slot_that_a_live_agent_passed_in_silence_is_not_reported_and_nothing_nicer() {
    let mut rig = Rig::new(targets(1, 60));
    rig.hello(1, "a1", 1, "eu");
    for _ in 0..400 {
        rig.run(1, &[1]);
        rig.results(1, rig.now(), Vec::new(), Vec::new()); // "I have delivered everything", and nothing.
    }
    let missed = rig.core.counters().missed;
    assert!(count(Missed::NotReported, &missed) >= 3, "{missed:?}");
    assert_eq!(missed.iter().sum::<u64>(), count(Missed::NotReported, &missed), "{missed:?}");
}

#[test]
fn an_agent_that_comes_back_at_another_vantage_leaves_no_shard_without_an_owner() {
    let mut rig = Rig::new(targets(50, 60));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "eu");
    rig.run(10, &[1, 2]);
    rig.close(1);
    rig.run(3, &[2]);
    rig.hello(3, "a1", 9, "us");
    rig.run(5, &[2, 3]);
    let eu = rig.core.state().vantage_idx("eu").expect("it was seen");
    let claims = &rig.core.fleet().place(eu).expect("it has claims").claims;
    assert!(ShardId::all().all(|shard| claims.owner(shard).is_some()));
}

#[test]
fn while_the_log_takes_nothing_a_missed_slot_is_judged_once() {
    let mut rig = Rig::new(targets(100, 60));
    rig.run(150, &[]);
    let before = rig.appended;
    rig.stall_log();
    rig.run(600, &[]);
    let records = rig.appended - before;
    assert!(records <= 2, "{records} records on their way");
    rig.resume_log();
    rig.run(30, &[]);
    let judged: u64 = rig.core.counters().missed.iter().sum();
    let expected = rig.expected();
    assert!(judged > 500 && judged <= expected, "{judged} judged of {expected}");
}

#[test]
fn what_has_not_happened_yet_is_refused() {
    let mut rig = Rig::new(targets(1, 60));
    rig.hello(1, "a1", 1, "eu");
    rig.run(5, &[1]);
    let next_year = rig.planned_after(at(365 * 86_400_000));
    rig.results(1, at(0), vec![rig.up(1, next_year)], Vec::new());
    let refused = rig.core.counters().refused;
    assert_eq!(refused[Refusal::OutsideWindow.number() as usize - 1], 1);
    assert_eq!(rig.core.counters().results, 0);
}

#[test]
fn every_slot_of_a_target_that_its_agent_cannot_probe_is_missed_as_refused() {
    let mut rig = Rig::new(targets(200, 600));
    rig.refuse_everything();
    rig.hello(1, "a1", 1, "eu");
    rig.run(700, &[1]);
    // What the schedule covers the agent says itself.
    let due = rig.due_by_schedule();
    let missed = due.into_iter().map(|(uid, planned)| MissedRange {
        uid,
        from: planned,
        to: planned + Duration::from_millis(1),
        reason: Missed::Refused,
    });
    let missed = missed.collect();
    rig.results(1, rig.now(), Vec::new(), missed);
    rig.run(900, &[1]);
    let missed = rig.core.counters().missed;
    assert!(count(Missed::Refused, &missed) >= 200, "{missed:?}");
    assert_eq!(missed.iter().sum::<u64>(), count(Missed::Refused, &missed), "{missed:?}");
}

#[test]
fn a_slot_that_its_owner_has_no_descriptors_for_is_run_by_another_agent_if_there_is_one() {
    for others in [&[1][..], &[1, 2]] {
        let mut rig = Rig::new(targets(1, 60));
        for session in others {
            rig.hello(*session, &format!("a{session}"), *session, "eu");
        }
        rig.run(70, others);
        let owner = rig.owner();
        let planned = rig.planned_after(rig.now());
        while rig.now() < planned {
            rig.run(1, others);
        }
        rig.runs.clear();
        let to = planned + Duration::from_millis(1);
        let uid = proto::Uid(1);
        let range = MissedRange { uid, from: planned, to, reason: Missed::AgentFault };
        rig.results(owner, rig.now() + Duration::from_millis(1), Vec::new(), vec![range]);
        rig.run(2, others);
        let asked = rig.runs.iter().filter(|(_, targets)| targets[0].slots[0].0 == planned);
        let asked: Vec<u64> = asked.map(|(session, _)| *session).collect();
        let expected = others.iter().copied().find(|session| *session != owner).unwrap_or(owner);
        assert_eq!(asked, [expected], "{owner} owns it");
        rig.results(expected, planned, vec![rig.up(1, planned)], Vec::new());
        rig.run(120, others);
        assert_eq!(count(Missed::AgentFault, &rig.core.counters().missed), 0);
    }
}

#[test]
fn an_agent_that_followed_another_log_is_taken_in_with_nothing() {
    let mut rig = Rig::new(targets(10, 60));
    rig.hello_from_log(1, "a1", 77, 1_000_000);
    assert!(rig.ended.is_empty(), "a higher epoch of another log says nothing: {:?}", rig.ended);
    assert!(rig.welcomed(1));
}

#[test]
fn an_agent_that_followed_a_newer_leader_of_this_log_is_sent_away() {
    let mut rig = Rig::new(targets(10, 60));
    rig.hello_from_log(1, "a1", rig.core.state().log, 1_000_000);
    assert_eq!(rig.ended.len(), 1, "{:?}", rig.ended);
    assert!(!rig.welcomed(1));
}

#[test]
fn no_more_vantages_are_known_than_there_is_room_for() {
    let mut rig = Rig::new(targets(1, 60));
    for n in 0..300 {
        rig.hello(n, &format!("a{n}"), n, &format!("v{n}"));
        rig.close(n);
    }
    let known = rig.core.state().vantages().count();
    assert!(known <= collector::core::VANTAGES_MAX, "{known} vantages");
    assert!(!rig.ended.is_empty(), "the ones too many are told so");
}

#[test]
fn a_listing_is_in_force_once_it_is_in_the_log_and_no_sooner() {
    let mut rig = Rig::new(targets(3, 60));
    assert_eq!(rig.core.listings_in_force(), Some(1));
    rig.stall_log();
    rig.list(targets(4, 60));
    rig.list(targets(5, 60));
    assert_eq!(rig.core.listings_in_force(), None, "whoever asks what is listed has to wait");
    rig.resume_log();
    rig.resume_log();
    assert_eq!(rig.core.listings_in_force(), Some(3));
    assert_eq!(rig.core.state().targets().len(), 5);
    rig.list(targets(5, 60));
    assert_eq!(
        rig.core.listings_in_force(),
        Some(4),
        "one that changes nothing is in force at once"
    );
}
