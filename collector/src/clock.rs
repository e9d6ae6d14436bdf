//! The collector's clock: set once, never back.

use std::sync::Arc;
use std::time::Duration;

use proto::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::hub::Clock;

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

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_from_a_log_that_is_ahead_of_the_wall_clock() {
        let ahead = Timestamp::EPOCH + read(ClockId::Realtime) + Duration::from_secs(3600);
        let clock = start(ahead);
        let (first, second) = (clock(), clock());
        assert!(first >= ahead && second >= first);
        assert!(first.since(ahead) < Duration::from_secs(600));
    }
}
