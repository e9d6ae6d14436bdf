//! One agent process, as the collector knows it.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::suspicion::{Circle, Sightings};
use proto::{Beat, Load, Refusal, ShardId, Timestamp, Uid};

/// An agent process's place in the fleet: dense, inside this process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentIdx(pub u32);

/// One stream of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// An agent process.
#[derive(Debug)]
pub struct Agent {
    /// Its name across restarts.
    pub id: String,
    /// Tells this process from others of the same id.
    pub boot: u64,
    /// Where it reports from.
    pub vantage: String,
    /// Its failure domain.
    pub zone: String,
    /// The most probes it runs at once.
    pub capacity: u32,
    /// The program's version.
    pub version: String,
    /// The stream that it speaks on now.
    pub session: Option<SessionId>,
    /// When that began.
    pub connected_since: Timestamp,
    /// When anything came from it.
    pub last_heard: Timestamp,
    /// It stops: what is planned from here on is not its own.
    pub draining: Option<Timestamp>,
    /// Its lease ran out, or it left.
    pub lost: Option<Timestamp>,
    /// Every scheduled key of its shards before this instant is durable.
    pub watermark: Timestamp,
    /// As it last said.
    pub load: Load,
    /// Its wall clock, as it last said.
    pub clock: Option<Wall>,
    /// What it said that it holds, until its vantage is in the log.
    pub unread_held: Vec<proto::HeldShard>,
    /// What it has applied.
    pub applied: HashMap<ShardId, Held>,
    /// Shards whose desired and applied content may differ.
    pub dirty: BTreeSet<ShardId>,
    /// The assign that it has yet to answer.
    pub sent: Option<SentAssign>,
    /// The version of the last assign on this stream.
    pub version_sent: u64,
    /// Targets that it cannot probe: revision and reason.
    pub refused: HashMap<Uid, (u32, String)>,
    /// The sequence number of the last results on this stream.
    pub seq: u64,
    /// Results that are on their way into the log.
    pub pending: VecDeque<PendingAck>,
    /// How many encoded bytes those are.
    pub pending_bytes: u64,
    /// Slots that the sweep sent to it and that have not come back.
    pub running: u32,
    /// It puts a shard together that comes in parts.
    pub takes_parts: bool,
    /// The shard that it is being sent in parts.
    pub part: Option<Part>,
    /// It can be sent settings.
    pub takes_settings: bool,
    /// How far it is with what it is told.
    pub progress: crate::core::Progress,
    /// What it saw lately.
    pub sightings: Sightings,
    /// It fails most of what it probes, and it is not the targets.
    pub suspect: Option<Suspect>,
    /// Second attempts that it was asked for and that have not come back.
    pub confirming: u32,
}

/// Why an agent is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Its unconfirmed failures that began at or after this instant count for nothing.
    pub from: Timestamp,
    /// Who fails together with it.
    pub circle: Circle,
}

/// An agent's wall clock beside the collector's. It plays no part in when the agent probes: that goes by the collector's, as
/// heartbeats tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// How far it was ahead of the collector's, in microseconds; behind it, if negative.
    pub offset_us: i64,
    /// How far the agent's idea of the collector's clock, and so this, may be off.
    pub error_us: u32,
}

impl Wall {
    /// What a beat says; nothing if the agent is too old to say it, or has heard no time yet.
    pub fn of(beat: &Beat) -> Option<Self> {
        let offset_us = beat.wall_us.saturating_sub(beat.now_us);
        (beat.wall_us != 0 && beat.now_us != 0)
            .then_some(Self { offset_us, error_us: beat.error_us })
    }
}

/// What an agent has of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// It probes what is planned at or after this instant.
    pub from: Timestamp,
    /// Names the content.
    pub hash: u64,
    /// How many targets that is.
    pub targets: u32,
}

/// How far a shard is that is sent in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub shard: ShardId,
    /// What the agent will have.
    pub held: Held,
    /// How many of its targets were sent.
    pub next: usize,
}

/// An assign on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAssign {
    /// On this stream.
    pub version: u64,
    /// What it lets go.
    pub revokes: Vec<ShardId>,
    /// What it gets.
    pub grants: Vec<(ShardId, Held)>,
}

/// Results that wait for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAck {
    /// Of the message.
    pub seq: u64,
    /// The append that makes them durable; none when there was nothing new in them.
    pub ticket: Option<u64>,
    /// The agent's watermark with them.
    pub watermark: Timestamp,
    /// What was not taken.
    pub refused: Vec<(Refusal, u32)>,
    /// Their size.
    pub bytes: u64,
}

/// What the API says of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// It speaks.
    Connected,
    /// It speaks, and stops.
    Draining,
    /// It is silent, and its lease runs.
    Silent,
    /// Its lease ran out, or it left.
    Lost,
}

impl Agent {
    /// Takes a new stream into use: sequence numbers and versions start again.
    pub fn restart_stream(&mut self, now: Timestamp) {
        self.connected_since = now;
        self.last_heard = now;
        self.draining = None;
        self.lost = None;
        self.sent = None;
        self.part = None;
        self.version_sent = 0;
        self.seq = 0;
        self.pending.clear();
        self.pending_bytes = 0;
        self.applied.clear();
        self.refused.clear();
    }

    /// Whether it may hold shards.
    pub fn is_member(&self) -> bool {
        self.lost.is_none() && self.draining.is_none()
    }

    /// Whether it can be sent anything to run.
    pub fn is_ready(&self) -> bool {
        self.is_member() && self.session.is_some()
    }

    /// What the API says of it.
    pub fn status(&self) -> AgentStatus {
        match self {
            Self { lost: Some(_), .. } => AgentStatus::Lost,
            Self { session: None, .. } => AgentStatus::Silent,
            Self { draining: Some(_), .. } => AgentStatus::Draining,
            _ => AgentStatus::Connected,
        }
    }

    /// How many targets it holds now.
    pub fn targets(&self) -> u64 {
        self.applied.values().map(|held| u64::from(held.targets)).sum()
    }
}

impl AgentStatus {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Draining => "draining",
            Self::Silent => "silent",
            Self::Lost => "lost",
        }
    }
}
