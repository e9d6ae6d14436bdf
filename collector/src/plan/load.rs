//! Loads are whole numbers of units, so that adding and taking away again is exact, in any order.

/// The weights of all shards together come to this many units (a little less: each is rounded down).
const WEIGHT_UNITS: f64 = (1u64 << 40) as f64;

/// On top of its weight every shard costs the same small number of units, together a hundredth of all weights: shards
/// without targets spread by count then, so that targets to come land evenly.
const COUNT_UNITS: u64 = (1 << 40) / 100;

/// What each shard costs.
pub(super) struct Costs {
    /// By shard; at least `of_empty`.
    pub(super) of: Vec<u64>,
    /// What a shard without any weight costs.
    pub(super) of_empty: u64,
    /// What all of them cost together.
    pub(super) total: u64,
    /// What the dearest costs.
    pub(super) heaviest: u64,
}

impl Costs {
    pub(super) fn of(weights: &[f64]) -> Self {
        let usable = |weight: &f64| if weight.is_finite() && *weight > 0.0 { *weight } else { 0.0 };
        let sum: f64 = weights.iter().map(usable).sum();
        let per_weight = if sum > 0.0 && sum.is_finite() { WEIGHT_UNITS / sum } else { 0.0 };
        let of_empty = (COUNT_UNITS / weights.len().max(1) as u64).max(1);
        let of: Vec<u64> =
            weights.iter().map(|w| (usable(w) * per_weight) as u64 + of_empty).collect();
        let total = of.iter().sum();
        let heaviest = of.iter().copied().max().unwrap_or(0);
        Self { of, of_empty, total, heaviest }
    }
}

/// A member's place in the plan.
pub(super) struct Seat {
    /// The member's id.
    pub(super) id: u64,
    /// Its index in the caller's list.
    pub(super) member: usize,
    /// Never zero.
    pub(super) capacity: u64,
    /// Units of all shards it owns.
    pub(super) load: u64,
    /// Its part of all units, by capacity.
    pub(super) share: u64,
    /// Added to the bound: the heaviest shard has to fit somewhere.
    heaviest: u64,
}

impl Seat {
    pub(super) fn new(
        id: u64,
        member: usize,
        capacity: u64,
        capacities: u64,
        costs: &Costs,
    ) -> Self {
        let share = u128::from(costs.total) * u128::from(capacity) / u128::from(capacities);
        let share = u64::try_from(share).expect("a part of a u64");
        Self { id, member, capacity, load: 0, share, heaviest: costs.heaviest }
    }

    /// Above this it sheds. The promise is 1.10 of the share *by weight*; the hundredth that counts shards comes on
    /// top of the weights, and 1.08 × 1.01 < 1.10.
    pub(super) fn bound(&self) -> u64 {
        self.share / 100 * 108 + self.heaviest
    }

    /// Up to here orphans go to whom they like best. Much closer than the bound, so that a join or a leave, which
    /// moves the bounds, finds nobody near them.
    pub(super) fn full(&self) -> u64 {
        self.share / 100 * 102
    }

    /// Below this share it may take from others, and orphans go to it first.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved_without(0)
    }

    /// Whether it would be with `less` to do.
    pub(super) fn is_starved_without(&self, less: u64) -> bool {
        self.load - less < self.share / 10 * 9
    }

    /// How near the bound it is with `more` to do, by capacity: at most 1 × all units / all capacities can always be
    /// kept, since the loads without their heaviest shards come to less than all units. Loads stay below 2^41, so that
    /// nothing is shifted out.
    pub(super) fn pressure_with(&self, more: u64) -> i64 {
        (((self.load + more) as i64 - self.heaviest as i64) << 20) / self.capacity as i64
    }

    /// Load by capacity.
    pub(super) fn relative_with(&self, more: u64) -> u64 {
        ((self.load + more) << 20) / self.capacity
    }
}
