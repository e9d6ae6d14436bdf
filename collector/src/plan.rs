//! Which agent probes which shard: a pure function of the shards' weights, the live agents of one vantage, and who
//! had what before.
//!
//! What holds of every plan, asserted after each in debug builds and searched for counterexamples by the tests:
//!
//! - **Total**: every shard has exactly one owner, unless there are no members at all.
//! - **Bounded**: `load ≤ 1.10 × share + the heaviest shard`, where share is by capacity.
//! - **Sticky**: a shard leaves a live owner only because that owner is above its bound, has no capacity, or because
//!   another member is starved (it just joined, its capacity rose, the weights changed).
//! - **Idempotent**: planning again from a plan changes nothing.
//! - **Order-free**: the order of the members does not matter, their ids do.
//!
//! It reads no clock, does no I/O and draws no random numbers. The steps are in [`Draft`]; what a load is, in
//! [`load`]; who likes which shard, in [`score`].

mod draft;
mod lift;
mod load;
mod pace;
mod score;
#[cfg(test)]
mod tests;

use draft::Draft;
pub use pace::{MOVED_A_SECOND, Pace};

/// A live agent, as far as the plan is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Unique among the members and the same for as long as the agent lives: rendezvous scores hang on it.
    pub id: u64,
    /// Probes per second it can take, or any other unit that all members share. None at all means that it gives up
    /// every shard (unless no member has any capacity: then all count the same).
    pub capacity: u32,
}

/// The owner of each shard, as an index into `members`; `None` everywhere if there are no members.
///
/// `weights[shard]` is what the shard costs (probes per second; zero is welcome, anything that is not a number ≥ 0
/// counts as zero). `previous[shard]` is the id of the member that had it, if that is known; it need not be alive.
///
/// A join moves at most 1.15 × the newcomer's share, a leave what was held and 0.15 × that share; both rounded up by at
/// most the heaviest shard (by two of it where there are hardly more weighty shards than members).
pub fn plan(weights: &[f64], members: &[Member], previous: &[Option<u64>]) -> Vec<Option<usize>> {
    debug_assert_eq!(weights.len(), previous.len(), "one previous owner (or none) for each shard");
    let Some(mut draft) = Draft::keeping(weights, members, previous) else {
        return vec![None; weights.len()];
    };
    draft.place_orphans();
    // Before anything is shed: what a newcomer takes from the fullest is what they would have had to shed.
    draft.lift_starved();
    draft.shed_overload();
    draft.place_orphans();
    draft.lift_starved();
    draft.debug_assert_post_conditions();
    draft.into_owners()
}
