//! What the log says of slots: what was found, what was missed, and whose failures count for nothing.

use std::time::Duration;

use proto::{Batch, Failure, Outcome, ResultBatch, Suspicion, Timestamp, WINDOW_MAX};

use super::{Change, Entry, MissedRun, ReporterIdx, State, TargetIdx, VantageIdx};

impl State {
    pub(super) fn apply_results(
        &mut self,
        at: Timestamp,
        batch: &ResultBatch,
        found: &Batch,
        position: u64,
    ) -> (VantageIdx, Vec<(TargetIdx, Timestamp)>) {
        let vantage = self.vantage_or_new(&batch.vantage);
        let judged = batch.agent_id.is_empty();
        let reporter = self.reporter(batch);
        if !judged {
            self.last_reports.insert(reporter, at);
        }
        // Evidence grew old when it did, not when the next result came.
        let places: Vec<Option<TargetIdx>> =
            found.results.iter().map(|result| self.by_uid(result.uid)).collect();
        for idx in places.iter().flatten() {
            self.age_verdict(*idx, at);
        }
        let mut touched = Vec::with_capacity(found.results.len());
        // The hour that was touched last: most results of a batch are of one.
        let mut hour = Timestamp::EPOCH..Timestamp::EPOCH;
        let (reporters, suspicions) = (&self.reporters, &self.suspicions);
        let series = &mut self.vantages[vantage.index()].series;
        for (result, idx) in found.results.iter().zip(places) {
            let Some(idx) = idx else { continue };
            let Some(series) = series.get_mut(idx.index()) else { continue };
            // The list may have changed between the decision to log it and the log.
            if series.stretch_of(result.planned).is_none() || result.planned < self.forgotten {
                continue;
            }
            let suspect =
                may_be_ours(result.outcome) && suspicions.cover(&batch.agent_id, result.started());
            if series.record(result, reporter, suspect, |r| reporters[r.0 as usize].boot) {
                touched.push((idx, result.planned));
                if !hour.contains(&result.planned) {
                    let start = self.hours.start_of(result.planned);
                    hour = start..start + self.hours.length();
                    self.hours.touch(start, position);
                }
            }
        }
        for range in &found.missed {
            let Some(idx) = self.by_uid(range.uid) else { continue };
            let all = &mut self.vantages[vantage.index()].series;
            let Some(series) = all.get_mut(idx.index()) else { continue };
            let run = MissedRun { from: range.from, to: range.to, reason: range.reason };
            if judged {
                // Only where it says something: an hour that is written without a slot of this target stays as it is.
                let mut from = run.from;
                while from < run.to {
                    let to = run.to.min(self.hours.start_of(from) + self.hours.length());
                    if series.open_slots(from, to) > 0 {
                        self.hours.touch(from, position);
                        series.judge(MissedRun { from, to, ..run });
                    }
                    from = to;
                }
            } else {
                series.report_missed(run)
            }
            touched.push((idx, range.from));
        }
        (vantage, touched)
    }

    /// Failures of an agent count for nothing from now on, or count after all.
    pub(super) fn apply_suspicion(&mut self, suspicion: Suspicion, position: u64) -> Change {
        let vantage = self.vantage_or_new(&suspicion.vantage);
        let agent = suspicion.agent_id.clone();
        // A probe begins at most a window after its plan.
        let from = suspicion.from - WINDOW_MAX - Duration::from_secs(1);
        self.suspicions.add(suspicion);
        let (reporters, suspicions) = (&self.reporters, &self.suspicions);
        let suspect = |entry: &Entry| {
            let id = &reporters[entry.reporter.0 as usize].agent_id;
            match *id == agent {
                true => may_be_ours(entry.outcome) && suspicions.cover(id, entry.started()),
                false => entry.suspect,
            }
        };
        let boot = |r: ReporterIdx| reporters[r.0 as usize].boot;
        let mut touched = Vec::new();
        for (index, series) in self.vantages[vantage.index()].series.iter_mut().enumerate() {
            let changed = series.suspect(from, suspect, boot);
            touched.extend(changed.into_iter().map(|at| (TargetIdx(index as u32), at)));
        }
        for (_, planned) in &touched {
            self.hours.touch(*planned, position);
        }
        Change::Values(vantage, touched)
    }
}

/// Whether a failing agent would find this everywhere. That an address is refused is its own doing, and an answer came from
/// the target.
fn may_be_ours(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure != Failure::Blocked)
}
