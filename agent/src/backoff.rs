//! How long to wait before the next attempt to reach the collector: full jitter, so that a fleet does not come at once.

use std::time::Duration;

/// The most that the first wait takes.
const BASE: Duration = Duration::from_millis(250);

/// No wait is shorter: an attempt costs more than that.
const MIN: Duration = Duration::from_millis(10);

/// Doubles with every failure up to a cap.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet; no wait will be longer than `cap`.
    pub(crate) fn new(cap: Duration) -> Self {
        Self { cap, failures: 0 }
    }

    /// Changes the longest wait.
    pub(crate) fn set_cap(&mut self, cap: Duration) {
        self.cap = cap.max(MIN);
    }

    /// How long to wait after one more failure; `random` is in 0 … 1.
    pub(crate) fn after_failure(&mut self, random: f64) -> Duration {
        let doubled = BASE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1).min(31);
        doubled.min(self.cap).mul_f64(random.clamp(0.0, 1.0)).max(MIN)
    }

    /// It worked, for long enough to mean something.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_cap_nor_than_a_quarter_second_doubled(
            cap in 10..60_000_u64, randoms in prop::collection::vec(0.0..=1.0_f64, 1..100),
        ) {
            let cap = Duration::from_millis(cap);
            let mut backoff = Backoff::new(cap);
            for (n, random) in randoms.into_iter().enumerate() {
                let wait = backoff.after_failure(random);
                prop_assert!(wait >= MIN && wait <= cap.max(MIN));
                let doubled = 0.25 * 2_f64.powi(i32::try_from(n).unwrap());
                prop_assert!(wait.as_secs_f64() <= doubled + 1e-9);
            }
        }
    }

    #[test]
    fn the_longest_possible_wait_doubles_and_starts_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let waits: Vec<_> = (0..8).map(|_| backoff.after_failure(1.0).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.after_failure(1.0).as_millis(), 250);
    }
}
