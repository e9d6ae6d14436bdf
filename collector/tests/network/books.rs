//! What all sides of a run share: what is listed, what was really probed, what the collector says.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::DrainReport;
use bytes::Bytes;
use collector::target_file::Target;
use collector::view::summary::Summary;
use proto::{Timestamp, Uid};
use tokio_util::sync::CancellationToken;

use crate::disk::Disk;

/// When every run begins.
pub const START: i64 = 1_790_000_000_000;

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub uid: Uid,
    pub vantage: String,
    pub planned: Timestamp,
}

/// One probe, as the world saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub key: Key,
    pub agent: String,
    /// Which process of that name.
    pub life: u32,
    pub started: Timestamp,
    pub ended: Timestamp,
}

/// What the collector says of itself, once a second.
#[derive(Clone, Debug, Default)]
pub struct Says {
    pub at: Timestamp,
    /// The agents whose streams it has.
    pub connected: Vec<String>,
    pub swept: u64,
    pub moves: u64,
    pub sessions: u64,
}

/// All that it says at the end, and the log of the same moment.
pub struct Account {
    pub says: Says,
    pub summary: Summary,
    pub records: Vec<Bytes>,
}

#[derive(Default)]
pub struct Books {
    pub seen: Vec<Seen>,
    /// How many processes of each name there were.
    pub lives: BTreeMap<String, u32>,
    pub says: Says,
    pub wanted: bool,
    pub account: Option<Account>,
    pub drained: Vec<(String, DrainReport)>,
}

pub struct Shared {
    pub seed: u64,
    pub disk: Disk,
    pub list: Vec<Target>,
    /// Agents stop, and deliver what they have.
    pub stop: CancellationToken,
    books: Mutex<Books>,
}

impl Shared {
    pub fn new(seed: u64, list: Vec<Target>) -> Self {
        let (disk, stop, books) = Default::default();
        Self { seed, disk, list, stop, books }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the simulation has run: whoever asks is on one of its hosts.
pub fn elapsed() -> Duration {
    turmoil::sim_elapsed().expect("only hosts of the simulation have a clock")
}

/// The true time.
pub fn now() -> Timestamp {
    Timestamp::from_millis(START) + elapsed()
}
