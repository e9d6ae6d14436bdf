//! What time alone brings about: leases run out, evidence grows old, slots want to be run again or judged.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proto::{CollectorMessage, Load, Missed, RunTarget, Timestamp};

use super::assign::{MESSAGE_BYTES_MAX, scheduled, weight};
use super::{Core, Effect, FleetChange, Running, SessionEnd, Slot};
use crate::fleet::{Agent, AgentIdx, AgentStatus};
use crate::inspect::SETTLE_SLACK;
use crate::state::{TargetIdx, TargetState, VantageIdx};

/// A gap between two ticks over this was ours: agents were not heard because nobody listened.
const OUR_PAUSE: Duration = Duration::from_secs(2);
/// An append that takes longer is a stall (disks take milliseconds), and a leader that is away for longer does not lead.
const ABSENCE_MIN: Duration = Duration::from_secs(5);
/// Series looked at in one tick, so that results and heartbeats have their turn.
const LOOKS_MAX: usize = 50_000;
/// A lost agent is shown so long.
const LOST_SHOWN: Duration = Duration::from_secs(3600);
/// How often slots that are too old are dropped from memory.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// The sweep waits so long over the timeout for a slot that it sent to an agent.
const RUN_SLACK: Duration = Duration::from_secs(5);
/// The sweep takes at most this part of an agent's capacity (rule 12: 20 %), but always some.
const SWEEP_SHARE: u32 = 5;
const SWEEP_MIN: u32 = 10;

/// A slot that wants to be run, and the instant by which it must have started.
pub(super) struct Wanted {
    pub(super) start_before: Timestamp,
    pub(super) slot: Slot,
}

impl Core {
    pub(super) fn tick(&mut self, now: Timestamp) {
        // Until the first tick it was starting.
        if std::mem::replace(&mut self.ticked, true) {
            self.note_standstill(now);
        }
        self.assigns_due = true;
        self.note_presence(now);
        self.note_log_stall(now);
        if self.last_tick.floor(Duration::from_secs(1)) != now.floor(Duration::from_secs(1)) {
            self.each_second(now);
        }
        self.last_tick = now;
        self.answer_asks(now);
        self.look(now);
        self.count_round(now);
    }

    fn each_second(&mut self, now: Timestamp) {
        self.vantages_changed = true;
        if !self.awaited.is_empty() && now >= self.hold_until {
            self.awaited.clear();
            self.lose_unclaimed(now);
            self.replan_all(now);
        }
        self.expire_leases(now);
        self.go_on_moving(now);
        self.drop_spent_claims();
        self.renew_stale_verdicts(now);
        self.tell_laggards(now);
        self.judge_agents(now);
        self.send_canaries(now);
        self.forget_confirmations(now);
        self.advise();
        self.running.retain(|_, running| running.until > now);
        for (_, agent) in self.fleet.agents_mut() {
            agent.running = 0;
        }
        for running in self.running.values() {
            if let Some(agent) = self.fleet.agent_mut(running.agent) {
                agent.running += 1;
            }
        }
        if now.since(self.last_forget) >= FORGET_EVERY {
            self.last_forget = now;
            self.state.forget(now, self.config.keep_slots);
        }
        self.seal(now);
        self.maintain(now);
        self.watch_incidents(now);
    }

    /// Says when the list needs more agents than there are, once.
    fn advise(&mut self) {
        let vantages: Vec<(VantageIdx, String)> =
            self.state.vantages().map(|(idx, vantage)| (idx, vantage.name.clone())).collect();
        for (idx, vantage) in vantages {
            let supply = self.fleet.supply(&vantage);
            let place = self.fleet.place_mut(idx);
            let more = supply.more_for(place.demand);
            let said = std::mem::replace(&mut place.more_agents, more);
            if more > said && supply.agents > 0 {
                let (agents, at_once) = (supply.agents, supply.at_once);
                let needed = place.demand.at_once();
                tracing::warn!(
                    vantage,
                    agents,
                    at_once,
                    needed,
                    more,
                    "these agents cannot run as many probes at once as the list may need: start more, or raise --concurrency"
                );
            }
        }
    }

