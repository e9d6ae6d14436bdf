//! What became of requests to receivers, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sorts of receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// [`super::alertmanager`].
    Alertmanager,
    /// [`super::webhook`].
    Webhook,
    /// [`super::heartbeat`].
    Heartbeat,
}

impl Receiver {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alertmanager, Self::Webhook, Self::Heartbeat];

    /// Its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Webhook => "webhook",
            Self::Heartbeat => "heartbeat",
        }
    }
}

#[derive(Debug, Default)]
struct Of {
    taken: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// Counted since the start, over all receivers of a sort.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[Of; 3]>);

impl Counts {
    fn of(&self, receiver: Receiver) -> &Of {
        &self.0[receiver as usize]
    }

    pub(super) fn taken(&self, receiver: Receiver) {
        self.of(receiver).taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, receiver: Receiver) {
        self.of(receiver).failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, receiver: Receiver, messages: u64) {
        self.of(receiver).dropped.fetch_add(messages, Ordering::Relaxed);
    }

    /// Requests that were taken, that failed (and are tried again), and messages that were dropped: refused, or too many.
    pub fn counted(&self, receiver: Receiver) -> [u64; 3] {
        let Of { taken, failed, dropped } = self.of(receiver);
        [taken, failed, dropped].map(|count| count.load(Ordering::Relaxed))
    }
}
