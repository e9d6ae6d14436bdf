//! How long to wait before a receiver that fails is asked again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(120);
/// A receiver may ask for more time than that, but not for more than this.
const ASKED_MAX: Duration = Duration::from_secs(600);

/// After so many failures in a row; `jitter` in [0, 1) spreads several collectors and receivers. What the receiver asked for is
/// waited for at least.
pub(super) fn pause(failures: u32, jitter: f64, asked: Option<Duration>) -> Duration {
    let doubled = FIRST * 2_u32.pow(failures.saturating_sub(1).min(10));
    let pause = doubled.min(LONGEST).mul_f64(0.5 + jitter / 2.0);
    pause.max(asked.unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_minutes_and_a_receiver_is_given_the_time_it_asks_for() {
        let pauses = [1, 2, 3, 7, 8, 99].map(|failures| pause(failures, 1.0, None).as_secs());
        assert_eq!(pauses, [1, 2, 4, 64, 120, 120]);
        assert_eq!(pause(1, 0.0, None), Duration::from_millis(500));
        assert_eq!(pause(1, 0.0, Some(Duration::from_secs(30))).as_secs(), 30);
        assert_eq!(pause(1, 0.0, Some(Duration::from_secs(86_400))).as_secs(), 600);
    }
}
