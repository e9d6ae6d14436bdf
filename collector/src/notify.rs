//! Verdicts that reach people: messages about incidents to webhooks, alerts to Alertmanager, and a sign of life.
//!
//! What is to be told and how far each receiver has come is in the log ([`crate::state::incidents`]): so messages outlive this
//! process, and a receiver hears each at least once. Every receiver has a task of its own ([`webhook`], [`alertmanager`],
//! [`heartbeat`]) that asks the core, sends, and tells the core; nothing ever waits for one of them.

mod address;
pub mod alertmanager;
mod backoff;
mod body;
mod budget;
mod client;
mod counts;
pub mod heartbeat;
mod signature;
pub mod webhook;

pub use address::{AddressError, Endpoint, Shape, Webhook};
pub use counts::{Counts, Receiver};
pub use signature::{Secret, SecretError};

/// Who is told.
#[derive(Clone, Debug, Default)]
pub struct Notify {
    /// Alertmanagers.
    pub alertmanagers: Vec<Endpoint>,
    /// Everybody else.
    pub webhooks: Vec<Webhook>,
    /// Signs what webhooks get.
    pub secret: Option<Secret>,
    /// Messages a minute to one webhook; then one that sums up.
    pub budget: usize,
    /// Who wants a sign of life.
    pub heartbeat: Option<Endpoint>,
}
