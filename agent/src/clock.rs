//! The collector's clock as an agent knows it: boot time plus the offset of the best recent heartbeat.
//!
//! Wall time plays no part. The offset comes from the sample with the lowest round trip of the last eight, so a slow
//! network or a pause between sending and hearing does not move it.

use std::collections::VecDeque;
use std::time::Duration;

use proto::Timestamp;

/// Heartbeats that are remembered: at one in five seconds, the last 40 s.
const SAMPLES: usize = 8;

/// Microseconds on this machine's boot-time clock: never goes back, goes on during a suspend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalMicros(pub u64);

impl LocalMicros {
    /// The instant `rest` later.
    pub fn plus(self, rest: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rest.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The first whole multiple of `step` that is not before this.
    pub(crate) fn ceil(self, step: Duration) -> Self {
        let step = u64::try_from(step.as_micros()).unwrap_or(u64::MAX).max(1);
        Self(self.0.div_ceil(step).saturating_mul(step))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The collector's clock, known from echoes.
#[derive(Clone, Debug, Default)]
pub(crate) struct CollectorClock {
    /// At most [`SAMPLES`], newest last.
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// The collector's clock minus ours.
    offset_us: i64,
    round_trip_us: u64,
}

impl CollectorClock {
    /// Takes in an echo: sent at `sent`, answered when the collector's clock showed `collector_us`, heard at `heard`.
    /// One that was heard before it was sent says nothing.
    pub(crate) fn sample(&mut self, sent: LocalMicros, collector_us: i64, heard: LocalMicros) {
        let Some(round_trip_us) = heard.0.checked_sub(sent.0) else { return };
        let middle = i64::try_from(sent.0 + round_trip_us / 2).unwrap_or(i64::MAX);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples
            .push_back(Sample { offset_us: collector_us.saturating_sub(middle), round_trip_us });
    }

    /// Forgets every sample: another leader's clock is another clock. The next sample must follow at once.
    pub(crate) fn forget(&mut self) {
        self.samples.clear();
    }

    /// The collector's time, once known.
    pub(crate) fn now(&self, local: LocalMicros) -> Option<Timestamp> {
        self.now_us(local).map(|micros| Timestamp::from_millis(micros.div_euclid(1000)))
    }

    /// The same in microseconds.
    pub(crate) fn now_us(&self, local: LocalMicros) -> Option<i64> {
        let local = i64::try_from(local.0).unwrap_or(i64::MAX);
        Some(self.best()?.offset_us.saturating_add(local))
    }

    /// When the collector's clock shows `at`, on ours; the start of our clock for what was before that.
    pub(crate) fn local_at(&self, at: Timestamp) -> Option<LocalMicros> {
        let micros = at.millis().saturating_mul(1000).saturating_sub(self.best()?.offset_us);
        Some(LocalMicros(u64::try_from(micros).unwrap_or(0)))
    }

    /// How far [`Self::now`] may be from the truth: half the best round trip.
    pub(crate) fn error(&self) -> Duration {
        self.best().map_or(Duration::ZERO, |best| Duration::from_micros(best.round_trip_us / 2))
    }

    /// The lowest round trip; of equal ones the newest.
    fn best(&self) -> Option<&Sample> {
        self.samples.iter().rev().min_by_key(|sample| sample.round_trip_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(ms: u64) -> LocalMicros {
        LocalMicros(ms * 1000)
    }

    #[test]
    fn an_instant_is_rounded_up_to_a_whole_step_and_never_beyond_the_end_of_time() {
        let step = Duration::from_millis(5);
        for (at, rounded) in [(0, 0), (1, 5_000), (5_000, 5_000), (5_001, 10_000)] {
            assert_eq!(LocalMicros(at).ceil(step), LocalMicros(rounded), "{at}");
        }
        assert_eq!(LocalMicros(u64::MAX).ceil(step), LocalMicros(u64::MAX));
        assert_eq!(LocalMicros(7).ceil(Duration::ZERO), LocalMicros(7));
    }

    #[test]
    fn before_the_first_sample_no_time_is_known() {
        let clock = CollectorClock::default();
        assert_eq!(clock.now(micros(5)), None);
        assert_eq!(clock.local_at(Timestamp::from_millis(5)), None);
    }

    #[test]
    fn the_middle_of_the_round_trip_is_when_the_collector_answered() {
        let mut clock = CollectorClock::default();
        clock.sample(micros(100), 1_000_000_000, micros(140));
        assert_eq!(clock.now(micros(120)), Some(Timestamp::from_millis(1_000_000)));
        assert_eq!(clock.error(), Duration::from_millis(20));
    }

    #[test]
    fn the_lowest_round_trip_of_the_last_eight_gives_the_offset() {
        let mut clock = CollectorClock::default();
        clock.sample(micros(0), 500_000, micros(2));
        for n in 1..8 {
            clock.sample(micros(n * 100), 9_999_000_000, micros(n * 100 + 50));
            assert_eq!(clock.now(micros(1)), Some(Timestamp::from_millis(500)), "sample {n}");
        }
        clock.sample(micros(800), 9_999_000_000, micros(850));
        assert_ne!(clock.now(micros(1)), Some(Timestamp::from_millis(500)), "too old to count");
    }

    #[test]
    fn an_echo_from_the_future_says_nothing() {
        let mut clock = CollectorClock::default();
        clock.sample(micros(10), 1_000, micros(9));
        assert_eq!(clock.now(micros(10)), None);
    }

    #[test]
    fn at_the_local_instant_of_a_planned_start_the_collectors_time_has_reached_it() {
        let mut clock = CollectorClock::default();
        clock.sample(LocalMicros(1_234_567), 1_700_000_000_123_457, LocalMicros(1_234_999));
        let planned = Timestamp::from_millis(1_700_000_600_000);
        let local = clock.local_at(planned).unwrap();
        assert_eq!(clock.now(local), Some(planned));
        assert!(clock.now(LocalMicros(local.0 - 1)).unwrap() < planned);
    }
}
