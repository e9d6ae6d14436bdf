//! zonewatch-agent.

mod admit;
pub mod agent_core;
pub mod clock;
mod excuses;
pub mod explain;
pub mod flights;
mod notes;
pub mod outbox;
pub mod probe;
pub mod schedule;
pub use admit::{Admit, AdmitAll};
