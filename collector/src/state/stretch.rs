//! When a target is due from a vantage: planned starts are `k * interval + phase` inside a stretch of time.
//!
//! Arithmetic only. What is expected of the past is recounted from stretches, never from what arrived.

use std::time::Duration;

use proto::{Timestamp, WINDOW_MAX};

/// The first pass of a new list takes at most this long (accounting rule 3).
const PACE_MAX: Duration = Duration::from_secs(30);
/// … and less for a short list: 200 first probes a second are polite to any network.
const PACE_PER_SLOT: Duration = Duration::from_millis(5);

/// A time in which a target is due from a vantage at one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Planned starts before this instant are not of this stretch.
    pub from: Timestamp,
    /// Nor are those at or after this one.
    pub until: Timestamp,
    /// When the collector learnt of it: its first slots were planned earlier.
    pub loaded: Timestamp,
    /// The time between planned starts.
    pub interval: Duration,
    /// Below the interval.
    pub phase: Duration,
    /// Over how long its first slots are spread.
    pub pace: Duration,
    /// One more slot, planned at `loaded`: no regular one was planned up to then.
    pub extra: bool,
}

impl Stretch {
    /// A stretch that begins one interval (at most ten minutes) before it is `loaded`, but not before `not_before`, so
    /// that the slot that is running when a target appears is its first. `newcomers` are loaded together.
    pub fn first(
        loaded: Timestamp,
        not_before: Timestamp,
        interval: Duration,
        phase: Duration,
        newcomers: usize,
    ) -> Self {
        let window = interval.min(WINDOW_MAX);
        let paced = PACE_PER_SLOT.saturating_mul(u32::try_from(newcomers).unwrap_or(u32::MAX));
        let mut stretch = Self {
            // One millisecond short of a whole window: a slot planned right now is the running one.
            from: (loaded - window + Duration::from_millis(1)).max(not_before),
            until: Timestamp::MAX,
            loaded,
            interval,
            phase,
            pace: paced.min(PACE_MAX).min(window / 2),
            extra: false,
        };
        stretch.extra = stretch.grid_at_or_after(stretch.from) > loaded;
        stretch
    }

    /// A stretch that takes over from another one at `at`: the same target at another interval.
    pub fn continued(at: Timestamp, interval: Duration, phase: Duration) -> Self {
        let pace = Duration::ZERO;
        Self { from: at, until: Timestamp::MAX, loaded: at, interval, phase, pace, extra: false }
    }

    fn grid_at_or_after(&self, at: Timestamp) -> Timestamp {
        let floor = (at - self.phase).floor(self.interval) + self.phase;
        if floor < at { floor + self.interval } else { floor }
    }

