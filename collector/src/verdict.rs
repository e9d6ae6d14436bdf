//! What the evidence says about a target: the only place that decides "up" and "down".

use std::time::Duration;

use proto::{Outcome, Timestamp};

use crate::state::{Entry, FAILING_MAX, Series, State, TargetIdx, VantageIdx, VerdictChange};

/// What users are told about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It answers as expected.
    Up,
    /// It answers, slower than its `slow_after`.
    Degraded,
    /// It fails from some fresh vantages: a regional problem.
    Partial,
    /// It fails from more than half of the fresh vantages.
    Down,
    /// Nothing fresh to judge by.
    Unknown,
}

impl Verdict {
    /// Every verdict, best first.
    pub const ALL: [Self; 5] = [Self::Up, Self::Degraded, Self::Partial, Self::Down, Self::Unknown];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Partial => "partial",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// What one vantage's evidence amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// As expected.
    Up,
    /// As expected, but slow.
    Slow,
    /// A failure, or an answer that is not as expected.
    Failing,
    /// As expected, and a later attempt at the same slot was not: it fails, if it fails elsewhere too.
    Doubted,
}

/// A second attempt has the target's timeout, and so long to be sent and to come back.
const CONFIRM_SLACK: Duration = Duration::from_secs(2);

/// Fresh is what was planned after this instant: within the last two intervals.
pub fn fresh_from(now: Timestamp, interval: Duration) -> Timestamp {
    now - interval * 2
}

/// The first instant at which what was planned then is not fresh any more.
pub fn fresh_until(planned: Timestamp, interval: Duration) -> Timestamp {
    planned + interval * 2 + Duration::from_millis(1)
}

/// What one value amounts to.
pub fn evidence(entry: &Entry, slow_after: Option<Duration>) -> Evidence {
    let latency = Duration::from_micros(entry.latency_us.into());
    match entry.outcome {
        Outcome::Answered { unexpected: None, .. }
            if slow_after.is_some_and(|limit| latency > limit) =>
        {
            Evidence::Slow
        }
        Outcome::Answered { unexpected: None, .. } => Evidence::Up,
        Outcome::Answered { .. } | Outcome::Failed(_) => Evidence::Failing,
    }
}

/// The verdict over the evidence of every fresh vantage.
pub fn over(evidence: impl IntoIterator<Item = Evidence>) -> Verdict {
    let (mut fresh, mut failing, mut doubted, mut slow) = (0_u32, 0_u32, 0_u32, false);
    for evidence in evidence {
        fresh += 1;
        failing += u32::from(evidence == Evidence::Failing);
        doubted += u32::from(evidence == Evidence::Doubted);
        slow |= evidence == Evidence::Slow;
    }
    if failing > 0 {
        failing += doubted;
    }
    match (fresh, failing) {
        (0, _) => Verdict::Unknown,
        (fresh, failing) if failing * 2 > fresh => Verdict::Down,
        (_, 1..) => Verdict::Partial,
        _ if slow => Verdict::Degraded,
        _ => Verdict::Up,
    }
}

