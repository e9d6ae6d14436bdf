//! How long to wait between two tries of a failing append.

use std::time::Duration;

/// Doubles from the first pause to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the first failure.
    pub first: Duration,
    /// After many.
    pub longest: Duration,
}

impl Default for Pace {
    /// A full disk is not freed faster than people work, and costs the probes nothing meanwhile; a hiccup is over soon.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

impl Pace {
    /// The pause after a failure that so many failures went before.
    pub fn after(self, failures: u32) -> Duration {
        let times = 1u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(times).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_and_stay_there() {
        let millis = |failures| Pace::default().after(failures).as_millis();
        let first: Vec<_> = (0..8).map(millis).collect();
        assert_eq!(first, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!((millis(31), millis(32), millis(u32::MAX)), (5_000, 5_000, 5_000));
    }
}
