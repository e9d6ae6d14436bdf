//! How a starved member comes to its share: it takes shards from those above their bounds and then from the relatively
//! fullest, and of theirs those it likes best first.
//!
//! Every move lowers `Σ load² / capacity`, so that lifting ends and nothing ever moves to and fro.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::draft::Draft;
use super::load::Seat;
use super::score::affinity;

impl Draft {
    /// Lifts starved members until none of them would be helped by any move.
    pub(super) fn lift_starved(&mut self) {
        loop {
            let mut starved: Vec<usize> =
                (0..self.seats.len()).filter(|at| self.seats[*at].is_starved()).collect();
            if starved.is_empty() {
                return;
            }
            starved.sort_by_key(|at| (self.seats[*at].relative_with(0), *at));
            let mut held = self.held();
            let cost = |shard: &usize| self.costs.of[*shard];
            let lightest: Vec<u64> =
                held.iter().map(|shards| shards.iter().map(cost).min().unwrap_or(0)).collect();
            let mut moved = false;
            for at in starved {
                moved |= self.lift(at, &mut held, &lightest);
            }
            if !moved {
                return;
            }
        }
    }

    /// Lifts one member up to its share, rounded to the nearest shard. While it fills and its donors empty, a shard
    /// that was no help once is none later, so that each is looked at once. `lightest` is what each seat's lightest shard
    /// cost when the round began: whose lightest is no help is not asked.
    fn lift(&mut self, at: usize, held: &mut [Vec<usize>], lightest: &[u64]) -> bool {
        let id = self.seats[at].id;
        // Those above their bounds come first: they have to give something away in any case.
        let urgency = |seat: &Seat| (seat.load > seat.bound(), seat.relative_with(0));
        let mut donors: BinaryHeap<_> = (0..self.seats.len())
            .filter(|donor| helps(&self.seats[*donor], &self.seats[at], lightest[*donor]))
            .map(|donor| (urgency(&self.seats[donor]), Reverse(donor)))
            .collect();
        let mut offers: Vec<Option<BinaryHeap<(u64, usize)>>> = vec![None; self.seats.len()];
        let mut moved = false;
        while self.seats[at].load < self.seats[at].share {
            let Some((_, Reverse(donor))) = donors.pop() else { break };
            let offer = offers[donor].get_or_insert_with(|| {
                held[donor].iter().map(|shard| (affinity(*shard, id), *shard)).collect()
            });
            while let Some((_, shard)) = offer.pop() {
                let theirs = self.owners[shard] == Some(donor);
                let cost = self.costs.of[shard];
                if theirs && helps(&self.seats[donor], &self.seats[at], cost) {
                    self.take(shard);
                    self.give(shard, at);
                    held[at].push(shard);
                    donors.push((urgency(&self.seats[donor]), Reverse(donor)));
                    moved = true;
                    break;
                }
            }
        }
        moved
    }
}

/// Whether moving a shard of this cost makes things clearly better: the receiver comes no further above its share
/// than it was below, ends at least 5 % less full than the donor was, `Σ load² / capacity` falls, and the donor, if
/// it is not starved, does not become so (unless the receiver is worse off even then).
fn helps(donor: &Seat, receiver: &Seat, cost: u64) -> bool {
    if donor.load < cost {
        return false;
    }
    let wide = |load: u64, capacity: u64| u128::from(load) * u128::from(capacity);
    let donor_after = wide(donor.load - cost, receiver.capacity);
    let receiver_after = wide(receiver.load + cost, donor.capacity);
    2 * receiver.load + cost <= 2 * receiver.share
        && 100 * receiver_after <= 95 * wide(donor.load, receiver.capacity)
        && wide(2 * donor.load - cost, receiver.capacity)
            > wide(2 * receiver.load + cost, donor.capacity)
        && (donor.is_starved() || !donor.is_starved_without(cost) || donor_after >= receiver_after)
}
