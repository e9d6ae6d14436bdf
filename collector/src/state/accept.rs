//! Which results are taken: accounting rule 5, as a decision over the state.

use std::time::Duration;

use proto::{Batch, MissedRange, ProbeResult, Refusal, Timestamp};

use super::value::Entry;
use super::{ReporterIdx, Series, State, VantageIdx};

/// How old a result may be.
pub const LATE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Attempts at one slot that are logged; more are no news.
const ATTEMPTS_MAX: usize = 8;

/// A batch, sorted into what is to be logged and what was refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// What is new: to be made durable before it is acknowledged.
    pub fresh: Batch,
    /// What was not taken, by reason.
    pub refused: Vec<(Refusal, u32)>,
    /// What the log holds already.
    pub known: u32,
}

impl State {
    /// Judges a batch that an agent of `vantage` delivers. `clock_error` is how far its clock may be off.
    pub fn accept(
        &self,
        vantage: VantageIdx,
        batch: Batch,
        now: Timestamp,
        clock_error: Duration,
        boot: u64,
    ) -> Accepted {
        let mut accepted = Accepted::default();
        for result in batch.results {
            match self.refusal(vantage, &result, now, clock_error) {
                Some(reason) => count(&mut accepted.refused, reason),
                None if self.is_known(vantage, &result, boot) => accepted.known += 1,
                None => accepted.fresh.results.push(result),
            }
        }
        for range in batch.missed {
            match self.missed_refusal(vantage, &range, now) {
                Some(reason) => count(&mut accepted.refused, reason),
                None => accepted.fresh.missed.push(range),
            }
        }
        accepted
    }

    fn refusal(
        &self,
        vantage: VantageIdx,
        result: &ProbeResult,
        now: Timestamp,
        clock_error: Duration,
    ) -> Option<Refusal> {
        let series = match self.series_of(vantage, result.uid) {
            Ok(series) => series,
            Err(refusal) => return Some(refusal),
        };
        // A finished hour whose slots are forgotten cannot be written anew.
        if result.planned < now - LATE_MAX || result.planned < self.forgotten {
            return Some(Refusal::TooLate);
        }
        let Some(stretch) = series.stretch_of(result.planned) else {
            return Some(Refusal::OutsideWindow);
        };
        let (opens, closes) = stretch.window(result.planned);
        let started = result.started();
        let future = started > now + clock_error;
        if future || started < opens - clock_error || started >= closes + clock_error {
            return Some(Refusal::OutsideWindow);
        }
        let target = self.by_uid(result.uid).map(|idx| self.target(idx))?;
        (result.revision < target.revision_at(result.planned)).then_some(Refusal::StaleSpec)
    }

    fn missed_refusal(
        &self,
        vantage: VantageIdx,
        range: &MissedRange,
        now: Timestamp,
    ) -> Option<Refusal> {
        match self.series_of(vantage, range.uid) {
            Err(refusal) => Some(refusal),
            Ok(_) if range.to < now - LATE_MAX => Some(Refusal::TooLate),
            Ok(_) if range.from >= range.to || range.to > now + LATE_MAX => {
                Some(Refusal::OutsideWindow)
            }
            Ok(_) => None,
        }
    }

    fn series_of(&self, vantage: VantageIdx, uid: proto::Uid) -> Result<&Series, Refusal> {
        let idx = self.by_uid(uid).ok_or(Refusal::UnknownTarget)?;
        let series = self.series(vantage, idx).filter(|series| !series.stretches.is_empty());
        series.ok_or(Refusal::WrongVantage)
    }

    /// Whether it says nothing new: it was delivered before, or the slot is up already and this attempt found the same.
    /// An attempt that was not up is kept beside a better one.
    fn is_known(&self, vantage: VantageIdx, result: &ProbeResult, boot: u64) -> bool {
        let Some(idx) = self.by_uid(result.uid) else { return false };
        let Some(series) = self.series(vantage, idx) else { return false };
        let same = |known: &Entry| {
            self.reported_by(known.reporter).boot == boot
                && known.start_delay_ms == result.start_delay_ms
                && known.outcome == result.outcome
        };
        let better = |known: &Entry| {
            let new = Entry::new(result, ReporterIdx(0));
            new.order(boot, known, self.reported_by(known.reporter).boot).is_le()
        };
        if result.outcome.is_up() {
            return series.entry(result.planned).is_some_and(better);
        }
        let mut attempts = series.attempts(result.planned);
        attempts.any(same) || series.attempts(result.planned).count() > ATTEMPTS_MAX
    }
}

fn count(refused: &mut Vec<(Refusal, u32)>, reason: Refusal) {
    match refused.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, count)) => *count += 1,
        None => refused.push((reason, 1)),
    }
}
