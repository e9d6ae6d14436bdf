//! What the core tells whoever listens: nothing depends on it.

use std::collections::BTreeMap;

use proto::{HourManifest, Timestamp};

use super::Core;
use crate::fleet::{AgentIdx, Suspect};
use crate::suspicion::Circle;

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
    /// Agents that fail together are set aside, or let back in: one notice for all of them.
    Suspicion {
        /// Which of the two.
        change: SuspicionChange,
        /// In which circle they fail.
        circle: Circle,
        /// Their vantage; none where the circle is a process.
        vantage: Option<String>,
        /// Their zone, where the circle is one or lies inside one.
        zone: Option<String>,
        /// Their ids.
        agents: Vec<String>,
        /// What they fail at since then counts for nothing; of several agents the earliest.
        since: Timestamp,
        /// When it was found out.
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
            Self::Suspicion { .. } => "suspicion",
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

/// What becomes of a suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspicionChange {
    /// The agents are set aside.
    Begins,
    /// They are well again, or gone.
    Ends,
}

impl SuspicionChange {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Ends => "ends",
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

    /// Says of agents that they are under suspicion from now on, or no longer: once for all that fail together.
    pub(super) fn tell_suspicions(
        &mut self,
        now: Timestamp,
        change: SuspicionChange,
        of: &[(AgentIdx, Suspect)],
    ) {
        type Place = (Circle, Option<String>, Option<String>);
        let mut circles: BTreeMap<Place, (Vec<String>, Timestamp)> = BTreeMap::new();
        for (idx, suspect) in of {
            let Some(agent) = self.fleet.agent(*idx) else { continue };
            let vantage = || Some(agent.vantage.clone());
            let place = match suspect.circle {
                Circle::Process => (None, None),
                Circle::Vantage => (vantage(), None),
                Circle::Zone | Circle::Agent => (vantage(), Some(agent.zone.clone())),
            };
            let told = circles
                .entry((suspect.circle, place.0, place.1))
                .or_insert_with(|| (Vec::new(), suspect.from));
            told.0.push(agent.id.clone());
            told.1 = told.1.min(suspect.from);
        }
        for ((circle, vantage, zone), (agents, since)) in circles {
            log_suspicion(change, circle, vantage.as_deref(), zone.as_deref(), &agents, since);
            let at = now;
            let notice = Notice::Suspicion { change, circle, vantage, zone, agents, since, at };
            self.tell(notice);
        }
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

fn log_suspicion(
    change: SuspicionChange,
    circle: Circle,
    vantage: Option<&str>,
    zone: Option<&str>,
    agents: &[String],
    since: Timestamp,
) {
    let (circle, agents) = (circle.name(), agents.join(", "));
    match change {
        SuspicionChange::Begins => tracing::warn!(
            circle, vantage, zone, agents, %since,
            "under suspicion: suddenly most of what is probed from here fails, and nobody elsewhere confirms it; these \
             failures do not count, and others probe the targets where there are any"
        ),
        SuspicionChange::Ends => {
            tracing::info!(circle, vantage, zone, agents, %since, "no longer under suspicion")
        }
    }
}
