//! How long and how large a run is.

use std::time::Duration;

/// The measures of a world.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Targets are at least and fewer than so many.
    pub targets: (u64, u64),
    /// Agents of each vantage, likewise.
    pub agents: (u64, u64),
    /// The intervals that targets may have, in seconds.
    pub intervals: &'static [u64],
    /// How often the collector's tick comes.
    pub tick: Duration,
    /// The mean time between two faults.
    pub calm: Duration,
    /// No fault lasts longer.
    pub longest: Duration,
    /// What an agent's undelivered results may take, where the seed makes that scarce.
    pub outbox_bytes: usize,
    /// The length of an hour.
    pub hour: Duration,
    /// So long after the last fault nothing of it is left.
    pub converged: Duration,
}

/// A few minutes with short intervals: everything is in reach of everything, and a run takes a moment.
pub const MINUTES: Scale = Scale {
    targets: (20, 60),
    agents: (2, 5),
    intervals: &[45, 60, 90],
    tick: Duration::from_millis(200),
    calm: Duration::from_secs(15),
    longest: Duration::from_secs(120),
    outbox_bytes: 1 << 10,
    hour: Duration::from_secs(120),
    converged: Duration::from_secs(420),
};

/// A day as an installation has it: targets of ten minutes, hours of an hour.
pub const DAY: Scale = Scale {
    targets: (12, 30),
    agents: (2, 4),
    intervals: &[600],
    tick: Duration::from_secs(1),
    calm: Duration::from_secs(600),
    longest: Duration::from_secs(3 * 3600),
    outbox_bytes: 8 << 10,
    hour: Duration::from_secs(3600),
    // A window, timeout, lease and slack, and the quarter of an hour that a slot waits for an agent that has yet to deliver.
    converged: Duration::from_secs(2400),
};

impl Scale {
    /// The longest interval that there is.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.intervals.iter().copied().max().unwrap_or(1))
    }
}
