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

#[test]
fn an_attempt_that_lost_is_kept_where_one_was_not_up_and_counts_as_unconfirmed() {
    let mut series = every_ten_seconds();
    let late = |outcome| ProbeResult { start_delay_ms: 2_000, ..result(110, outcome) };
    assert!(series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0));
    assert_eq!(series.unconfirmed(at(0), at(200)), 0);
    assert!(series.record(&late(UP), ReporterIdx(1), false, |_| 0));
    assert_eq!(series.unconfirmed(at(0), at(200)), 1);
    assert_eq!((series.attempts(at(110)).count(), series.failed_attempts(at(110))), (2, 1));
    assert!(!series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0), "delivered again");
    // Two that both found it up are no news.
    series.record(&result(120, UP), ReporterIdx(0), false, |_| 0);
    let again = ProbeResult { start_delay_ms: 5, ..result(120, UP) };
    assert!(!series.record(&again, ReporterIdx(1), false, |_| 0));
    assert_eq!(series.attempts(at(120)).count(), 1);
}

#[test]
fn a_failure_under_suspicion_is_missed_until_another_fills_its_slot_and_counts_when_it_is_cleared()
{
    let mut series = every_ten_seconds();
    series.record(&result(100, UP), ReporterIdx(0), false, |_| 0);
    series.record(&result(110, DOWN), ReporterIdx(0), false, |_| 0);
    series.settle(at(119));
    assert!(series.settled_to > at(110) && series.last_not_up.is_some());
    assert_eq!(series.suspect(at(100), |entry| !entry.outcome.is_up(), |_| 0), [at(110)]);
    assert!(!series.is_filled(at(110)) && series.is_suspect(at(110)));
    assert!(series.last_not_up.is_none() && series.newest(at(105), false).is_none());
    assert!(series.settled_to <= at(110), "it is open again");
    // Somebody else who finds the same confirms it: then it counts, and then not even the end of the suspicion changes it.
    let confirms = ProbeResult { start_delay_ms: 900, ..result(110, DOWN) };
    series.record(&confirms, ReporterIdx(1), false, |_| 0);
    assert!(series.is_filled(at(110)));
    assert_eq!(series.suspect(at(100), |_| false, |_| 0).len(), 1);
    assert_eq!(series.failed_attempts(at(110)), 2);
}

#[test]
fn what_is_found_under_suspicion_may_come_before_or_after_the_suspicion() {
    let both = [false, true].map(|suspicion_first| {
        let mut series = every_ten_seconds();
        series.record(&result(110, DOWN), ReporterIdx(0), suspicion_first, |_| 0);
        if !suspicion_first {
            series.suspect(at(100), |_| true, |_| 0);
        }
        (
            series.is_filled(at(110)),
            series.is_suspect(at(110)),
            series.received(at(0), at(200)).count(),
        )
    });
    assert_eq!(both, [(false, true, 0); 2]);
}
