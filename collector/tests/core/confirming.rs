//! One attempt turns no verdict from up to not up; and a shard that is too heavy for one message comes in parts.

use std::time::Duration;

use collector::verdict::Verdict;
use proto::{Failure, Outcome, ProbeResult, Timestamp};

use crate::rig::{Rig, targets};

/// Two agents, and a target that was up in the slot before the one that is given.
fn up_once(method: &str) -> (Rig, Timestamp) {
    let mut list = targets(1, 60);
    list[0].spec.method = method.into();
    let mut rig = Rig::new(list);
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "a2", 2, "eu");
    rig.run(3, &[1, 2]);
    let first = rig.planned_after(rig.now());
    let wait = i64::try_from(first.since(rig.now()).as_secs()).expect("a minute at most") + 1;
    rig.run(wait, &[1, 2]);
    rig.results(1, first, vec![rig.up(1, first)], Vec::new());
    assert_eq!(verdict(&rig), Verdict::Up);
    rig.run(60, &[1, 2]);
    rig.runs.clear();
    (rig, first + Duration::from_secs(60))
}

fn failed(rig: &Rig, planned: Timestamp, delay_ms: i32) -> ProbeResult {
    let outcome = Outcome::Failed(Failure::Connect);
    ProbeResult { outcome, start_delay_ms: delay_ms, ..rig.up(1, planned) }
}

fn verdict(rig: &Rig) -> Verdict {
    rig.core.state().targets().next().expect("there is one").1.verdict
}

#[test]
fn a_failure_that_another_agent_does_not_find_turns_nothing_and_is_counted() {
    let (mut rig, slot) = up_once("GET");
    rig.results(1, slot, vec![failed(&rig, slot, 0)], Vec::new());
    assert_eq!(verdict(&rig), Verdict::Up, "one attempt turns nothing");
    assert_eq!(rig.runs.len(), 1, "{:?}", rig.runs);
    assert_eq!(rig.runs[0].0, 2, "the other agent is asked");
    assert_eq!(rig.runs[0].1[0].slots[0].0, slot, "for the same slot");
    let up = ProbeResult { start_delay_ms: 500, ..rig.up(1, slot) };
    rig.results(2, slot, vec![up], Vec::new());
    rig.run(20, &[1, 2]);
    assert_eq!(verdict(&rig), Verdict::Up);
    assert_eq!((rig.core.counters().confirmations, rig.core.counters().unconfirmed), (1, 1));
}

#[test]
fn a_failure_that_another_agent_finds_too_turns_the_verdict_at_once() {
    let (mut rig, slot) = up_once("GET");
    rig.results(1, slot, vec![failed(&rig, slot, 0)], Vec::new());
    assert_eq!(verdict(&rig), Verdict::Up);
    rig.results(2, slot, vec![failed(&rig, slot, 500)], Vec::new());
    assert_eq!(verdict(&rig), Verdict::Down);
    assert_eq!(rig.core.counters().unconfirmed, 0);
}

#[test]
fn a_second_attempt_that_does_not_come_is_waited_for_no_longer_than_the_timeout_and_two_seconds() {
    let (mut rig, slot) = up_once("GET");
    rig.results(1, slot, vec![failed(&rig, slot, 0)], Vec::new());
    rig.run(4, &[1, 2]);
    assert_eq!(verdict(&rig), Verdict::Up);
    rig.run(3, &[1, 2]);
    assert_eq!(verdict(&rig), Verdict::Down, "3 s of timeout, and two");
}

#[test]
fn a_failure_that_was_found_too_early_is_tried_again_when_its_slot_begins() {
    let (mut rig, slot) = up_once("GET");
    rig.results(1, slot, vec![rig.up(1, slot)], Vec::new());
    let next = slot + Duration::from_secs(60);
    let wait = i64::try_from(next.since(rig.now()).as_secs()).expect("a minute at most") - 3;
    rig.run(wait, &[1, 2]);
    let early = vec![failed(&rig, next, 0)];
    rig.results_timed_within(1, next, early, Vec::new(), Duration::from_secs(4));
    rig.run(2, &[1, 2]);
    assert_eq!(rig.runs.len(), 0, "for another clock it has not begun");
    rig.run(5, &[1, 2]);
    assert_eq!(rig.runs.iter().map(|run| run.0).collect::<Vec<_>>(), [2]);
    assert_eq!(verdict(&rig), Verdict::Up, "the second attempt has its timeout, and two seconds");
    rig.run(3, &[1, 2]);
    assert_eq!(verdict(&rig), Verdict::Down);
}

#[test]
fn the_same_agent_confirms_where_no_other_lives() {
    let (mut rig, slot) = up_once("GET");
    rig.close(2);
    rig.run(21, &[1]);
    rig.runs.clear();
    rig.results(1, slot, vec![failed(&rig, slot, 0)], Vec::new());
    assert_eq!(rig.runs.iter().map(|run| run.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_is_not_idempotent_is_not_asked_twice() {
    let (mut rig, slot) = up_once("POST");
    rig.results(1, slot, vec![failed(&rig, slot, 0)], Vec::new());
    assert_eq!(verdict(&rig), Verdict::Down);
    assert_eq!(rig.core.counters().confirmations, 0);
}

#[test]
fn a_shard_that_is_too_heavy_for_one_message_comes_in_parts_and_none_is_over_a_mebibyte() {
    let shard = proto::shard_of("t0");
    let names = (0..200_000).map(|n| format!("t{n}")).filter(|name| proto::shard_of(name) == shard);
    let heavy = targets(1, 600).remove(0);
    let list: Vec<_> = names
        .take(30)
        .map(|name| {
            let mut target = heavy.clone();
            target.name = name;
            target.spec.body = vec![b'x'; 100_000];
            target
        })
        .collect();
    assert_eq!(list.len(), 30);
    let mut rig = Rig::new(list);
    rig.hello(1, "a1", 1, "eu");
    rig.run(2, &[1]);
    let whole: usize = rig.assigns.iter().map(|(bytes, _)| bytes).sum();
    assert_eq!(whole, 30 * 100_000, "{:?}", rig.assigns);
    assert!(rig.assigns.iter().all(|(bytes, _)| *bytes < 1 << 20), "{:?}", rig.assigns);
    assert_eq!(rig.assigns.last().map(|(_, more)| *more), Some(false));
    assert!(rig.assigns.iter().filter(|(_, more)| *more).count() >= 3, "{:?}", rig.assigns);
    assert_eq!(rig.core.fleet().agents()[0].1.targets(), 30);
}
