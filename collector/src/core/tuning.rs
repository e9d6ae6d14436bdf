//! Settings of the agents: which are wanted, who has them in force, and who is behind.

use std::time::Duration;

use proto::{CollectorMessage, SettingsApplied, Timestamp};

use super::Core;
use crate::agent_settings::AgentSettings;
use crate::fleet::{AgentIdx, AgentStatus, SessionId};

/// An agent that is behind for longer is an alarm.
pub const BEHIND_MAX: Duration = Duration::from_secs(10);

/// What agents are told about probing.
#[derive(Debug)]
pub struct Tuning {
    /// What holds; nothing given at all, until a file says something.
    settings: AgentSettings,
    /// Rises with every change.
    pub version: u64,
    /// Why the file's last state is not in force, if it is not.
    pub problem: Option<String>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { settings: AgentSettings::default(), version: 1, problem: None }
    }
}

/// How far an agent is with what it is told.
#[derive(Debug, Default)]
pub struct Progress {
    /// Since when the newest settings were wanted of it, and not in force.
    pub settings_behind: Option<Timestamp>,
    /// The version in force at the agent; 0 when it takes none.
    pub settings_applied: u64,
    /// Why the agent cannot use the newest settings.
    pub settings_problem: Option<String>,
    /// Since when what it should hold was not what it holds.
    pub catalog_behind: Option<Timestamp>,
    /// The revision of the target list that it has applied.
    pub catalog_applied: u64,
    /// It was said that it is behind.
    pub said: bool,
}

impl Progress {
    /// For how long it has been behind.
    pub fn behind(&self, now: Timestamp) -> Duration {
        let since = [self.settings_behind, self.catalog_behind].into_iter().flatten().min();
        since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Core {
    /// The file was read: these are its settings, or this is why they cannot be used.
    pub(super) fn settings(&mut self, now: Timestamp, read: Result<AgentSettings, String>) {
        let settings = match read {
            Ok(settings) => settings,
            Err(problem) => return self.tuning.problem = Some(problem),
        };
        self.tuning.problem = None;
        if settings == self.tuning.settings {
            return;
        }
        self.tuning.settings = settings;
        self.tuning.version += 1;
        let sessions: Vec<(AgentIdx, SessionId)> = self
            .fleet
            .agents()
            .into_iter()
            .filter_map(|(idx, agent)| Some((idx, agent.session?)))
            .collect();
        for (idx, session) in sessions {
            self.send_settings(now, session, idx);
        }
    }

    pub(super) fn send_settings(&mut self, now: Timestamp, session: SessionId, idx: AgentIdx) {
        let version = self.tuning.version;
        let Some(agent) = self.fleet.agent_mut(idx).filter(|agent| agent.takes_settings) else {
            return;
        };
        agent.progress.settings_behind.get_or_insert(now);
        let settings = self.tuning.settings.at(&agent.vantage, version);
        self.send(session, CollectorMessage::Settings(settings));
    }

    pub(super) fn settings_applied(
        &mut self,
        now: Timestamp,
        idx: AgentIdx,
        applied: SettingsApplied,
    ) {
        let SettingsApplied { version, capacity, problem } = applied;
        let newest = version == self.tuning.version;
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        match &problem {
            Some(problem) => {
                let agent = &agent.id;
                tracing::warn!(agent, version, problem, "an agent cannot use its settings");
            }
            None => {
                agent.progress.settings_applied = version;
                if newest {
                    agent.progress.settings_behind = None;
                }
            }
        }
        agent.progress.settings_problem = problem;
        if agent.capacity != capacity {
            agent.capacity = capacity;
            let vantage = agent.vantage.clone();
            if let Some(vantage) = self.state.vantage_idx(&vantage) {
                self.replan(now, vantage);
            }
        }
    }

    /// Notes who holds what they should, after whatever was sent.
    pub(super) fn note_progress(&mut self, now: Timestamp) {
        let revision = self.state.catalog_revision;
        for (_, agent) in self.fleet.agents_mut() {
            if agent.sent.is_some() || !agent.dirty.is_empty() {
                agent.progress.catalog_behind.get_or_insert(now);
            } else if agent.session.is_some() {
                agent.progress.catalog_behind = None;
                agent.progress.catalog_applied = revision;
            }
        }
    }

    /// Says once of every agent that is behind for too long.
    pub(super) fn tell_laggards(&mut self, now: Timestamp) {
        for (_, agent) in self.fleet.agents_mut() {
            let behind = agent.progress.behind(now);
            let late = agent.status() == AgentStatus::Connected && behind > BEHIND_MAX;
            if late && !agent.progress.said {
                let agent = &agent.id;
                tracing::warn!(
                    agent,
                    ?behind,
                    "an agent is behind with its settings or its targets"
                );
            }
            agent.progress.said = late;
        }
    }

    /// What agents are told about probing.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// How many connected agents are behind for too long.
    pub fn laggards(&self, now: Timestamp) -> usize {
        let agents = self.fleet.agents().into_iter().map(|(_, agent)| agent);
        agents
            .filter(|a| a.status() == AgentStatus::Connected && a.progress.behind(now) > BEHIND_MAX)
            .count()
    }
}
