//! Confirmation: one attempt turns no verdict from up to not up. Another agent is asked at once, and if it fails there too, every
//! vantage of the target is.
//!
//! Both attempts are results of the same slot: the better one counts, and the other is kept beside it. The verdict waits
//! for the second attempt no longer than the target's timeout and two seconds ([`crate::verdict`]).

use std::time::Duration;

use proto::{CollectorMessage, RunTarget, Timestamp};

use super::assign::scheduled;
use super::suspect::running_slot;
use super::{Core, Slot};
use crate::fleet::AgentIdx;
use crate::state::{TargetIdx, VantageIdx};

/// Confirmations take at most this part of an agent's capacity (5 %), but always one.
const SHARE: u32 = 20;
/// An attempt that was asked for is waited for so long over its timeout.
const SLACK: Duration = Duration::from_secs(5);

/// An attempt that was asked for.
#[derive(Debug)]
pub(super) struct Confirming {
    agent: AgentIdx,
    /// It is not waited for any longer.
    until: Timestamp,
    /// The vantages were asked already: whatever this one says, they are not asked again.
    all_asked: bool,
}

impl Core {
    /// Slots have new values: some may want a second attempt. They are asked for when this event has been acknowledged, since
    /// an agent takes no order for a slot that it has yet to deliver.
    pub(super) fn doubt(&mut self, vantage: VantageIdx, target: TargetIdx, planned: Timestamp) {
        let slot = (vantage, target, planned);
        if self.state.target(target).doubt.is_none() && !self.confirming.contains_key(&slot) {
            return;
        }
        let Some(series) = self.state.series(vantage, target) else { return };
        let failed = series.failed_attempts(planned);
        if let Some(asked) = self.confirming.remove(&slot) {
            if let Some(agent) = self.fleet.agent_mut(asked.agent) {
                agent.confirming = agent.confirming.saturating_sub(1);
            }
            let up = series.entry(planned).is_some_and(|entry| entry.outcome.is_up());
            if up && failed > 0 {
                self.counters.unconfirmed += 1;
            } else if failed > 1 && !asked.all_asked {
                self.doubtful.push((slot, true));
            }
            return;
        }
        if failed == 1 {
            self.doubtful.push((slot, false));
        }
    }

    /// Asks for the attempts that are wanted.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        for (slot, confirmed) in std::mem::take(&mut self.doubtful) {
            let (vantage, target, planned) = slot;
            if !confirmed {
                match now < self.opens(slot) {
                    // Whoever tried it has a clock that is ahead: another one would be too early, and be refused.
                    true => self.doubtful.push((slot, false)),
                    false => self.try_again(now, slot, false),
                }
                continue;
            }
            let others: Vec<VantageIdx> =
                self.state.vantages().map(|(idx, _)| idx).filter(|idx| *idx != vantage).collect();
            for other in others {
                let series = self.state.series(other, target);
                if let Some((running, _)) = series.and_then(|series| running_slot(series, now)) {
                    self.try_again(now, (other, target, running), true);
                }
            }
            tracing::debug!(target = self.state.target(target).entry.name, %planned, "a failure is confirmed");
        }
    }

    /// From when on a slot may be tried.
    fn opens(&self, (vantage, target, planned): Slot) -> Timestamp {
        let series = self.state.series(vantage, target);
        let stretch = series.and_then(|series| series.stretch_of(planned));
        stretch.map_or(planned, |stretch| stretch.window(planned).0)
    }

    /// Sends one slot to whoever is best to try it.
    fn try_again(&mut self, now: Timestamp, slot: Slot, all_asked: bool) {
        let (vantage, target, planned) = slot;
        if self.confirming.contains_key(&slot) || self.running.contains_key(&slot) {
            return;
        }
        let state = self.state.target(target);
        let Some(series) = self.state.series(vantage, target) else { return };
        let Some(stretch) = series.stretch_of(planned) else { return };
        let (_, closes) = stretch.window(planned);
        if now >= closes {
            return;
        }
        let order = RunTarget { target: scheduled(state, stretch), slots: vec![(planned, closes)] };
        let timeout = state.entry.spec.timeout;
        let first = series.entry(planned).map(|entry| self.state.reported_by(entry.reporter));
        let (agent_id, zone) =
            first.map_or(("", ""), |first| (first.agent_id.as_str(), first.zone.as_str()));
        let Some(idx) = self.best_for(vantage, agent_id, zone) else {
            self.counters.confirmations_skipped += 1;
            return;
        };
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        let Some(session) = agent.session else { return };
        agent.confirming += 1;
        self.counters.confirmations += 1;
        let until = now + timeout + SLACK;
        self.confirming.insert(slot, Confirming { agent: idx, until, all_asked });
        self.send(session, CollectorMessage::Run(vec![order]));
    }

    /// Of the agents with room: one of another zone, else another one, else the same.
    fn best_for(&self, vantage: VantageIdx, first: &str, zone: &str) -> Option<AgentIdx> {
        let name = &self.state.vantage(vantage).name;
        let able = self.fleet.agents().into_iter().filter(|(_, agent)| {
            let room = (agent.capacity / SHARE).max(1);
            agent.vantage == *name
                && agent.is_ready()
                && agent.suspect.is_none()
                && agent.confirming < room
        });
        let best = able.min_by_key(|(idx, agent)| {
            (agent.id == first, agent.zone == zone, agent.confirming, *idx)
        });
        best.map(|(idx, _)| idx)
    }

    /// Attempts that nobody waits for any more.
    pub(super) fn forget_confirmations(&mut self, now: Timestamp) {
        self.confirming.retain(|_, asked| asked.until > now);
        for (_, agent) in self.fleet.agents_mut() {
            agent.confirming = 0;
        }
        for asked in self.confirming.values() {
            if let Some(agent) = self.fleet.agent_mut(asked.agent) {
                agent.confirming += 1;
            }
        }
    }
}
