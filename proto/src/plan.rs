//! Where a target stands in time and in the fleet: two different hashes of its name.
//!
//! These functions are part of what the log means: a change of either would move every planned start ever logged.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Shards of every vantage.
pub const SHARDS: usize = 4096;

const PHASE_SEED: u64 = 0x7068_6173_6500_0001;
const SHARD_SEED: u64 = 0x7368_6172_6400_0001;

/// A fixed hash bucket of targets inside a vantage: below [`SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// The shard with this number, if there is one.
    pub fn new(number: u32) -> Option<Self> {
        let number = u16::try_from(number).ok()?;
        (usize::from(number) < SHARDS).then_some(Self(number))
    }

    /// Its number, as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS as u16).map(Self)
    }
}

/// The shard of the target called `name`.
pub fn shard_of(name: &str) -> ShardId {
    ShardId((xxh3_64_with_seed(name.as_bytes(), SHARD_SEED) % SHARDS as u64) as u16)
}

/// How long after each multiple of `interval` the target called `name` is planned from `vantage`: whole milliseconds
/// below the interval, spread evenly over names and over vantages.
pub fn phase_of(name: &str, vantage: &str, interval: Duration) -> Duration {
    let vantage = xxh3_64_with_seed(vantage.as_bytes(), PHASE_SEED);
    let hash = xxh3_64_with_seed(name.as_bytes(), vantage);
    Duration::from_millis(hash % interval.as_millis().max(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden values: if they change, logs written before mean something else.
    #[test]
    fn hashes_are_those_that_logs_were_written_with() {
        assert_eq!(shard_of("www.trip.com"), ShardId(3875));
        let phase = phase_of("www.trip.com", "default", Duration::from_secs(600));
        assert_eq!(phase.as_millis(), 3010);
    }

    #[test]
    fn a_phase_differs_from_vantage_to_vantage_and_stays_below_the_interval() {
        let interval = Duration::from_secs(60);
        let phases: std::collections::HashSet<_> =
            (0..50).map(|v| phase_of("a", &format!("v{v}"), interval)).collect();
        assert!(phases.len() > 45, "{phases:?}");
        assert!(phases.iter().all(|phase| *phase < interval));
    }
}
