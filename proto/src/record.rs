//! The records of the log. What each means stands in `log.proto`.

use std::time::Duration;

use bytes::Bytes;

use crate::incident::IncidentFact;
use crate::target::{ProbeSpec, Uid};
use crate::time::Timestamp;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The collector's clock when it was made; never falls along the log.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A collector starts to lead.
    Claim {
        /// One more than the record's own position.
        epoch: u64,
        /// Names the log; the same in all its claims.
        log: u64,
    },
    /// Targets changed, in force from the record's instant.
    Catalog {
        /// Rises by one.
        revision: u64,
        /// New or changed.
        upserts: Vec<TargetEntry>,
        /// No longer listed.
        removals: Vec<Uid>,
    },
    /// What became of a vantage.
    Vantage {
        /// Its name.
        name: String,
        /// Its new state.
        state: VantageState,
    },
    /// Results and missed slots.
    Results(ResultBatch),
    /// An agent's unconfirmed failures count as missed.
    Suspicion(Suspicion),
    /// A finished hour was written into parts.
    Hour(HourManifest),
    /// Everything before a position was written into parts.
    Snapshot(Snapshot),
    /// What became of incidents, in order.
    Incidents(Vec<IncidentFact>),
    /// A receiver of messages has taken all up to a number.
    Told {
        /// A hash of its address.
        sink: u64,
        /// The number.
        up_to: u64,
    },
    /// Targets are under maintenance, whatever was said before of the time after `from`.
    Maintenance {
        /// From then …
        from: Timestamp,
        /// … until then.
        until: Timestamp,
        /// Which.
        uids: Vec<Uid>,
    },
}

/// One revision of a finished hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourManifest {
    /// Its beginning.
    pub start: Timestamp,
    /// From 1.
    pub revision: u32,
    /// It holds what the records before this position say.
    pub as_of: u64,
    /// The content hash of its totals.
    pub totals: u64,
    /// Its summary of every target.
    pub rows: Vec<PartRef>,
    /// Its slots.
    pub slots: Vec<PartRef>,
}

/// A part that holds targets from one uid on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRef {
    /// The first target that may be in it.
    pub first: Uid,
    /// Of its bytes.
    pub hash: u64,
}

/// What a log's beginning was folded into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The log's name.
    pub log: u64,
    /// The first record that is not in it.
    pub position: u64,
    /// The content hashes of its parts, in order.
    pub parts: Vec<u64>,
}

/// A time in which an agent fails most of what it probes, and it is not the targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Where it reports from.
    pub vantage: String,
    /// Which agent.
    pub agent_id: String,
    /// Failures that began before this instant count.
    pub from: Timestamp,
    /// … and those from this one on; the greatest instant while it lasts.
    pub until: Timestamp,
}

/// The states that a vantage is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VantageState {
    /// An agent reported from it.
    Seen,
    /// Every target for all vantages, or that names it, is due from it.
    Active,
    /// Only targets that name it are due from it.
    Named,
    /// Targets are no longer due from it.
    Retired,
    /// It stood in for vantages to come and nothing was run from it: what is not settled never was due.
    Withdrawn,
}

/// Results of one vantage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultBatch {
    /// Where they were probed.
    pub vantage: String,
    /// By whom; empty when the collector judged.
    pub agent_id: String,
    /// The agent's zone.
    pub zone: String,
    /// The agent's boot id.
    pub boot: u64,
    /// An encoded [`crate::Batch`].
    pub columns: Bytes,
}

/// A target as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetEntry {
    /// Durable.
    pub uid: Uid,
    /// Unique; the target's identity.
    pub name: String,
    /// Rises when `interval` or `spec` changes.
    pub revision: u32,
    /// How often it is probed.
    pub interval: Duration,
    /// How it is probed.
    pub spec: ProbeSpec,
    /// Shown and filtered by; empty when there is none.
    pub category: String,
    /// Shown with it.
    pub labels: Vec<(String, String)>,
    /// Where it is probed from; empty means from all.
    pub vantages: Vec<String>,
    /// Listed, not probed.
    pub paused: bool,
    /// Slower answers make it degraded.
    pub slow_after: Option<Duration>,
}
