//! What users are shown: pure functions from the state to answers. No answer is kept anywhere.

pub mod first;
pub mod fleet;
pub mod summary;
pub mod tally;
pub mod targets;
