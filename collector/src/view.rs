//! What users are shown: pure functions from the state to answers. None is kept here but the text of `/websites-status`.

pub mod asked;
pub mod blackbox;
pub mod changes;
pub mod compare;
pub mod first;
pub mod fleet;
pub mod history;
pub mod hours;
pub mod incidents;
pub mod index;
pub mod notices;
pub mod past_hour;
pub mod strip;
pub mod summary;
pub mod tally;
pub mod target;
pub mod targets;
pub mod uptime;
pub mod websites;

use crate::state::{State, TargetState, VantageIdx};

/// Whether a target is one of those of `only` one vantage, paused or not; of all vantages, every target is.
fn is_of(state: &State, target: &TargetState, only: Option<VantageIdx>) -> bool {
    only.map(|only| state.vantage(only))
        .is_none_or(|vantage| target.is_for(&vantage.name, vantage.reach))
}
