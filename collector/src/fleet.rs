//! Who is there, and who claims what.
//!
//! Ownership is a hint: it saves work, and nothing depends on it (accounting K3). One owner, the core, changes it.

mod agent;
mod claims;
mod spans;

pub use agent::{
    Agent, AgentIdx, AgentStatus, Held, Part, PendingAck, SentAssign, SessionId, Suspect, Wall,
};
pub use claims::{Claim, Claims};
pub use spans::Spans;

use std::collections::{BTreeMap, HashMap};

use proto::{ShardId, Timestamp};

use crate::capacity::{Demand, Supply};
use crate::plan::Pace;
use crate::state::VantageIdx;

/// Every agent of the last hour, and the claims at every vantage.
#[derive(Debug, Default)]
pub struct Fleet {
    agents: BTreeMap<AgentIdx, Agent>,
    by_id: HashMap<String, AgentIdx>,
    by_session: HashMap<SessionId, AgentIdx>,
    next: u32,
    places: Vec<Place>,
}

/// What the fleet remembers of a vantage.
#[derive(Debug, Default)]
pub struct Place {
    /// Who claims which of its shards.
    pub claims: Claims,
    /// When it had a session.
    pub present: Spans,
    /// For each shard whose agent was lost, or could not be reached when something was to be run: since when that was not heard,
    /// and until when.
    pub losses: HashMap<ShardId, Spans>,
    /// When the sweep had more to run than its agents had room for.
    pub starved: Spans,
    /// How fast its shards move between living agents.
    pub pace: Pace,
    /// Some planned moves wait for their turn.
    pub moves_wait: bool,
    /// What each of its shards weighs; none when the list or what is due from here has changed.
    pub weights: Option<Vec<f64>>,
    /// What its targets ask for.
    pub demand: Demand,
    /// How many more agents that takes, as it was said last.
    pub more_agents: u64,
}

impl Fleet {
    /// Takes in an agent process that is new.
    pub fn add(&mut self, agent: Agent) -> AgentIdx {
        let idx = AgentIdx(self.next);
        self.next += 1;
        self.by_id.insert(agent.id.clone(), idx);
        self.agents.insert(idx, agent);
        idx
    }

    /// The agent with this id, if it was there in the last hour.
    pub fn by_id(&self, id: &str) -> Option<AgentIdx> {
        self.by_id.get(id).copied()
    }

    /// The agent that speaks on a session.
    pub fn by_session(&self, session: SessionId) -> Option<AgentIdx> {
        self.by_session.get(&session).copied()
    }

    /// One agent.
    pub fn agent(&self, idx: AgentIdx) -> Option<&Agent> {
        self.agents.get(&idx)
    }

    /// One agent, to change it.
    pub fn agent_mut(&mut self, idx: AgentIdx) -> Option<&mut Agent> {
        self.agents.get_mut(&idx)
    }

    /// Every agent, in the order in which they came.
    pub fn agents(&self) -> Vec<(AgentIdx, &Agent)> {
        self.agents.iter().map(|(idx, agent)| (*idx, agent)).collect()
    }

    /// The same, to change them.
    pub fn agents_mut(&mut self) -> impl Iterator<Item = (AgentIdx, &mut Agent)> {
        self.agents.iter_mut().map(|(idx, agent)| (*idx, agent))
    }

    /// An agent speaks on a new session; gives the one that it replaces.
    pub fn attach(&mut self, idx: AgentIdx, session: SessionId) -> Option<SessionId> {
        let before = self.agents.get_mut(&idx)?.session.replace(session);
        if let Some(before) = before {
            self.by_session.remove(&before);
        }
        self.by_session.insert(session, idx);
        before
    }

    /// A session ended; gives its agent.
    pub fn detach(&mut self, session: SessionId) -> Option<AgentIdx> {
        let idx = self.by_session.remove(&session)?;
        if let Some(agent) = self.agents.get_mut(&idx) {
            agent.session = None;
        }
        Some(idx)
    }

    /// Forgets an agent.
    pub fn remove(&mut self, idx: AgentIdx) {
        if let Some(agent) = self.agents.remove(&idx) {
            if self.by_id.get(&agent.id) == Some(&idx) {
                self.by_id.remove(&agent.id);
            }
            if let Some(session) = agent.session {
                self.by_session.remove(&session);
            }
        }
    }

    /// The list has changed, or what is due from where.
    pub fn forget_weights(&mut self) {
        self.places.iter_mut().for_each(|place| place.weights = None);
    }

    /// What is remembered of a vantage.
    pub fn place(&self, vantage: VantageIdx) -> Option<&Place> {
        self.places.get(vantage.index())
    }

    /// The same, to change it.
    pub fn place_mut(&mut self, vantage: VantageIdx) -> &mut Place {
        if self.places.len() <= vantage.index() {
            self.places.resize_with(vantage.index() + 1, Place::default);
        }
        &mut self.places[vantage.index()]
    }

    /// Whether an agent with a session speaks for the vantage now.
    pub fn is_present(&self, vantage: &str) -> bool {
        self.agents.values().any(|agent| agent.session.is_some() && agent.vantage == vantage)
    }

    /// What there is at a vantage to carry its targets.
    pub fn supply(&self, vantage: &str) -> Supply {
        let mut supply = Supply::default();
        let able = |agent: &&Agent| agent.vantage == vantage && agent.is_ready();
        for agent in self.agents.values().filter(able).filter(|agent| agent.suspect.is_none()) {
            supply.add(agent.capacity, agent.load.busy_permille, agent.load.lateness_ms);
        }
        supply
    }

    /// Who claims a slot that was planned when its target was known, and whether it has delivered past it.
    pub fn claim_state(
        &self,
        vantage: VantageIdx,
        shard: ShardId,
        planned: Timestamp,
    ) -> ClaimState {
        let Some(place) = self.place(vantage) else { return ClaimState::Nobody };
        let mut state = ClaimState::Nobody;
        for claim in place.claims.covering(shard, planned) {
            match self.agent(claim.agent) {
                Some(agent) if agent.watermark <= planned => return ClaimState::Delivers,
                Some(_) => state = ClaimState::Passed,
                None => {}
            }
        }
        state
    }
}

/// What the claims say about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// No live agent claims it.
    Nobody,
    /// A live agent does, and has yet to deliver that far.
    Delivers,
    /// A live agent did, and delivered past it.
    Passed,
}