    fn expire_leases(&mut self, now: Timestamp) {
        let lease = self.config.lease;
        let mut expired = Vec::new();
        let mut forgotten = Vec::new();
        for (idx, agent) in self.fleet.agents() {
            match agent.lost {
                Some(lost) if now.since(lost) > LOST_SHOWN => forgotten.push(idx),
                None if now.since(agent.last_heard) > lease => expired.push(idx),
                _ => {}
            }
        }
        let any_expired = !expired.is_empty();
        for idx in expired {
            self.counters.lost_agents += 1;
            if let Some(session) = self.fleet.agent(idx).and_then(|agent| agent.session) {
                self.effects.push(Effect::End(session, SessionEnd::Silent));
                self.closed(now, session);
            }
            self.notice(now, idx, FleetChange::Lost);
            self.lose(now, idx);
        }
        if any_expired {
            self.replan_all(now);
        }
        for idx in forgotten {
            self.fleet.remove(idx);
        }
    }

    /// While this process stood still it heard nobody and led nobody. Agents that live have a lease to come back and say what
    /// became of their slots.
    fn note_standstill(&mut self, now: Timestamp) {
        let pause = now.since(self.last_tick);
        if pause <= OUR_PAUSE {
            return;
        }
        for (_, agent) in self.fleet.agents_mut() {
            // What waited to be read was heard only now.
            agent.last_heard = (agent.last_heard + pause).min(now);
        }
        self.standstills.add(self.last_tick, now);
        if pause > ABSENCE_MIN {
            self.absences.add(self.last_tick, now);
        }
        self.judges_from = now + self.config.lease + SETTLE_SLACK;
        self.watch.blindness.awake(now);
        tracing::warn!(
            ?pause,
            "this process stood still, or was too busy to see the time; what could not be run for that is missed as collector_down"
        );
    }

    /// On every tick, so that the spans join: a vantage was there all the time, or it was not.
    fn note_presence(&mut self, now: Timestamp) {
        let since = self.last_tick;
        let present: Vec<VantageIdx> = self
            .state
            .vantages()
            .filter(|(_, vantage)| self.fleet.is_present(&vantage.name))
            .map(|(idx, _)| idx)
            .collect();
        for vantage in present {
            self.fleet.place_mut(vantage).present.add(since, now);
        }
    }

    fn note_log_stall(&mut self, now: Timestamp) {
        if let Some(oldest) = self.appending.front()
            && now.since(oldest.record.at) > ABSENCE_MIN
        {
            self.absences.add(oldest.record.at, now);
        }
    }

    /// A claim that has an end is spent when its agent has delivered that far.
    fn drop_spent_claims(&mut self) {
        let watermarks: HashMap<AgentIdx, Timestamp> =
            self.fleet.agents_mut().map(|(idx, agent)| (idx, agent.watermark)).collect();
        let vantages: Vec<VantageIdx> = self.state.vantages().map(|(idx, _)| idx).collect();
        for vantage in vantages {
            self.fleet.place_mut(vantage).claims.drop_spent(|claim| {
                watermarks.get(&claim.agent).is_none_or(|mark| *mark >= claim.until)
            });
        }
    }

    fn renew_stale_verdicts(&mut self, now: Timestamp) {
        let stale: Vec<TargetIdx> =
            self.state.targets().filter(|(_, t)| t.stale_at <= now).map(|(idx, _)| idx).collect();
        self.watch.touch(&stale);
        for target in stale {
            if self.state.renew_verdict(target, now) {
                self.counters.verdict_changes += 1;
            }
        }
    }

    /// Looks at every series whose time has come.
    fn look(&mut self, now: Timestamp) {
        let mut wanted = Vec::new();
        for vantage in 0..self.looks.len() {
            let idx = VantageIdx(vantage as u16);
            let looks = &self.looks[vantage];
            // Each tick goes on where the last one stopped: none waits for ever.
            let first = self.look_next.get(vantage).copied().unwrap_or(0).min(looks.len());
            let turn = (first..looks.len()).chain(0..first);
            let due: Vec<TargetIdx> = turn
                .filter(|target| looks[*target] <= now)
                .take(LOOKS_MAX)
                .map(|target| TargetIdx(target as u32))
                .collect();
            self.look_next.resize(self.looks.len(), 0);
            self.look_next[vantage] = match due.last() {
                Some(last) if due.len() == LOOKS_MAX => last.index() + 1,
                _ => 0,
            };
            for target in due {
                self.look_at(now, idx, target, &mut wanted);
            }
            self.log_judgements(now, idx);
        }
        self.sweep(now, wanted);
    }