impl State {
    /// The newest fresh values of a target: one a vantage that reaches it (or of `only` one), without those that say
    /// nothing about it unless `blocked` asks for them too.
    pub fn fresh<'a>(
        &'a self,
        target: TargetIdx,
        now: Timestamp,
        only: Option<VantageIdx>,
        blocked: bool,
    ) -> impl Iterator<Item = (VantageIdx, &'a Entry)> + Clone + 'a {
        let from = fresh_from(now, self.target(target).entry.interval);
        let vantages = self.vantages().filter(move |(idx, _)| only.is_none_or(|only| only == *idx));
        vantages.filter_map(move |(idx, vantage)| {
            let series: &Series = vantage.series.get(target.index())?;
            series.current()?;
            Some((idx, series.newest(from, blocked)?))
        })
    }

    /// The verdict of a target now, over all vantages or at `only` one.
    pub fn judge(&self, target: TargetIdx, now: Timestamp, only: Option<VantageIdx>) -> Verdict {
        self.weigh(target, now, only).0
    }

    /// The same, with the oldest slot that it rests on.
    fn weigh(
        &self,
        target: TargetIdx,
        now: Timestamp,
        only: Option<VantageIdx>,
    ) -> (Verdict, Option<Timestamp>) {
        let slow_after = self.target(target).entry.slow_after;
        let mut oldest: Option<Timestamp> = None;
        let verdict = over(self.fresh(target, now, only, false).map(|(vantage, entry)| {
            oldest = Some(oldest.map_or(entry.planned, |known| known.min(entry.planned)));
            let found = evidence(entry, slow_after);
            let series = self.series(vantage, target);
            let doubted = series.is_some_and(|series| series.is_doubted(entry));
            if found != Evidence::Failing && doubted { Evidence::Doubted } else { found }
        }));
        (verdict, oldest)
    }

    /// How long a failure is looked at before people are told of it: at once if more than one attempt found it, else for as
    /// long as a second one may take. (A target that was not up before is not asked again.)
    pub fn confirmed_after(&self, target: TargetIdx, now: Timestamp) -> Duration {
        match self.is_confirmed(target, now) {
            true => Duration::ZERO,
            false => self.target(target).entry.spec.timeout + CONFIRM_SLACK,
        }
    }

    /// Whether more than one attempt found the target not up: two at one slot, or at two vantages.
    fn is_confirmed(&self, target: TargetIdx, now: Timestamp) -> bool {
        let failing = self.fresh(target, now, None, false).filter(|(_, e)| !e.outcome.is_up());
        let attempts = failing.map(|(vantage, entry)| {
            self.series(vantage, target).map_or(0, |series| series.failed_attempts(entry.planned))
        });
        attempts.sum::<usize>() > 1
    }

    /// Until when a verdict that would turn from up to not up waits for a second attempt, if it does.
    fn doubt(&self, target: TargetIdx, verdict: Verdict, now: Timestamp) -> Option<Timestamp> {
        let state = self.target(target);
        let turns = matches!(state.verdict, Verdict::Up | Verdict::Degraded)
            && matches!(verdict, Verdict::Partial | Verdict::Down);
        let waits = turns && state.is_confirmable() && !self.is_confirmed(target, now);
        waits.then(|| state.doubt.unwrap_or_else(|| self.second_attempt_by(target, now)))
    }

    /// Until when a second attempt at what fails now may come. What an agent with a fast clock found is tried again when its slot
    /// begins.
    fn second_attempt_by(&self, target: TargetIdx, now: Timestamp) -> Timestamp {
        let failing = self.fresh(target, now, None, false).filter(|(_, e)| !e.outcome.is_up());
        let begins = failing.map(|(_, entry)| entry.planned).max().unwrap_or(now);
        begins.max(now) + self.target(target).entry.spec.timeout + CONFIRM_SLACK
    }

    /// Brings the kept verdict of a target up to date; says whether it changed.
    pub fn renew_verdict(&mut self, target: TargetIdx, now: Timestamp) -> bool {
        let aged = self.age_verdict(target, now);
        self.judge_again(target, now) || aged
    }

    /// Lets evidence grow old up to `now`, each piece at its own instant, however late it is looked at.
    pub fn age_verdict(&mut self, target: TargetIdx, now: Timestamp) -> bool {
        let mut changed = false;
        while self.target(target).stale_at <= now {
            let instant = self.target(target).stale_at;
            changed |= self.judge_again(target, instant);
            if self.target(target).stale_at <= instant {
                break; // What is fresh at an instant grows old after it: this does not happen.
            }
        }
        changed
    }

    fn judge_again(&mut self, idx: TargetIdx, at: Timestamp) -> bool {
        let (to, oldest) = self.weigh(idx, at, None);
        let target = self.target(idx);
        let interval = target.entry.interval;
        let stale_at = oldest.map_or(Timestamp::MAX, |planned| fresh_until(planned, interval));
        let (from, since, uid) = (target.verdict, target.since, target.uid);
        let doubt = self.doubt(idx, to, at).filter(|until| at < *until);
        self.target_mut(idx).doubt = doubt;
        if let Some(until) = doubt {
            // Nobody has answered yet; if nobody does in time, what one attempt found is all there is, from that instant on.
            self.target_mut(idx).stale_at = stale_at.min(until);
            return false;
        }
        if from == to && (since.is_some() || to == Verdict::Unknown) {
            self.target_mut(idx).stale_at = stale_at;
            return false;
        }
        // That a new target is well is no news, nor is the silence of one that nobody asks.
        let is_news = since.is_some() || !matches!(to, Verdict::Up | Verdict::Degraded);
        let target = self.target(idx);
        if is_news && target.listed && !target.entry.paused {
            let (mut fresh, mut failing) = (0_u16, Vec::new());
            for (vantage, entry) in self.fresh(idx, at, None, false) {
                fresh = fresh.saturating_add(1);
                if evidence(entry, None) == Evidence::Failing && failing.len() < FAILING_MAX {
                    failing.push((vantage, entry.outcome));
                }
            }
            let change = VerdictChange { seq: 0, uid, from, since, to, at, fresh, failing };
            self.changes.push(change);
        }
        let target = self.target_mut(idx);
        target.stale_at = stale_at;
        target.verdict = to;
        target.since = Some(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_down_when_more_than_half_of_the_fresh_vantages_fail() {
        use Evidence::{Doubted, Failing, Slow, Up};
        assert_eq!(over([]), Verdict::Unknown);
        assert_eq!(over([Up]), Verdict::Up);
        assert_eq!(over([Up, Slow]), Verdict::Degraded);
        assert_eq!(over([Failing]), Verdict::Down);
        assert_eq!(over([Up, Failing]), Verdict::Partial);
        assert_eq!(over([Up, Failing, Failing]), Verdict::Down);
        assert_eq!(over([Slow, Up, Failing]), Verdict::Partial);
        assert_eq!(over([Doubted]), Verdict::Up, "one attempt of two says nothing");
        assert_eq!(over([Doubted, Failing, Up]), Verdict::Down, "it fails elsewhere too");
    }
}
