//! zonewatch-collector.

pub mod check;
pub mod core;
pub mod fleet;
pub mod http;
pub mod hub;
pub mod inspect;
pub mod plan;
pub mod state;
pub mod target_file;
pub mod verdict;
pub mod view;
