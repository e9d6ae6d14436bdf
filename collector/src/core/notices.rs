//! What the core tells whoever listens: nothing depends on it.

use proto::{HourManifest, Timestamp};

use super::Core;
use crate::fleet::AgentIdx;

/// Something happened that is in no record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An agent came or went.
    Fleet {
        /// What it did.
        change: FleetChange,
        /// Its id.
        agent: String,
        /// Its vantage.
        vantage: String,
        /// Its zone.
        zone: String,
        /// When.
        at: Timestamp,
    },
    /// A finished hour was written, for the first time or anew.
    Revision {
        /// Its first instant.
        hour: Timestamp,
        /// 1 when it became final, more when something in it changed after that.
        revision: u32,
    },
}

impl Notice {
    /// The name of its kind in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fleet { .. } => "fleet",
            Self::Revision { .. } => "revision",
        }
    }
}

/// What an agent did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetChange {
    /// It opened a stream.
    Joined,
    /// It stopped, and had said so.
    Left,
    /// Its stream ended; its lease runs.
    Silent,
    /// Its lease ran out.
    Lost,
}

impl FleetChange {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Silent => "silent",
            Self::Lost => "lost",
        }
    }
}

/// Notices that wait to be taken; whoever takes none loses the oldest.
const WAITING_MAX: usize = 1024;

impl Core {
    pub(super) fn notice(&mut self, now: Timestamp, idx: AgentIdx, change: FleetChange) {
        let Some(agent) = self.fleet.agent(idx) else { return };
        let (agent, vantage, zone) = (agent.id.clone(), agent.vantage.clone(), agent.zone.clone());
        self.tell(Notice::Fleet { change, agent, vantage, zone, at: now });
    }

    /// An hour is about to be in the state as this manifest says: whoever keeps what it was is to know. One that was written
    /// again because what changed came to the same is no news.
    pub(super) fn notice_revision(&mut self, manifest: &HourManifest) {
        let HourManifest { start, revision, .. } = *manifest;
        let before = self.state.hours().get(start).and_then(|hour| hour.sealed.as_ref());
        if before.is_none_or(|before| before.revision < revision) {
            self.tell(Notice::Revision { hour: start, revision });
        }
    }

    fn tell(&mut self, notice: Notice) {
        if self.notices.len() >= WAITING_MAX {
            self.notices.remove(0);
        }
        self.notices.push(notice);
    }

    /// What is to be told since the last time.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}
