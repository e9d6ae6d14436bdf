//! When which agents were under suspicion, as the log says.

use std::collections::BTreeMap;

use proto::{Suspicion, Timestamp};

/// Suspicions of one agent that are remembered; the oldest is forgotten first.
const SPANS_MAX: usize = 256;

/// By the agents' ids.
#[derive(Debug, Default)]
pub struct Suspicions {
    pub(super) by_agent: BTreeMap<String, Vec<Suspicion>>,
}

impl Suspicions {
    /// A suspicion begins, or one that is known has its end.
    pub fn add(&mut self, suspicion: Suspicion) {
        let spans = self.by_agent.entry(suspicion.agent_id.clone()).or_default();
        match spans.iter_mut().find(|known| known.from == suspicion.from) {
            Some(known) => known.until = known.until.min(suspicion.until),
            None => spans.push(suspicion),
        }
        if spans.len() > SPANS_MAX {
            spans.remove(0);
        }
    }

    /// Whether a failure that this agent found at a probe which began then counts for nothing.
    pub fn cover(&self, agent_id: &str, began: Timestamp) -> bool {
        self.touch(agent_id, began, began)
    }

    /// Whether this agent was under suspicion at some time in `[from, to]`.
    pub fn touch(&self, agent_id: &str, from: Timestamp, to: Timestamp) -> bool {
        let spans = self.by_agent.get(agent_id);
        spans.is_some_and(|spans| spans.iter().any(|span| span.from <= to && from < span.until))
    }

    /// Those that last.
    pub fn open(&self) -> impl Iterator<Item = &Suspicion> {
        self.by_agent.values().flatten().filter(|span| span.until == Timestamp::MAX)
    }

    /// The one of this agent that lasts.
    pub fn open_of(&self, agent_id: &str) -> Option<&Suspicion> {
        let spans = self.by_agent.get(agent_id)?;
        spans.iter().find(|span| span.until == Timestamp::MAX)
    }

    /// Forgets what was over before `horizon`.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.by_agent.retain(|_, spans| {
            spans.retain(|span| span.until >= horizon);
            !spans.is_empty()
        });
    }
}
