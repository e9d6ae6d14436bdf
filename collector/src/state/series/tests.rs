//! One target at one vantage, slot by slot.

use super::*;
use proto::{Failure, Outcome, Uid};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn result(planned: i64, outcome: Outcome) -> ProbeResult {
    ProbeResult {
        uid: Uid(1),
        revision: 1,
        planned: at(planned),
        start_delay_ms: 0,
        outcome,
        phases: Phases::default(),
        body_bytes: 0,
        note: None,
    }
}

const UP: Outcome = Outcome::Answered { status: 200, unexpected: None };
const DOWN: Outcome = Outcome::Failed(Failure::Connect);

fn every_ten_seconds() -> Series {
    let mut series = Series::default();
    series.open(Stretch::continued(at(100), Duration::from_secs(10), Duration::ZERO));
    series
}

fn run(from: i64, to: i64, reason: Missed) -> MissedRun {
    MissedRun { from: at(from), to: at(to), reason }
}

#[test]
fn every_slot_is_received_missed_or_open() {
    let mut series = every_ten_seconds();
    for planned in [100, 120, 130] {
        assert!(series.record(&result(planned, UP), ReporterIdx(0), false, |_| 0));
    }
    series.judge(run(110, 131, Missed::AgentLost));
    assert_eq!(series.expected(at(100), at(160)), 6);
    assert_eq!(series.received(at(100), at(160)).count(), 3);
    assert_eq!(series.missed(at(100), at(160)).collect::<Vec<_>>(), [(Missed::AgentLost, 1)]);
    assert_eq!(series.open_slots(at(100), at(160)), 2);
    series.settle(at(160));
    assert_eq!(series.next(series.settled_to).map(|(planned, _)| planned), Some(at(140)));
}

#[test]
fn a_late_result_makes_a_missed_slot_received() {
    let mut series = every_ten_seconds();
    series.judge(run(100, 121, Missed::NoAgent));
    assert_eq!(series.missed(at(0), at(121)).next(), Some((Missed::NoAgent, 3)));
    series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0);
    assert_eq!(series.missed(at(0), at(121)).next(), Some((Missed::NoAgent, 2)));
}

#[test]
fn the_same_result_again_changes_nothing_and_a_better_one_wins_in_either_order() {
    let mut series = every_ten_seconds();
    assert!(series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0));
    assert!(!series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0));
    assert!(series.record(&result(110, UP), ReporterIdx(0), false, |_| 0));
    assert!(!series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0));
    assert_eq!(series.received(at(0), at(200)).count(), 1);
    assert!(series.last_not_up.is_none());
}

#[test]
fn a_judgement_stands_and_a_later_one_only_fills_the_gaps() {
    let mut series = every_ten_seconds();
    series.judge(run(110, 121, Missed::AgentLost));
    series.judge(run(100, 141, Missed::NoAgent));
    let found: Vec<_> = series.missed(at(100), at(150)).collect();
    assert_eq!(found, [(Missed::NoAgent, 1), (Missed::AgentLost, 2), (Missed::NoAgent, 2)]);
    assert_eq!(series.open_slots(at(100), at(150)), 0);
}

#[test]
fn a_blocked_probe_is_no_evidence_and_the_one_before_it_speaks() {
    let mut series = every_ten_seconds();
    series.record(&result(110, UP), ReporterIdx(0), false, |_| 0);
    series.record(&result(120, Outcome::Failed(Failure::Blocked)), ReporterIdx(0), false, |_| 0);
    assert_eq!(series.newest(at(105), false).map(|entry| entry.planned), Some(at(110)));
    assert_eq!(series.newest(at(105), true).map(|entry| entry.planned), Some(at(120)));
    assert_eq!(series.newest(at(115), false), None);
}

#[test]
fn forgetting_never_takes_a_slot_that_is_not_settled() {
    let mut series = every_ten_seconds();
    series.record(&result(110, UP), ReporterIdx(0), false, |_| 0);
    series.settle(at(150));
    series.forget_before(at(150));
    assert_eq!(series.open_slots(at(100), at(110)), 1);
    assert_eq!(series.received(at(0), at(200)).count(), 1);
}
