//! This machine's boot-time clock: the only clock by which an agent acts. The wall clock dates what is written for
//! CloudWatch, and is told to the collector, so that people see how far it is off.

use rustix::time::{ClockId, clock_gettime};

use crate::clock::LocalMicros;

/// What it shows.
pub fn boot_time() -> LocalMicros {
    let now = clock_gettime(ClockId::Boottime);
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    LocalMicros(part(now.tv_sec) * 1_000_000 + part(now.tv_nsec) / 1000)
}

/// Milliseconds since 1970 on the wall clock.
pub(crate) fn wall_ms() -> i64 {
    wall_us() / 1000
}

/// Microseconds since 1970 on the wall clock.
pub(crate) fn wall_us() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000)
}
