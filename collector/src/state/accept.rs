//! Which results are taken: accounting rule 5, as a decision over the state.

use std::time::Duration;

use proto::{Batch, MissedRange, ProbeResult, Refusal, Timestamp};

use super::value::Entry;
use super::{ReporterIdx, Series, State, TargetState, VantageIdx};

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

/// What a result that is taken is worth.
enum Worth {
    News,
    /// The log holds it already.
    Known,
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
        let mut accepted = Accepted { fresh: batch, ..Accepted::default() };
        let Accepted { fresh, refused, known } = &mut accepted;
        fresh.results.retain(|result| match self.worth(vantage, result, now, clock_error, boot) {
            Ok(Worth::News) => true,
            Ok(Worth::Known) => {
                *known += 1;
                false
            }
            Err(reason) => {
                count(refused, reason);
                false
            }
        });
        fresh.missed.retain(|range| match self.missed_refusal(vantage, range, now) {
            Some(reason) => {
                count(refused, reason);
                false
            }
            None => true,
        });
        // What is left waits for the log: without the room of what was left out.
        fresh.results.shrink_to_fit();
        fresh.missed.shrink_to_fit();
        accepted
    }

    fn worth(
        &self,
        vantage: VantageIdx,
        result: &ProbeResult,
        now: Timestamp,
        clock_error: Duration,
        boot: u64,
    ) -> Result<Worth, Refusal> {
        let (target, series) = self.series_of(vantage, result.uid)?;
        // A finished hour whose slots are forgotten cannot be written anew.
        if result.planned < now - LATE_MAX || result.planned < self.forgotten {
            return Err(Refusal::TooLate);
        }
        let stretch = series.stretch_of(result.planned).ok_or(Refusal::OutsideWindow)?;
        let (opens, closes) = stretch.window(result.planned);
        let started = result.started();
        let future = started > now + clock_error;
        if future || started < opens - clock_error || started >= closes + clock_error {
            return Err(Refusal::OutsideWindow);
        }
        // Nearly every result is of the newest revision: no older one can have been in force.
        let newest = result.revision >= target.entry.revision;
        if !newest && result.revision < target.revision_at(result.planned) {
            return Err(Refusal::StaleSpec);
        }
        Ok(if self.is_known(series, result, boot) { Worth::Known } else { Worth::News })
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

    fn series_of(
        &self,
        vantage: VantageIdx,
        uid: proto::Uid,
    ) -> Result<(&TargetState, &Series), Refusal> {
        let idx = self.by_uid(uid).ok_or(Refusal::UnknownTarget)?;
        let series = self.series(vantage, idx).filter(|series| !series.stretches.is_empty());
        Ok((self.target(idx), series.ok_or(Refusal::WrongVantage)?))
    }

    /// Whether it says nothing new: it was delivered before, or the slot is up already and this attempt found the same.
    /// An attempt that was not up is kept beside a better one.
    fn is_known(&self, series: &Series, result: &ProbeResult, boot: u64) -> bool {
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
