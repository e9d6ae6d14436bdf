//! Instants on the collector's clock: arithmetic only, nobody here asks what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// The longest time after its planned start in which a probe may still begin (accounting: a window is the shorter of
/// the interval and this).
pub const WINDOW_MAX: Duration = Duration::from_secs(600);

/// Milliseconds since the Unix epoch on the collector's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// Later than every instant that occurs.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `ms` milliseconds after the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The last multiple of `step` (counted from the epoch) at or before this instant.
    #[inline]
    pub fn floor(self, step: Duration) -> Self {
        let step = millis(step).max(1);
        Self(self.0.div_euclid(step).saturating_mul(step))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-20T16:50:00.000Z`.
    pub fn rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.3fZ")
    }

    /// `2026-11-20 16:50:00`, in UTC.
    pub fn date_time(self) -> String {
        self.format("%Y-%m-%d %H:%M:%S")
    }

    fn format(self, pattern: &str) -> String {
        let bounded = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        bounded.strftime(pattern).to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    #[inline]
    fn add(self, rest: Duration) -> Self {
        Self(self.0.saturating_add(millis(rest)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    #[inline]
    fn sub(self, rest: Duration) -> Self {
        Self(self.0.saturating_sub(millis(rest)))
    }
}

/// Whole milliseconds; in 64 bits all the way, since this is done several times for every result.
#[inline]
fn millis(duration: Duration) -> i64 {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1000).saturating_add(i64::from(duration.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_rfc_3339_with_milliseconds() {
        let instant = Timestamp::from_millis(1_695_024_854_007);
        assert_eq!(instant.rfc3339(), "2023-09-18T08:14:14.007Z");
        assert_eq!(instant.date_time(), "2023-09-18 08:14:14");
    }

    #[test]
    fn a_floor_is_a_multiple_at_or_before_also_before_the_epoch() {
        let ten = Duration::from_secs(10);
        assert_eq!(Timestamp::from_millis(20_000).floor(ten).millis(), 20_000);
        assert_eq!(Timestamp::from_millis(19_999).floor(ten).millis(), 10_000);
        assert_eq!(Timestamp::from_millis(-1).floor(ten).millis(), -10_000);
    }

    #[test]
    fn time_since_a_later_instant_is_zero() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