    /// The first planned start at or after `at`, if the stretch has one.
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let regular = self.grid_at_or_after(at.max(self.from));
        let next = if self.extra && at <= self.loaded { self.loaded.min(regular) } else { regular };
        (next < self.until).then_some(next)
    }

    /// Whether a slot is planned at exactly this instant.
    pub fn plans(&self, planned: Timestamp) -> bool {
        self.next(planned) == Some(planned)
    }

    /// How many slots are planned in `[from, to)`.
    pub fn count(&self, from: Timestamp, to: Timestamp) -> u64 {
        let (from, to) = (from.max(self.from), to.min(self.until));
        if from >= to {
            return 0;
        }
        let span = self.grid_at_or_after(to).since(self.grid_at_or_after(from));
        let regular = span.as_millis() / self.interval.as_millis().max(1);
        let extra = self.extra && from <= self.loaded && self.loaded < to;
        u64::try_from(regular).unwrap_or(u64::MAX) + u64::from(extra)
    }

    /// When the slot planned at `planned` may start, from the first instant to the first one that is too late.
    pub fn window(&self, planned: Timestamp) -> (Timestamp, Timestamp) {
        let opens = planned.max(self.loaded);
        (opens, opens + self.interval.min(WINDOW_MAX))
    }

    /// Whether the slot was planned before the target was known: such slots are nobody's but the sweep's.
    pub fn is_first_pass(&self, planned: Timestamp) -> bool {
        planned <= self.loaded
    }

    /// When the sweep may first run the slot: the first slots are spread over the pace, in the order of their plan.
    pub fn sweep_from(&self, planned: Timestamp) -> Timestamp {
        if !self.is_first_pass(planned) {
            return planned;
        }
        let place = if self.extra {
            self.phase.as_secs_f64() / self.interval.as_secs_f64()
        } else {
            let span = self.interval.min(WINDOW_MAX).as_secs_f64();
            1.0 - self.loaded.since(planned).as_secs_f64() / span
        };
        self.loaded + self.pace.mul_f64(place.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn walk(stretch: &Stretch, from: i64, to: i64) -> Vec<i64> {
        let mut found = Vec::new();
        let mut cursor = at(from);
        while let Some(next) = stretch.next(cursor).filter(|next| *next < at(to)) {
            found.push(next.millis());
            cursor = at(next.millis() + 1);
        }
        found
    }

    #[test]
    fn the_slot_that_runs_when_a_target_is_loaded_is_its_first() {
        let minute = Duration::from_secs(60);
        let stretch =
            Stretch::first(at(1_000_000), Timestamp::EPOCH, minute, Duration::from_secs(7), 1);
        assert_eq!(walk(&stretch, 0, 1_100_000), [967_000, 1_027_000, 1_087_000]);
        assert_eq!(stretch.window(at(967_000)), (at(1_000_000), at(1_060_000)));
        assert_eq!(stretch.window(at(1_027_000)), (at(1_027_000), at(1_087_000)));
    }

    #[test]
    fn a_target_that_is_due_once_a_day_is_also_probed_when_it_is_loaded() {
        let day = Duration::from_secs(86_400);
        let stretch = Stretch::first(at(86_400_000), Timestamp::EPOCH, day, day / 2, 1);
        assert!(stretch.extra);
        assert_eq!(walk(&stretch, 0, 3 * 86_400_000), [86_400_000, 129_600_000, 216_000_000]);
        assert_eq!(stretch.window(at(86_400_000)).1, at(86_400_000) + WINDOW_MAX);
    }

    #[test]
    fn a_target_that_comes_back_never_plans_a_slot_of_its_earlier_stretch_again() {
        let ten = Duration::from_secs(10);
        let mut before = Stretch::first(at(100_000), Timestamp::EPOCH, ten, Duration::ZERO, 1);
        before.until = at(115_000);
        let after = Stretch::first(at(117_000), before.until, ten, Duration::ZERO, 1);
        assert_eq!(walk(&before, 0, 200_000), [100_000, 110_000]);
        assert_eq!(walk(&after, 0, 140_000), [117_000, 120_000, 130_000]);
    }

    #[test]
    fn the_first_pass_is_spread_over_half_a_minute_at_most_and_over_less_for_a_short_list() {
        let ten_minutes = Duration::from_secs(600);
        let pace = |newcomers| {
            Stretch::first(at(10_000_000), Timestamp::EPOCH, ten_minutes, Duration::ZERO, newcomers)
                .pace
        };
        assert_eq!(pace(12), Duration::from_millis(60));
        assert_eq!(pace(1_000), Duration::from_secs(5));
        assert_eq!(pace(1_000_000), Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn a_count_is_what_a_walk_finds(
            loaded in 0_i64..100_000, interval in 1_u64..30_000, phase in 0_u64..30_000,
            from in -50_000_i64..150_000, length in 0_i64..60_000, cut in 0_i64..150_000, newcomers in 0_usize..3,
        ) {
            let (interval, phase) = (Duration::from_millis(interval), Duration::from_millis(phase % interval));
            let mut stretch = Stretch::first(at(loaded), Timestamp::EPOCH, interval, phase, newcomers);
            stretch.until = at(cut);
            let walked = walk(&stretch, from, from + length);
            prop_assert_eq!(stretch.count(at(from), at(from + length)), walked.len() as u64);
            for planned in walked {
                prop_assert!(stretch.plans(at(planned)));
                let (opens, closes) = stretch.window(at(planned));
                let sweep = stretch.sweep_from(at(planned));
                prop_assert!(opens <= sweep && sweep < closes, "{:?} {:?} {:?}", opens, sweep, closes);
            }
        }
    }
}