    /// Sends what wants to be run to the owners, the most urgent first, within their room.
    fn sweep(&mut self, now: Timestamp, mut wanted: Vec<Wanted>) {
        wanted.sort_unstable_by_key(|wanted| (wanted.start_before, wanted.slot));
        let mut orders: BTreeMap<AgentIdx, Vec<RunTarget>> = BTreeMap::new();
        for Wanted { start_before, slot } in wanted {
            if let Some((agent, order)) = self.order(now, start_before, slot) {
                orders.entry(agent).or_default().push(order);
            }
        }
        for (agent, orders) in orders {
            let session = self.fleet.agent(agent).and_then(|agent| agent.session);
            if let Some(session) = session {
                self.counters.swept += orders.len() as u64;
                for chunk in in_messages(orders) {
                    self.send(session, CollectorMessage::Run(chunk));
                }
            }
        }
    }

    fn order(
        &mut self,
        now: Timestamp,
        start_before: Timestamp,
        slot: Slot,
    ) -> Option<(AgentIdx, RunTarget)> {
        let (vantage, target, planned) = slot;
        let state = self.state.target(target);
        let series = self.state.series(vantage, target)?;
        let stretch = series.stretch_of(planned)?;
        let owner = self.fleet.place_mut(vantage).claims.owner(state.shard)?;
        // Who had a fault of its own has it still, it may be; who has none may take it over.
        let faulty = series.reported(planned) == Some(Missed::AgentFault);
        let runner = match faulty {
            true => self.another(vantage, owner, target).unwrap_or(owner),
            false => owner,
        };
        let agent = self.fleet.agent(runner)?;
        if !agent.is_ready() {
            // If nobody can run it before its window closes, this is why.
            let heard = agent.last_heard.min(now);
            self.fleet.place_mut(vantage).losses.entry(state.shard).or_default().add(heard, now);
            return None;
        }
        if !is_able(agent, state) {
            return None;
        }
        if !has_room(agent) {
            self.fleet.place_mut(vantage).starved.add(now, now);
            return None;
        }
        let order =
            RunTarget { target: scheduled(state, stretch), slots: vec![(planned, start_before)] };
        let until = now + state.entry.spec.timeout + RUN_SLACK;
        self.running.insert(slot, Running { agent: runner, until });
        self.fleet.agent_mut(runner)?.running += 1;
        Some((runner, order))
    }

    /// Another agent of the vantage that can run this target now: the one that runs the least.
    fn another(&self, vantage: VantageIdx, than: AgentIdx, target: TargetIdx) -> Option<AgentIdx> {
        let name = &self.state.vantage(vantage).name;
        let target = self.state.target(target);
        let others = self.fleet.agents().into_iter().filter(|(idx, agent)| {
            *idx != than && agent.vantage == *name && is_able(agent, target) && has_room(agent)
        });
        others.min_by_key(|(idx, agent)| (agent.running, *idx)).map(|(idx, _)| idx)
    }

    /// What the agents together carry, and how many of them speak.
    pub fn load(&self) -> (usize, Load) {
        let connected =
            self.fleet.agents().into_iter().filter(|(_, a)| a.status() == AgentStatus::Connected);
        connected.fold((0, Load::default()), |(count, sum), (_, agent)| {
            let load = agent.load;
            let sum = Load {
                in_flight: sum.in_flight.saturating_add(load.in_flight),
                waiting: sum.waiting.saturating_add(load.waiting),
                outbox_bytes: sum.outbox_bytes.saturating_add(load.outbox_bytes),
                lateness_ms: sum.lateness_ms.max(load.lateness_ms),
                busy_permille: sum.busy_permille.max(load.busy_permille),
                targets: sum.targets.saturating_add(load.targets),
            };
            (count + 1, sum)
        })
    }
}

/// What an agent cannot reach or take now others will, or it when it is well again.
fn is_able(agent: &Agent, target: &TargetState) -> bool {
    let refused = agent.refused.get(&target.uid);
    let unfit = refused.is_some_and(|(revision, _)| *revision >= target.entry.revision);
    agent.is_ready() && agent.suspect.is_none() && !unfit
}

/// Whether the sweep may send it more.
fn has_room(agent: &Agent) -> bool {
    agent.running < (agent.capacity / SWEEP_SHARE).max(SWEEP_MIN)
}

/// Orders, as many to a message as fit.
fn in_messages(orders: Vec<RunTarget>) -> Vec<Vec<RunTarget>> {
    let mut messages: Vec<Vec<RunTarget>> = Vec::new();
    let mut bytes = MESSAGE_BYTES_MAX;
    for order in orders {
        let more = weight(&order.target);
        if bytes + more > MESSAGE_BYTES_MAX {
            messages.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        messages.last_mut().expect("the first order begins a message").push(order);
    }
    messages
}
