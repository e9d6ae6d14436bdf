//! The language that both programs speak, and the log with them: the only crate that knows protobuf.
//!
//! The words: a *target* is a named URL; a *vantage* is a place that results are reported from; a *zone* is the failure
//! domain of an agent inside its vantage; a *shard* is a fixed hash bucket of targets; a *slot* is one planned probe,
//! named by its key (target uid, vantage, planned start); a *result* is what a probe found; *missed* is a slot without
//! one, with the reason.
//!
//! Values here read no clock and do no I/O. What arrives from outside becomes one of them or a [`Malformed`] that names
//! the field: see [`wire`].

mod batch;
mod evidence;
#[doc(hidden)]
pub mod fuzz;
mod incident;
mod messages;
mod outcome;
mod plan;
mod record;
mod target;
mod time;
pub mod wire;

pub use batch::{Batch, MissedRange, ProbeResult};
pub use evidence::{Cause, More, Note, Protocol, ShownHeader, TlsVersion};
pub use incident::{
    CauseKind, IncidentCause, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, LeftWhy,
    MONITOR, TEXT_MAX,
};
pub use messages::{
    AgentMessage, Applied, Assign, Beat, CollectorMessage, Grant, HeldShard, Hello, LEADER_HEADER,
    Load, PROTOCOL, ProbeAnswer, ProbeNow, ProbeSettings, RefusedTarget, ResultsMessage, Revoke,
    RunTarget, SettingsApplied, Welcome,
};
pub use outcome::{Failure, Missed, Outcome, Phases, Refusal, Unexpected};
pub use plan::{SHARDS, ShardId, phase_of, shard_of};
pub use record::{
    HourManifest, Kind, PartRef, Record, ResultBatch, Snapshot, Suspicion, TargetEntry,
    VantageState,
};
pub use target::{ProbeSpec, ScheduledTarget, StatusSet, Uid};
pub use time::{Timestamp, WINDOW_MAX};
pub use wire::Malformed;
