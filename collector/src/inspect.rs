//! What is to be done about one series now: slots to run again, slots to judge, and when to look next.
//!
//! One repair loop for everything (accounting K3, rules 7 and 12): takeover, restart, lost messages and new targets are
//! all slots without a result that nobody is about to deliver.

use std::time::Duration;

use proto::{Missed, Timestamp};

use crate::fleet::ClaimState;
use crate::state::{MissedRun, Series};

/// A claimed slot is left to its owner this long after its probe must have ended (rule 12).
const PATIENCE: Duration = Duration::from_secs(2);
/// A slot without a result settles this long after its window, timeout and lease (rule 7).
pub const SETTLE_SLACK: Duration = Duration::from_secs(5);
/// A new leader judges nothing before it has led so long: agents come back first (rule 7).
const LEAD_BEFORE_JUDGING: Duration = Duration::from_secs(60);
/// A slot waits at most this long over its time for an agent that has yet to deliver (rule 7).
const DELIVERY_MAX: Duration = Duration::from_secs(15 * 60);
/// How soon to look again at what waits for somebody else.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What surrounds the series.
pub struct Surroundings<'a> {
    /// The collector's clock.
    pub now: Timestamp,
    /// The target's.
    pub timeout: Duration,
    /// How long a silent agent keeps its shards.
    pub lease: Duration,
    /// When this collector began to lead.
    pub leads_since: Timestamp,
    /// Nothing is judged before this, unless it has waited for as long as anything waits.
    pub judges_from: Timestamp,
    /// Who claims a planned start.
    pub claim: &'a dyn Fn(Timestamp) -> ClaimState,
    /// Until when the sweep's run of a planned start is waited for.
    pub running: &'a dyn Fn(Timestamp) -> bool,
    /// Why the slot whose window this is was missed, if no agent said.
    pub reason: &'a dyn Fn(Timestamp, Timestamp) -> Missed,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Slots that want to be run: each planned start, and the instant by which it must have started.
    pub run: Vec<(Timestamp, Timestamp)>,
    /// Slots to judge missed.
    pub judge: Vec<MissedRun>,
    /// When there may be more to do.
    pub next_look: Option<Timestamp>,
}

/// Looks at every slot that is due and not settled.
pub fn inspect(series: &Series, around: &Surroundings<'_>) -> Findings {
    let mut findings = Findings::default();
    let now = around.now;
    let mut cursor = series.settled_to;
    let mut judged_from = cursor;
    while let Some((planned, stretch)) = series.next(cursor) {
        let claim = if stretch.is_first_pass(planned) {
            ClaimState::Nobody
        } else {
            (around.claim)(planned)
        };
        let (opens, closes) = stretch.window(planned);
        let overdue = opens + around.timeout + PATIENCE;
        if planned > now {
            let look = if claim == ClaimState::Nobody { planned } else { overdue };
            look_at(&mut findings, look);
            break;
        }
        cursor = planned + Duration::from_millis(1);
        if series.is_filled(planned) || series.is_judged(planned) {
            judged_from = cursor;
            continue;
        }
        let running = (around.running)(planned);
        let settles = (closes + around.timeout + around.lease + SETTLE_SLACK)
            .max(around.leads_since + LEAD_BEFORE_JUDGING);
        let settles = settles.max(around.judges_from.min(settles + DELIVERY_MAX));
        if now >= settles {
            let awaited = running || claim == ClaimState::Delivers;
            if awaited && now < settles + DELIVERY_MAX {
                look_at(&mut findings, now + LOOK_AGAIN);
                judged_from = cursor;
                continue;
            }
            let suspect = series.is_suspect(planned).then_some(Missed::AgentSuspect);
            let reported = series.reported(planned).or(suspect);
            let reason = reported.unwrap_or_else(|| (around.reason)(opens, closes));
            judge(&mut findings.judge, MissedRun { from: judged_from, to: cursor, reason });
            judged_from = cursor;
            continue;
        }
        judged_from = cursor;
        look_at(&mut findings, settles);
        if now >= closes {
            continue;
        }
        let from = match claim {
            ClaimState::Nobody => stretch.sweep_from(planned),
            // What its owner said that it could not run, another may at once.
            ClaimState::Passed if series.reported(planned).is_some() => now,
            ClaimState::Passed => overdue,
            ClaimState::Delivers => overdue.max(now + LOOK_AGAIN),
        };
        if running {
            look_at(&mut findings, now + LOOK_AGAIN);
        } else if now >= from {
            findings.run.push((planned, closes));
        } else {
            look_at(&mut findings, from);
        }
    }
    findings
}

