//! A plan while it is being made: who owns what so far, and the steps towards all post-conditions.

use std::cmp::Reverse;

use super::Member;
use super::load::{Costs, Seat};
use super::score::{affinity, score};

pub(super) struct Draft {
    pub(super) costs: Costs,
    /// By id; never empty.
    pub(super) seats: Vec<Seat>,
    /// By shard: an index into `seats`; `None` is an orphan.
    pub(super) owners: Vec<Option<usize>>,
}

impl Draft {
    /// Everything stays where it was, as far as its owner lives; `None` if nobody lives.
    pub(super) fn keeping(
        weights: &[f64],
        members: &[Member],
        previous: &[Option<u64>],
    ) -> Option<Self> {
        let costs = Costs::of(weights);
        let nobody_can = members.iter().all(|member| member.capacity == 0);
        let capacity = |member: &Member| if nobody_can { 1 } else { u64::from(member.capacity) };
        let capacities: u64 = members.iter().map(capacity).sum();
        let mut seats: Vec<Seat> = members
            .iter()
            .enumerate()
            .filter(|(_, member)| capacity(member) > 0)
            .map(|(at, member)| Seat::new(member.id, at, capacity(member), capacities, &costs))
            .collect();
        if seats.is_empty() {
            return None;
        }
        seats.sort_by_key(|seat| seat.id);
        debug_assert!(seats.windows(2).all(|pair| pair[0].id < pair[1].id), "ids are unique");
        let mut draft = Self { owners: vec![None; weights.len()], costs, seats };
        for (shard, owner) in previous.iter().enumerate().take(weights.len()) {
            let seat = |id: &u64| draft.seats.binary_search_by_key(id, |seat| seat.id).ok();
            if let Some(seat) = owner.as_ref().and_then(seat) {
                draft.give(shard, seat);
            }
        }
        Some(draft)
    }

    /// Gives every orphan an owner that stays within its bound. The heavy ones choose first: the light ones still fit
    /// where little room is left.
    pub(super) fn place_orphans(&mut self) {
        let mut orphans: Vec<usize> =
            (0..self.owners.len()).filter(|shard| self.owners[*shard].is_none()).collect();
        orphans.sort_by_key(|shard| (Reverse(self.costs.of[*shard]), *shard));
        for shard in orphans {
            let seat = self.best_seat(shard);
            self.give(shard, seat);
        }
    }

    /// Whom an orphan goes to: the best score among the starved that have room, else among all that have room, else
    /// (every place is nearly full, or the shard is larger than a share) the one that it leaves farthest from its bound.
    fn best_seat(&self, shard: usize) -> usize {
        let cost = self.costs.of[shard];
        let preferred = (0..self.seats.len())
            .filter(|at| self.seats[*at].load + cost <= self.seats[*at].full())
            .map(|at| {
                let seat = &self.seats[at];
                (at, seat.is_starved(), score(shard, seat.id, seat.capacity))
            })
            .max_by(|a, b| a.1.cmp(&b.1).then(a.2.total_cmp(&b.2)).then(b.0.cmp(&a.0)));
        if let Some((at, _, _)) = preferred {
            return at;
        }
        (0..self.seats.len())
            .min_by_key(|at| {
                let seat = &self.seats[*at];
                let affinity = Reverse(affinity(shard, seat.id));
                (seat.pressure_with(cost), seat.relative_with(cost), affinity)
            })
            .expect("there is at least one seat")
    }

    /// Makes orphans of what members hold above their bounds: no more than it takes, those they like least.
    pub(super) fn shed_overload(&mut self) {
        if self.seats.iter().all(|seat| seat.load <= seat.bound()) {
            return;
        }
        let held = self.held();
        for (at, mut shards) in held.into_iter().enumerate() {
            if self.seats[at].load <= self.seats[at].bound() {
                continue;
            }
            shards.sort_by_key(|shard| affinity(*shard, self.seats[at].id));
            let (mut weighty, empty): (Vec<_>, Vec<_>) =
                shards.into_iter().partition(|shard| self.costs.of[*shard] > self.costs.of_empty);
            weighty.retain(|shard| !self.shed_if_it_costs_at_most_the_excess(at, *shard));
            // Whatever is still too much is less than any one of the rest.
            let lightest = weighty.iter().min_by_key(|shard| self.costs.of[**shard]);
            for shard in lightest.into_iter().chain(&empty) {
                if self.seats[at].load > self.seats[at].bound() {
                    self.take(*shard);
                }
            }
        }
    }

    fn shed_if_it_costs_at_most_the_excess(&mut self, at: usize, shard: usize) -> bool {
        let excess = self.seats[at].load.saturating_sub(self.seats[at].bound());
        let fits = self.costs.of[shard] <= excess;
        if fits {
            self.take(shard);
        }
        fits
    }

    /// The shards of every seat.
    pub(super) fn held(&self) -> Vec<Vec<usize>> {
        let mut held = vec![Vec::new(); self.seats.len()];
        for (shard, owner) in self.owners.iter().enumerate() {
            if let Some(at) = owner {
                held[*at].push(shard);
            }
        }
        held
    }

    pub(super) fn give(&mut self, shard: usize, at: usize) {
        debug_assert!(self.owners[shard].is_none(), "only orphans are given away");
        self.owners[shard] = Some(at);
        self.seats[at].load += self.costs.of[shard];
    }

    pub(super) fn take(&mut self, shard: usize) {
        if let Some(at) = self.owners[shard].take() {
            self.seats[at].load -= self.costs.of[shard];
        }
    }

    /// Together these make the plan idempotent: where they hold already, no step changes anything.
    pub(super) fn debug_assert_post_conditions(&self) {
        debug_assert!(self.owners.iter().all(Option::is_some), "every shard has an owner");
        debug_assert!(self.seats.iter().all(|seat| seat.load <= seat.bound()), "within bounds");
        debug_assert!(
            self.held().iter().zip(&self.seats).all(|(shards, seat)| {
                shards.iter().map(|shard| self.costs.of[*shard]).sum::<u64>() == seat.load
            }),
            "loads are those of the shards held"
        );
    }

    pub(super) fn into_owners(self) -> Vec<Option<usize>> {
        self.owners.iter().map(|owner| owner.map(|at| self.seats[at].member)).collect()
    }
}
