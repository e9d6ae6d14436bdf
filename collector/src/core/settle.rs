//! Looking at one series: what of it is settled, wants to be run, or is missed for which reason.

use std::time::Duration;

use proto::{Batch, Kind, Missed, MissedRange, ResultBatch, Timestamp, wire};

use super::Core;
use super::upkeep::Wanted;
use crate::inspect::{Findings, Surroundings, inspect};
use crate::state::{TargetIdx, TargetState, VantageIdx};

/// A judgement takes effect when it is in the log; until then the series is left alone so long.
const JUDGEMENT_ON_ITS_WAY: Duration = Duration::from_secs(2);
/// What wants to be run and cannot be is looked at again so soon.
const RUN_AGAIN: Duration = Duration::from_millis(500);
/// Judgements in one record.
const JUDGEMENTS_MAX: usize = 4096;

impl Core {
    pub(super) fn look_at(
        &mut self,
        now: Timestamp,
        vantage: VantageIdx,
        target: TargetIdx,
        wanted: &mut Vec<Wanted>,
    ) {
        let look = &mut self.looks[vantage.index()][target.index()];
        *look = Timestamp::MAX;
        let Some(series) = self.state.series_mut(vantage, target) else { return };
        series.settle(now);
        let findings = self.findings(now, vantage, target);
        let Findings { run, judge, next_look } = findings;
        let mut next = next_look.unwrap_or(Timestamp::MAX);
        if !run.is_empty() {
            next = next.min(now + RUN_AGAIN);
        }
        if !judge.is_empty() {
            next = next.min(now + JUDGEMENT_ON_ITS_WAY);
        }
        // One judgement of a slot is enough: while some are on their way into the log, no more are made.
        if !judge.is_empty() && self.judgements_in_log == 0 {
            let uid = self.state.target(target).uid;
            let ranges = judge.into_iter().map(|run| MissedRange {
                uid,
                from: run.from,
                to: run.to,
                reason: run.reason,
            });
            self.judgements.extend(ranges);
        }
        self.looks[vantage.index()][target.index()] = next;
        wanted.extend(run.into_iter().map(|(planned, start_before)| Wanted {
            start_before,
            slot: (vantage, target, planned),
        }));
    }

    fn findings(&self, now: Timestamp, vantage: VantageIdx, target: TargetIdx) -> Findings {
        let Some(series) = self.state.series(vantage, target) else { return Findings::default() };
        let state = self.state.target(target);
        let around = Surroundings {
            now,
            timeout: state.entry.spec.timeout,
            lease: self.config.lease,
            leads_since: self.state.leads_since(),
            judges_from: self.judges_from,
            claim: &|planned| self.fleet.claim_state(vantage, state.shard, planned),
            running: &|planned| {
                self.running
                    .get(&(vantage, target, planned))
                    .is_some_and(|running| running.until > now)
            },
            reason: &|opens, closes| self.reason(vantage, state, opens, closes),
        };
        inspect(series, &around)
    }

    /// Why a slot whose window this was has no result, if no agent said (rule 8).
    fn reason(
        &self,
        vantage: VantageIdx,
        target: &TargetState,
        opens: Timestamp,
        closes: Timestamp,
    ) -> Missed {
        let Some(place) = self.fleet.place(vantage) else { return Missed::NoAgent };
        let owner = place.claims.owner(target.shard).and_then(|owner| self.fleet.agent(owner));
        let unfit = owner.and_then(|owner| owner.refused.get(&target.uid));
        if unfit.is_some_and(|(revision, _)| *revision >= target.entry.revision) {
            return Missed::Refused;
        }
        let suspect =
            owner.is_some_and(|owner| self.state.suspicions.touch(&owner.id, opens, closes));
        if suspect {
            return Missed::AgentSuspect;
        }
        // A leader whose log takes nothing, or that stands still, leads nobody.
        if !self.state.was_led(opens, closes) || self.absences.touches(opens, closes) {
            return Missed::CollectorDown;
        }
        let lost = place.losses.get(&target.shard);
        if !place.present.touches(opens, closes) {
            Missed::NoAgent
        } else if lost.is_some_and(|lost| lost.touches(opens, closes)) {
            Missed::AgentLost
        } else if place.starved.touches(opens, closes) {
            Missed::Overloaded
        } else if !place.present.covers(opens, closes) {
            // Its first agent came too late to run it.
            Missed::NoAgent
        } else if self.standstills.touches(opens, closes) {
            Missed::CollectorDown
        } else {
            Missed::NotReported
        }
    }

    pub(super) fn log_judgements(&mut self, now: Timestamp, vantage: VantageIdx) {
        let judgements = std::mem::take(&mut self.judgements);
        for chunk in judgements.chunks(JUDGEMENTS_MAX) {
            let batch = Batch { results: Vec::new(), missed: chunk.to_vec() };
            let batch = ResultBatch {
                vantage: self.state.vantage(vantage).name.clone(),
                agent_id: String::new(),
                zone: String::new(),
                boot: 0,
                columns: wire::encode_batch(&batch),
            };
            self.append(now, Kind::Results(batch));
            self.judgements_in_log += 1;
        }
    }

    /// Judgements are in the log: counts what they change, before they do.
    pub(super) fn judged(&mut self, batch: &ResultBatch) {
        self.judgements_in_log = self.judgements_in_log.saturating_sub(1);
        let Some(vantage) = self.state.vantage_idx(&batch.vantage) else { return };
        let judged = wire::decode_batch(&batch.columns).expect("a record made here can be decoded");
        for range in judged.missed {
            self.count_judgement(vantage, &range);
        }
    }

    fn count_judgement(&mut self, vantage: VantageIdx, range: &MissedRange) {
        let series = self.state.by_uid(range.uid).and_then(|idx| self.state.series(vantage, idx));
        let slots = series.map_or(0, |series| series.open_slots(range.from, range.to));
        self.counters.miss(range.reason, slots);
        if range.reason == Missed::NotReported {
            tracing::error!(uid = %range.uid, from = %range.from, "a slot was missed and nobody knows why");
        }
    }
}
