//! The collector's clock: set once, never back.

use std::sync::Arc;
use std::time::Duration;

use proto::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use crate::hub::Clock;

/// How often the wall clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A wall clock that is further off than this was set, or was wrong when the collector started.
const OFF_MAX_MS: i64 = 2_000;

/// A clock that begins at the later of the wall clock and the log's newest instant, and goes on by boot time, which
/// counts while the machine sleeps and knows no steps (accounting rule 15).
pub fn start(newest: Timestamp) -> Clock {
    let wall = Timestamp::EPOCH + read(ClockId::Realtime);
    if newest > wall {
        tracing::warn!(%wall, log = %newest, "the wall clock is behind the log; going on from the log's time");
    }
    let (begin, booted) = (wall.max(newest), read(ClockId::Boottime));
    Arc::new(move || begin + read(ClockId::Boottime).saturating_sub(booted))
}

/// How far the wall clock is ahead of `now`, an instant of the collector's clock, in milliseconds; negative when it is behind.
pub fn wall_ahead_ms(now: Timestamp) -> i64 {
    let wall = Timestamp::EPOCH + read(ClockId::Realtime);
    wall.millis().saturating_sub(now.millis())
}

/// Says when the wall clock is set, until `stop`. The collector does not follow it: its clock goes on.
pub async fn watch(clock: Clock, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut off = Off::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        match off.look(wall_ahead_ms(clock())) {
            Some(Say::Off(ahead_ms)) => tracing::warn!(
                ahead_ms,
                "the wall clock is not where it was when the collector started; times go on from there until a restart"
            ),
            Some(Say::Right) => tracing::info!("the wall clock is where it should be again"),
            None => {}
        }
    }
}

/// What was said last of the wall clock.
#[derive(Debug, Default)]
struct Off(Option<i64>);

#[derive(Debug, PartialEq, Eq)]
enum Say {
    Off(i64),
    Right,
}

impl Off {
    /// Each step is said once; a slow drift at every two seconds of it.
    fn look(&mut self, ahead_ms: i64) -> Option<Say> {
        let is_off = ahead_ms.saturating_abs() > OFF_MAX_MS;
        match self.0 {
            None if !is_off => None,
            Some(_) if !is_off => {
                self.0 = None;
                Some(Say::Right)
            }
            Some(said) if ahead_ms.saturating_sub(said).saturating_abs() <= OFF_MAX_MS => None,
            _ => {
                self.0 = Some(ahead_ms);
                Some(Say::Off(ahead_ms))
            }
        }
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_the_wall_clock_is_said_once() {
        let mut off = Off::default();
        let said: Vec<_> = [0, 900, -1_999, 3_600_000, 3_600_900, -7_200_000, -7_200_000, 10, 0]
            .into_iter()
            .map(|ahead| off.look(ahead))
            .collect();
        let (on, back) = (Some(Say::Off(3_600_000)), Some(Say::Off(-7_200_000)));
        assert_eq!(said, [None, None, None, on, None, back, None, Some(Say::Right), None]);
    }

    #[test]
    fn the_clock_goes_on_from_a_log_that_is_ahead_of_the_wall_clock() {
        let ahead = Timestamp::EPOCH + read(ClockId::Realtime) + Duration::from_secs(3600);
        let clock = start(ahead);
        let (first, second) = (clock(), clock());
        assert!(first >= ahead && second >= first);
        assert!(first.since(ahead) < Duration::from_secs(600));
    }
}
