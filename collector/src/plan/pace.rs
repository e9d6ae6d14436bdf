//! How fast shards move between living agents.
//!
//! A planned move costs: its new owner is sent a list, and the slots round the cut are looked at again. Nobody is in need of it,
//! so it waits. A takeover (nobody living has the shard) never does, and is none of this module's business.
//!
//! What holds, whatever is asked and when:
//!
//! - **Bounded**: in any `t` seconds at most `(t + 1) × MOVED_A_SECOND` targets move, and one shard more.
//! - **Live**: after a second in which nothing moved something may, however heavy.
//! - **In order**: what is let through is the beginning of what was asked for.

use proto::Timestamp;

/// Targets that change hands in a second at one vantage: 2 MB of lists at 200 bytes a target. A newcomer's third of a million
/// targets takes half a minute, and a list of ten thousand moves at once.
pub const MOVED_A_SECOND: i64 = 10_000;

/// The room there is for planned moves at one vantage.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// In thousandths of a target; below zero after a shard that was heavier than the room.
    room: i64,
    at: Timestamp,
}

impl Default for Pace {
    fn default() -> Self {
        Self { room: MOVED_A_SECOND * 1000, at: Timestamp::EPOCH }
    }
}

impl Pace {
    /// How many of these moves, each with its shard's targets, are made now; the others are asked for again later.
    pub fn admit(&mut self, now: Timestamp, moves: impl IntoIterator<Item = usize>) -> usize {
        let passed = i64::try_from(now.since(self.at).as_millis()).unwrap_or(i64::MAX);
        let gained = passed.saturating_mul(MOVED_A_SECOND);
        self.room = self.room.saturating_add(gained).min(MOVED_A_SECOND * 1000);
        self.at = self.at.max(now);
        let mut admitted = 0;
        for targets in moves {
            if self.room <= 0 {
                break;
            }
            // Even an empty shard is a message.
            let cost = i64::try_from(targets.max(1)).unwrap_or(i64::MAX).saturating_mul(1000);
            self.room = self.room.saturating_sub(cost);
            admitted += 1;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Member, plan};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + ms)
    }

    #[test]
    fn a_small_list_moves_at_once_and_a_large_one_by_and_by() {
        let mut pace = Pace::default();
        assert_eq!(pace.admit(at(0), [1; 4096]), 4096);
        let mut pace = Pace::default();
        let mut left = 1000;
        for second in 0..=25 {
            let admitted = pace.admit(at(second * 1000), vec![250; left]);
            assert!((40..=41).contains(&admitted) || admitted == left, "{admitted} of {left}");
            left -= admitted;
        }
        assert_eq!(left, 0, "250,000 targets in 25 s");
    }

    #[test]
    fn a_shard_that_is_heavier_than_the_room_moves_alone_and_the_next_waits_for_it() {
        let mut pace = Pace::default();
        assert_eq!(pace.admit(at(0), [50_000, 50_000]), 1);
        assert_eq!(pace.admit(at(3_900), [1]), 0);
        assert_eq!(pace.admit(at(4_100), [50_000, 1]), 1);
    }

    #[test]
    fn a_clock_that_stands_or_starts_late_gives_no_more_than_a_second() {
        let mut pace = Pace::default();
        assert_eq!(pace.admit(at(0), vec![1; 20_000]), 10_000);
        assert_eq!(pace.admit(at(0), vec![1; 20_000]), 0);
        assert_eq!(pace.admit(at(1_000_000), vec![1; 20_000]), 10_000);
    }

    proptest! {
        #[test]
        fn what_moves_in_any_time_is_bounded_and_something_always_may(
            asked in prop::collection::vec((0i64..3_000, prop::collection::vec(0usize..9_000, 0..40)), 1..40)
        ) {
            let (mut pace, mut now, mut moved) = (Pace::default(), 0, Vec::new());
            for (wait, moves) in asked {
                now += wait;
                let admitted = pace.admit(at(now), moves.iter().copied());
                prop_assert!(admitted <= moves.len());
                let sum: usize = moves[..admitted].iter().map(|targets| (*targets).max(1)).sum();
                moved.push((now, i64::try_from(sum).expect("small")));
            }
            for (first, (from, _)) in moved.iter().enumerate() {
                let mut sum = 0;
                for (to, targets) in &moved[first..] {
                    sum += targets;
                    let most = (to - from + 1_000) * MOVED_A_SECOND / 1_000 + 9_000;
                    prop_assert!(sum <= most, "{sum} targets in {} ms", to - from);
                }
            }
            // However deep in debt: one shard of 9,000 is paid for in a second.
            prop_assert!(pace.admit(at(now + 1_000), [9_000]) == 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// The plan is made anew from where things are: what waits is asked for again, and hardly anything moves twice.
        #[test]
        fn moves_that_wait_end_where_the_plan_ends_and_move_no_more_than_it_would(
            weights in prop::collection::vec(1usize..3_000, 64..200),
            joins in prop::collection::vec(1u32..4, 1..4),
        ) {
            let rates: Vec<f64> = weights.iter().map(|targets| *targets as f64 / 600.0).collect();
            let mut members: Vec<Member> =
                (1..4).map(|id| Member { id, capacity: 2 }).collect();
            let ids = |members: &[Member], owners: Vec<Option<usize>>| -> Vec<Option<u64>> {
                owners.into_iter().map(|owner| owner.map(|at| members[at].id)).collect()
            };
            let before = ids(&members, plan(&rates, &members, &vec![None; rates.len()]));
            for (n, capacity) in joins.iter().enumerate() {
                members.push(Member { id: 100 + n as u64, capacity: *capacity });
            }
            let at_once = ids(&members, plan(&rates, &members, &before));
            let cost = |a: &[Option<u64>], b: &[Option<u64>]| -> usize {
                (0..a.len()).filter(|s| a[*s] != b[*s]).map(|s| weights[s]).sum()
            };
            let (mut owners, mut pace, mut moved) = (before.clone(), Pace::default(), 0);
            for second in 0.. {
                let next = ids(&members, plan(&rates, &members, &owners));
                let moves: Vec<usize> =
                    (0..owners.len()).filter(|shard| owners[*shard] != next[*shard]).collect();
                if moves.is_empty() {
                    break;
                }
                prop_assert!(second < 200, "{} moves still wait", moves.len());
                let now = at(0) + Duration::from_secs(second);
                let admitted = pace.admit(now, moves.iter().map(|shard| weights[*shard]));
                for shard in &moves[..admitted] {
                    owners[*shard] = next[*shard];
                    moved += weights[*shard];
                }
            }
            let heaviest = weights.iter().max().copied().unwrap_or(0);
            let spare = weights.iter().sum::<usize>() * 15 / 100 + joins.len() * heaviest;
            let most = cost(&before, &at_once) + spare;
            prop_assert!(moved <= most, "{moved} targets moved, at once it were {}", most - spare);
        }
    }
}
