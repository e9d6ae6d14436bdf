//! The messages of a session, as values. What each field means stands in `fleet.proto`.

use std::time::Duration;

use bytes::Bytes;

use crate::batch::ProbeResult;
use crate::outcome::{Missed, Refusal};
use crate::plan::ShardId;
use crate::target::{ScheduledTarget, Uid};
use crate::time::Timestamp;

/// The version of the protocol that these messages are.
pub const PROTOCOL: u32 = 1;

/// On the answer of a collector that stands by (status Unavailable): where the leading one's API is, or `nobody`.
pub const LEADER_HEADER: &str = "zonewatch-leader";

/// From an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentMessage {
    /// The first message of a stream.
    Hello(Hello),
    /// The answer to an [`Assign`].
    Applied(Applied),
    /// Results, to be acknowledged once durable.
    Results(ResultsMessage),
    /// I live.
    Beat(Beat),
    /// I stop: nothing planned at or after this instant will be started.
    Draining {
        /// The first instant that is no longer the agent's.
        until: Timestamp,
    },
    /// The answer to [`ProbeSettings`].
    SettingsApplied(SettingsApplied),
    /// The answer to a [`ProbeNow`].
    ProbeAnswer(ProbeAnswer),
}

/// From the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectorMessage {
    /// The answer to [`Hello`].
    Welcome(Welcome),
    /// A step towards what the agent should hold.
    Assign(Assign),
    /// Probe these planned starts now.
    Run(Vec<RunTarget>),
    /// Everything up to `seq` is durable or refused.
    Ack {
        /// Of [`ResultsMessage::seq`].
        seq: u64,
        /// What was not taken, by reason.
        refused: Vec<(Refusal, u32)>,
    },
    /// The answer to a beat.
    Beat(Beat),
    /// The stream ends.
    GoAway {
        /// Come back no sooner.
        after: Duration,
        /// For people.
        cause: String,
    },
    /// How to probe, from now on.
    Settings(ProbeSettings),
    /// Say what you find now.
    ProbeNow(ProbeNow),
}

/// A question that is no slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeNow {
    /// Comes back in the answer.
    pub id: u64,
    /// Self-contained.
    pub target: ScheduledTarget,
    /// Started later it is not worth starting.
    pub start_within: Duration,
}

/// What an agent found when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Of the question.
    pub id: u64,
    /// What was found, planned when it was started; or why nothing was.
    pub found: Result<ProbeResult, Missed>,
}

/// Who speaks, and what it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fleet.proto says what each field means")]
pub struct Hello {
    pub agent_id: String,
    pub boot: u64,
    pub vantage: String,
    pub zone: String,
    pub capacity: u32,
    pub version: String,
    pub protocol: u32,
    pub epoch_seen: u64,
    pub held: Vec<HeldShard>,
    pub sent_us: u64,
    pub log_seen: u64,
    pub takes_settings: bool,
    pub takes_parts: bool,
}

/// A shard that a reconnecting agent still probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldShard {
    /// Which.
    pub shard: ShardId,
    /// What is planned at or after this instant is probed.
    pub from: Timestamp,
    /// Of the grant that was applied.
    pub content_hash: u64,
}

/// The collector takes the agent in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fleet.proto says what each field means")]
pub struct Welcome {
    pub epoch: u64,
    pub now_us: i64,
    pub echo_us: u64,
    pub lease: Duration,
    pub beat: Duration,
    pub unacked_bytes_max: u64,
    pub log: u64,
    pub takes_runs: bool,
}

/// Revokes first, then grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assign {
    /// Rises by one on a stream.
    pub version: u64,
    /// Shards to let go.
    pub revokes: Vec<Revoke>,
    /// Shards to probe.
    pub grants: Vec<Grant>,
}

/// Let a shard go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoke {
    /// Which.
    pub shard: ShardId,
    /// What is planned before this instant is still the agent's.
    pub until: Timestamp,
}

/// Probe a shard, exactly these targets of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub shard: ShardId,
    /// Nothing planned before this instant.
    pub from: Timestamp,
    /// Names the content.
    pub content_hash: u64,
    /// Every active target of the shard, or the next part of them.
    pub targets: Vec<ScheduledTarget>,
    /// Further parts follow.
    pub more: bool,
}

/// What the agent made of an [`Assign`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Of the assign.
    pub version: u64,
    /// What it cannot probe.
    pub refused: Vec<RefusedTarget>,
}

/// A target that the agent cannot probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedTarget {
    /// Which.
    pub uid: Uid,
    /// In which revision.
    pub revision: u32,
    /// For people.
    pub reason: String,
}

/// A target and the planned starts to run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTarget {
    /// Self-contained.
    pub target: ScheduledTarget,
    /// Each planned start, and the instant by which it must have started.
    pub slots: Vec<(Timestamp, Timestamp)>,
}

/// A batch of results on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsMessage {
    /// 1, 2, 3, … on every stream.
    pub seq: u64,
    /// Every scheduled key before this instant was sent on this stream.
    pub watermark: Timestamp,
    /// An encoded [`crate::Batch`]: see [`crate::wire::decode_batch`].
    pub columns: Bytes,
    /// How far the agent's clock may be off.
    pub clock_error: Duration,
}

/// The heartbeat, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// The agent's boot-time clock at sending.
    pub sent_us: u64,
    /// The collector's clock: at answering, or what the agent takes it to show at sending; 0 when that is not known.
    pub now_us: i64,
    /// From an agent.
    pub load: Option<Load>,
    /// From an agent: its wall clock at sending; 0 when not said.
    pub wall_us: i64,
    /// From an agent: how far `now_us` may be off.
    pub error_us: u32,
}

/// How busy an agent is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "fleet.proto says what each field means")]
pub struct Load {
    pub in_flight: u32,
    pub waiting: u32,
    pub outbox_bytes: u64,
    pub lateness_ms: u32,
    pub busy_permille: u32,
    pub targets: u32,
}

/// How the collector wants an agent to probe. What is not given is as the agent was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "fleet.proto says what each field means")]
pub struct ProbeSettings {
    pub version: u64,
    pub concurrency: Option<u32>,
    pub per_host: Option<u32>,
    pub dns: Option<String>,
    pub user_agent: Option<String>,
    pub deny_private: bool,
    pub allow_network: Vec<String>,
    pub refuse_network: Vec<String>,
}

/// What the agent made of [`ProbeSettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsApplied {
    /// Of the settings.
    pub version: u64,
    /// The most probes that it runs at once from now on.
    pub capacity: u32,
    /// Why they cannot be used there, if so: those before stay in force.
    pub problem: Option<String>,
}
