//! zonewatch-collector.

pub mod agent_settings;
pub mod args;
pub mod capacity;
pub mod check;
pub mod clock;
pub mod config;
pub mod core;
pub mod demo;
pub mod fill;
pub mod first_pass;
pub mod fleet;
#[doc(hidden)]
pub mod fuzz;
pub mod health;
pub mod http;
pub mod hub;
pub mod incidents;
pub mod inspect;
pub mod leader;
pub mod news;
pub mod notify;
pub mod parts;
pub mod plan;
pub mod reload;
pub mod screen;
pub mod serve;
pub mod sessions;
pub mod signals;
pub mod standby;
pub mod state;
pub mod store;
pub mod suspicion;
pub mod target_file;
pub mod tokens;
pub mod verdict;
pub mod view;
