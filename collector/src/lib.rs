//! zonewatch-collector.

pub mod core;
pub mod fleet;
pub mod inspect;
pub mod plan;
pub mod state;
pub mod target_file;
pub mod verdict;
pub mod view;
