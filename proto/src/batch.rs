//! Results as they travel together.

use crate::evidence::Note;
use crate::outcome::{Missed, Outcome, Phases};
use crate::target::Uid;
use crate::time::Timestamp;

/// Results and missed slots of one vantage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order in which the probes ended.
    pub results: Vec<ProbeResult>,
    /// Slots that could not be filled.
    pub missed: Vec<MissedRange>,
}

impl Batch {
    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.missed.is_empty()
    }
}

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeResult {
    /// Which target.
    pub uid: Uid,
    /// The specification revision that was probed.
    pub revision: u32,
    /// The slot.
    pub planned: Timestamp,
    /// From the planned start to the real one, in milliseconds.
    pub start_delay_ms: i32,
    /// What it found.
    pub outcome: Outcome,
    /// Where the time went.
    pub phases: Phases,
    /// Bytes of the body that were read, as the server sent them.
    pub body_bytes: u32,
    /// Details that are rare or long.
    pub note: Option<Box<Note>>,
}

impl ProbeResult {
    /// When the probe really started.
    pub fn started(&self) -> Timestamp {
        Timestamp::from_millis(self.planned.millis().saturating_add(self.start_delay_ms.into()))
    }
}

/// Every planned start of `uid` in `[from, to)` without a result was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedRange {
    /// Which target.
    pub uid: Uid,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Why.
    pub reason: Missed,
}