fn look_at(findings: &mut Findings, at: Timestamp) {
    findings.next_look = Some(findings.next_look.map_or(at, |known| known.min(at)));
}

fn judge(runs: &mut Vec<MissedRun>, run: MissedRun) {
    match runs.last_mut() {
        Some(last) if last.to == run.from && last.reason == run.reason => last.to = run.to,
        _ => runs.push(run),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{ReporterIdx, Stretch};
    use proto::{Outcome, Phases, ProbeResult, Uid};

    const TEN: Duration = Duration::from_secs(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn series(filled: &[i64]) -> Series {
        let mut series = Series::default();
        series.open(Stretch::continued(at(99), TEN, Duration::ZERO));
        for planned in filled {
            let result = ProbeResult {
                uid: Uid(1),
                revision: 1,
                planned: at(*planned),
                start_delay_ms: 0,
                outcome: Outcome::Answered { status: 200, unexpected: None },
                phases: Phases::default(),
                body_bytes: 0,
                note: None,
            };
            series.record(&result, ReporterIdx(0), false, |_| 0);
        }
        series
    }

    fn look(series: &Series, now: i64, claim: ClaimState, running: bool) -> Findings {
        inspect(
            series,
            &Surroundings {
                now: at(now),
                timeout: Duration::from_secs(3),
                lease: Duration::from_secs(20),
                leads_since: at(0),
                judges_from: at(0),
                claim: &|_| claim,
                running: &|_| running,
                reason: &|_, _| Missed::NoAgent,
            },
        )
    }

    #[test]
    fn a_slot_that_nobody_claims_is_run_at_once() {
        let found = look(&series(&[100]), 110, ClaimState::Nobody, false);
        assert_eq!(found.run, [(at(110), at(120))]);
    }

    #[test]
    fn a_slot_whose_owner_has_yet_to_deliver_is_left_to_it() {
        let found = look(&series(&[100]), 119, ClaimState::Delivers, false);
        assert_eq!((found.run, found.judge), (vec![], vec![]));
    }

    #[test]
    fn a_slot_that_its_owner_passed_without_a_result_is_run_after_timeout_and_patience() {
        assert_eq!(look(&series(&[100]), 114, ClaimState::Passed, false).run, []);
        assert_eq!(look(&series(&[100]), 115, ClaimState::Passed, false).run, [(at(110), at(120))]);
        assert_eq!(look(&series(&[100]), 116, ClaimState::Passed, true).run, []);
    }

    #[test]
    fn a_slot_that_its_owner_said_it_could_not_run_is_run_at_once() {
        let mut series = series(&[100]);
        let range = (at(110), at(110) + Duration::from_millis(1));
        series.report_missed(MissedRun { from: range.0, to: range.1, reason: Missed::AgentFault });
        assert_eq!(look(&series, 111, ClaimState::Delivers, false).run, []);
        assert_eq!(look(&series, 111, ClaimState::Passed, false).run, [(at(110), at(120))]);
    }

    #[test]
    fn a_slot_is_missed_only_after_window_timeout_lease_and_slack() {
        // 100 + 10 window + 3 timeout + 20 lease + 5 slack
        assert_eq!(look(&series(&[110, 120, 130]), 137, ClaimState::Nobody, false).judge, []);
        let found = look(&series(&[110, 120, 130]), 138, ClaimState::Nobody, false);
        assert_eq!(found.judge.len(), 1);
        assert_eq!(found.judge[0].reason, Missed::NoAgent);
        assert!(found.judge[0].to > at(100) && found.judge[0].to <= at(110));
    }

    #[test]
    fn missed_slots_in_a_row_are_one_run() {
        let found = look(&series(&[]), 200, ClaimState::Nobody, false);
        assert_eq!(found.judge.len(), 1, "{found:?}");
        assert!(found.judge[0].from <= at(100) && found.judge[0].to > at(160));
    }

    #[test]
    fn a_slot_waits_a_quarter_of_an_hour_for_an_agent_that_has_yet_to_deliver() {
        let series = series(&[]);
        assert_eq!(look(&series, 138 + 899, ClaimState::Delivers, false).judge, []);
        assert_eq!(look(&series, 138 + 900, ClaimState::Delivers, false).judge.len(), 1);
    }

    #[test]
    fn the_next_look_is_when_the_next_slot_should_have_ended() {
        let series = series(&[100]);
        assert_eq!(look(&series, 105, ClaimState::Delivers, false).next_look, Some(at(115)));
        assert_eq!(look(&series, 105, ClaimState::Nobody, false).next_look, Some(at(110)));
    }
}
