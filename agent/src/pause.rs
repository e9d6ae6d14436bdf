//! Whether this process stood still: what a probe measured meanwhile says nothing about its target.
//!
//! Whoever runs says so ([`Pauses::tick`]); between two ticks that are too far apart there is a gap. Reads no clock.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::LocalMicros;

/// How often a task of its own ticks.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Shorter gaps are a busy scheduler: two missed ticks.
const GAP_MIN: Duration = Duration::from_millis(100);

/// A gap over this taints whatever the probe's timeout is.
const GAP_TOLERATED_MAX: Duration = Duration::from_secs(1);

/// Gaps remembered, 16 bytes each. What is older is remembered as one that was as long as the longest.
const GAPS_MAX: usize = 1024;

/// A stretch in which this process was not seen to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The last tick before it.
    pub(crate) from: LocalMicros,
    /// The first tick after it.
    pub(crate) to: LocalMicros,
}

impl Gap {
    /// How long it was.
    pub(crate) fn length(&self) -> Duration {
        self.to.since(self.from)
    }

    fn overlaps(&self, start: LocalMicros, end: LocalMicros) -> bool {
        self.from < end && self.to > start
    }
}

/// The gaps of a process. Shared by the tasks that tick and ask.
#[derive(Debug)]
pub(crate) struct Pauses {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    ticked: LocalMicros,
    /// Oldest first.
    gaps: VecDeque<Gap>,
    /// Gaps that are no longer in `gaps`.
    evicted: u64,
    /// The end of the newest of them, and the length of the longest.
    before: (LocalMicros, Duration),
}

impl Pauses {
    /// None; it runs at `now`.
    pub(crate) fn new(now: LocalMicros) -> Self {
        let before = (LocalMicros(0), Duration::ZERO);
        let inner = Inner { ticked: now, gaps: VecDeque::new(), evicted: 0, before };
        Self { inner: Mutex::new(inner) }
    }

    /// The process runs at `now`.
    pub(crate) fn tick(&self, now: LocalMicros) {
        self.lock().tick(now);
    }

    /// Whether a probe with this timeout that ran from `start` to `end` (now) may have been held up by a pause: by a gap
    /// over a tenth of its timeout, but at least [`GAP_MIN`] and at most a second.
    pub(crate) fn tainted(&self, start: LocalMicros, end: LocalMicros, timeout: Duration) -> bool {
        let mut inner = self.lock();
        inner.tick(end);
        let limit = (timeout / 10).min(GAP_TOLERATED_MAX).max(GAP_MIN);
        let (until, longest) = inner.before;
        let forgotten = start < until && longest > limit;
        let recent = inner.gaps.iter().rev().take_while(|gap| gap.to > start);
        forgotten || recent.into_iter().any(|gap| gap.length() > limit && gap.overlaps(start, end))
    }

    /// The gaps since the last call with the same `seen`, which starts at 0.
    pub(crate) fn news(&self, now: LocalMicros, seen: &mut u64) -> Vec<Gap> {
        let mut inner = self.lock();
        inner.tick(now);
        let skip = usize::try_from(seen.saturating_sub(inner.evicted)).unwrap_or(usize::MAX);
        *seen = inner.evicted + inner.gaps.len() as u64;
        inner.gaps.iter().skip(skip).copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tick(&mut self, now: LocalMicros) {
        let gap = Gap { from: self.ticked, to: now };
        self.ticked = self.ticked.max(now);
        if gap.length() <= GAP_MIN {
            return;
        }
        if self.gaps.len() == GAPS_MAX
            && let Some(oldest) = self.gaps.pop_front()
        {
            self.evicted += 1;
            self.before = (oldest.to, self.before.1.max(oldest.length()));
        }
        self.gaps.push_back(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> LocalMicros {
        LocalMicros(ms * 1000)
    }

    /// Ticks every 50 ms from `from` to `to`.
    fn ticked(pauses: &Pauses, from: u64, to: u64) {
        (from..=to).step_by(50).for_each(|at| pauses.tick(ms(at)));
    }

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn a_process_that_ticks_taints_nothing() {
        let pauses = Pauses::new(ms(0));
        ticked(&pauses, 0, 20_000);
        assert!(!pauses.tainted(ms(0), ms(20_010), TEN));
    }

    #[test]
    fn a_pause_over_a_second_taints_what_ran_meanwhile_and_nothing_else() {
        let pauses = Pauses::new(ms(0));
        ticked(&pauses, 0, 1_000);
        ticked(&pauses, 3_000, 10_000);
        for (start, end, tainted) in
            [(0, 900, false), (900, 3_100, true), (1_500, 9_000, true), (3_000, 9_000, false)]
        {
            assert_eq!(pauses.tainted(ms(start), ms(end), TEN), tainted, "{start} to {end}");
        }
    }

    #[test]
    fn a_pause_is_seen_by_a_probe_that_ends_before_anyone_ticks_again() {
        let pauses = Pauses::new(ms(0));
        ticked(&pauses, 0, 1_000);
        assert!(pauses.tainted(ms(1_020), ms(11_000), TEN));
    }

    #[test]
    fn a_short_timeout_tolerates_a_tenth_of_itself_and_never_less_than_two_ticks() {
        let pauses = Pauses::new(ms(0));
        pauses.tick(ms(300));
        let tainted = |timeout| pauses.tainted(ms(10), ms(310), Duration::from_millis(timeout));
        assert!(tainted(1_000));
        assert!(tainted(1), "a tenth of a millisecond is not the limit, two ticks are");
        assert!(!tainted(5_000));
        let quick = Pauses::new(ms(0));
        quick.tick(ms(90));
        assert!(!quick.tainted(ms(10), ms(95), Duration::from_millis(1)));
    }

    #[test]
    fn each_gap_is_news_once_to_each_who_asks() {
        let pauses = Pauses::new(ms(0));
        let (mut one, mut other) = (0, 0);
        assert_eq!(pauses.news(ms(500), &mut one), [Gap { from: ms(0), to: ms(500) }]);
        assert_eq!(pauses.news(ms(510), &mut one), []);
        assert_eq!(pauses.news(ms(520), &mut other).len(), 1);
    }

    #[test]
    fn more_gaps_than_are_remembered_taint_rather_too_much() {
        let pauses = Pauses::new(ms(0));
        pauses.tick(ms(5_000));
        (0..2_000).for_each(|n| pauses.tick(ms(6_000 + n * 150)));
        assert!(pauses.tainted(ms(4_000), ms(306_000), TEN));
    }
}
