//! How many files this process may have open: every probe takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left for everything that is not a probe: the collector, /metrics, DNS, logs.
const RESERVED: u64 = 100;

/// Raises this process's limit as far as it may. Gives the limit, if there is one.
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

/// The most probes at once that `limit` descriptors allow, at most `wanted`.
pub fn affordable_concurrency(wanted: usize, limit: Option<u64>) -> usize {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVED).max(1));
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_leaves_a_hundred_descriptors_and_never_falls_to_nothing() {
        assert_eq!(affordable_concurrency(1_000, None), 1_000);
        assert_eq!(affordable_concurrency(1_000, Some(20_000)), 1_000);
        assert_eq!(affordable_concurrency(1_000, Some(1_024)), 924);
        assert_eq!(affordable_concurrency(1_000, Some(64)), 1);
    }

    #[test]
    fn the_limit_can_be_asked_for_twice() {
        assert_eq!(raise_descriptor_limit(), raise_descriptor_limit());
    }
}
