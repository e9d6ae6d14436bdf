//! A shard that is too heavy for one message comes in parts, one after the other, and takes effect as a whole.

use proto::{Grant, ScheduledTarget, ShardId};

/// The parts that have come of the one shard that is on its way. As much is held as a shard may have: the collector bounds that.
#[derive(Debug, Default)]
pub(crate) struct Parts(Option<(ShardId, u64, Vec<ScheduledTarget>)>);

impl Parts {
    /// Takes a grant or a part of one; gives the grant when it is whole. A part of another shard or content drops what was
    /// put together so far: the collector has thought better of it.
    pub(crate) fn take(&mut self, grant: Grant) -> Option<Grant> {
        let before = self
            .0
            .take()
            .filter(|(shard, hash, _)| (*shard, *hash) == (grant.shard, grant.content_hash));
        let mut targets = before.map_or_else(Vec::new, |(_, _, targets)| targets);
        targets.extend(grant.targets);
        if grant.more {
            self.0 = Some((grant.shard, grant.content_hash, targets));
            return None;
        }
        Some(Grant { targets, ..grant })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::{ProbeSpec, Timestamp, Uid};

    use super::*;

    fn part(shard: u32, content_hash: u64, uid: u64, more: bool) -> Grant {
        let target = ScheduledTarget {
            uid: Uid(uid),
            revision: 1,
            interval: Duration::from_secs(10),
            phase: Duration::ZERO,
            from: Timestamp::EPOCH,
            spec: ProbeSpec::get("http://a/"),
        };
        let shard = ShardId::new(shard).unwrap();
        Grant { shard, from: Timestamp::EPOCH, content_hash, targets: vec![target], more }
    }

    fn uids(grant: Option<Grant>) -> Vec<u64> {
        grant.iter().flat_map(|grant| &grant.targets).map(|target| target.uid.0).collect()
    }

    #[test]
    fn a_shard_in_parts_takes_effect_with_the_last_and_whole() {
        let mut parts = Parts::default();
        assert!(uids(parts.take(part(1, 9, 1, true))).is_empty());
        assert!(uids(parts.take(part(1, 9, 2, true))).is_empty());
        assert_eq!(uids(parts.take(part(1, 9, 3, false))), [1, 2, 3]);
        assert_eq!(uids(parts.take(part(2, 9, 4, false))), [4]);
    }

    #[test]
    fn parts_of_a_content_that_is_no_longer_wanted_are_dropped() {
        let mut parts = Parts::default();
        parts.take(part(1, 9, 1, true));
        assert!(uids(parts.take(part(1, 8, 2, true))).is_empty());
        assert_eq!(uids(parts.take(part(1, 8, 3, false))), [2, 3]);
        parts.take(part(1, 9, 1, true));
        assert_eq!(uids(parts.take(part(5, 9, 7, false))), [7]);
        assert_eq!(uids(parts.take(part(1, 9, 2, false))), [2]);
    }
}
