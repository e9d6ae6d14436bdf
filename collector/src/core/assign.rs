//! From the plan to what each agent is told: desired minus applied, one step at a time.

use std::collections::HashMap;

use proto::{Assign, Grant, Revoke, ScheduledTarget, ShardId, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::Core;
use crate::capacity::Demand;
use crate::fleet::{AgentIdx, Held, Part, SentAssign, SessionId};
use crate::plan::{Member, plan};
use crate::state::{Stretch, TargetState, VantageIdx};

/// A living agent's shard changes hands this far ahead, so that both know before it happens (rule 13: at least 2 s).
const CUT_AHEAD: std::time::Duration = std::time::Duration::from_millis(2500);
/// A message stays under 1 MiB: at some 150 bytes a target, and more for long URLs and bodies. What is begun below this is
/// finished, and a shard that is heavier is sent in parts.
pub(super) const MESSAGE_BYTES_MAX: usize = 512 << 10;

impl Core {
    pub(super) fn replan_all(&mut self, now: Timestamp) {
        let vantages: Vec<VantageIdx> = self.state.vantages().map(|(idx, _)| idx).collect();
        for vantage in vantages {
            self.replan(now, vantage);
        }
    }

    /// Brings the claims at a vantage in line with who is there.
    pub(super) fn replan(&mut self, now: Timestamp, vantage: VantageIdx) {
        if self.stopping || self.holds(now) {
            return;
        }
        let name = &self.state.vantage(vantage).name;
        let mut members = self.fleet.agents();
        members.retain(|(_, agent)| agent.vantage == *name && agent.is_member());
        // Who is under suspicion gives everything to the others, where there are any.
        if members.iter().any(|(_, agent)| agent.suspect.is_none()) {
            members.retain(|(_, agent)| agent.suspect.is_none());
        }
        let agents: Vec<(AgentIdx, u32, u64)> = members
            .into_iter()
            .map(|(idx, agent)| (idx, agent.capacity, xxh3_64(agent.id.as_bytes())))
            .collect();
        let members: Vec<Member> = agents
            .iter()
            .map(|(_, capacity, id)| Member { id: *id, capacity: *capacity })
            .collect();
        // A thousand agents that come one after the other do not change what the list weighs.
        let known = self.fleet.place_mut(vantage).weights.take();
        let weights = known.unwrap_or_else(|| {
            let (weights, demand) = self.weights(vantage);
            self.fleet.place_mut(vantage).demand = demand;
            weights
        });
        let place = self.fleet.place_mut(vantage);
        let claims = &place.claims;
        let owners: Vec<Option<AgentIdx>> =
            ShardId::all().map(|shard| claims.owner(shard)).collect();
        let ids: HashMap<AgentIdx, u64> = agents.iter().map(|(idx, _, id)| (*idx, *id)).collect();
        let previous: Vec<Option<u64>> =
            owners.iter().map(|owner| ids.get(owner.as_ref()?).copied()).collect();
        let planned = plan(&weights, &members, &previous);
        self.fleet.place_mut(vantage).weights = Some(weights);
        let mut waiting = Vec::new();
        for (shard, planned) in ShardId::all().zip(planned) {
            let next = planned.map(|index| agents[index].0);
            let before = owners[shard.index()];
            if next == before {
                continue;
            }
            if before.is_some_and(|owner| ids.contains_key(&owner)) {
                waiting.push((shard, before, next));
            } else {
                // Nobody who could go on with it has it.
                self.hand_over(now, vantage, shard, before, next);
            }
        }
        let targets = waiting.iter().map(|(shard, ..)| self.members[shard.index()].len());
        let place = self.fleet.place_mut(vantage);
        let admitted = place.pace.admit(now, targets);
        place.moves_wait = admitted < waiting.len();
        for (shard, before, next) in waiting.into_iter().take(admitted) {
            self.hand_over(now, vantage, shard, before, next);
        }
    }

    /// Goes on with planned moves that had to wait.
    pub(super) fn go_on_moving(&mut self, now: Timestamp) {
        let vantages: Vec<VantageIdx> = self.state.vantages().map(|(idx, _)| idx).collect();
        for vantage in vantages {
            if self.fleet.place(vantage).is_some_and(|place| place.moves_wait) {
                self.replan(now, vantage);
            }
        }
    }

    fn hand_over(
        &mut self,
        now: Timestamp,
        vantage: VantageIdx,
        shard: ShardId,
        before: Option<AgentIdx>,
        next: Option<AgentIdx>,
    ) {
        let leaving = before.and_then(|idx| self.fleet.agent(idx));
        let cut = match leaving {
            Some(agent) if agent.is_member() => {
                self.counters.moves += 1;
                now + CUT_AHEAD
            }
            Some(agent) => agent.draining.unwrap_or(now),
            None => now,
        };
        let claims = &mut self.fleet.place_mut(vantage).claims;
        match next {
            Some(next) => claims.grant(shard, next, cut),
            None => claims.end(shard, cut),
        }
        for idx in [before, next].into_iter().flatten() {
            if let Some(agent) = self.fleet.agent_mut(idx) {
                agent.dirty.insert(shard);
                self.assigns_due = true;
            }
        }
        for target in self.members[shard.index()].clone() {
            self.look_now(vantage, target, now);
        }
    }

    /// Probes a second in each shard of a vantage, and what all of them ask for.
    fn weights(&self, vantage: VantageIdx) -> (Vec<f64>, Demand) {
        let mut all = Demand::default();
        let weigh = |shard: ShardId| {
            let mut demand = Demand::default();
            for (target, stretch) in self.due(vantage, shard) {
                demand.add(stretch.interval, target.entry.spec.timeout);
            }
            all = all.plus(demand);
            demand.rate
        };
        let weights = ShardId::all().map(weigh).collect();
        (weights, all)
    }

    /// The targets of a shard that are due from a vantage now.
    fn due(
        &self,
        vantage: VantageIdx,
        shard: ShardId,
    ) -> impl Iterator<Item = (&TargetState, &Stretch)> {
        self.members[shard.index()].iter().filter_map(move |idx| {
            let stretch = self.state.series(vantage, *idx)?.current()?;
            Some((self.state.target(*idx), stretch))
        })
    }

    /// Tells every agent that has no assign to answer the next step, if there is one.
    pub(super) fn send_assigns(&mut self, now: Timestamp) {
        let ready: Vec<AgentIdx> = self
            .fleet
            .agents_mut()
            .filter(|(_, a)| a.session.is_some() && a.sent.is_none() && !a.dirty.is_empty())
            .map(|(idx, _)| idx)
            .collect();
        for idx in ready {
            self.next_assign(now, idx);
        }
    }

    fn next_assign(&mut self, now: Timestamp, idx: AgentIdx) {
        let Some(agent) = self.fleet.agent(idx) else { return };
        let Some(session) = agent.session else { return };
        // Until its vantage is in the log there is nothing to desire.
        let Some(vantage) = self.state.vantage_idx(&agent.vantage) else { return };
        if self.next_part(idx, session, vantage) {
            return;
        }
        let Some(agent) = self.fleet.agent(idx) else { return };
        let Some(place) = self.fleet.place(vantage) else { return };
        let (mut revokes, mut grants, mut looked_at) = (Vec::new(), Vec::new(), Vec::new());
        let mut heavy = None;
        let mut bytes = 0;
        for shard in agent.dirty.iter().copied() {
            if bytes > MESSAGE_BYTES_MAX {
                break;
            }
            looked_at.push(shard);
            let applied = agent.applied.get(&shard);
            let claim = place.claims.open(shard).filter(|claim| claim.agent == idx);
            let desired = claim.and_then(|claim| {
                let held = self.content(vantage, shard, claim.from);
                (held.targets > 0).then_some(held)
            });
            match (desired, applied) {
                (Some(held), Some(applied)) if held.hash == applied.hash => {}
                (Some(held), _) => {
                    let targets: Vec<_> =
                        self.due(vantage, shard).map(|(t, s)| scheduled(t, s)).collect();
                    let weight = targets.iter().map(weight).sum::<usize>();
                    if weight > MESSAGE_BYTES_MAX && agent.takes_parts {
                        looked_at.pop();
                        heavy.get_or_insert((shard, held));
                        continue;
                    }
                    bytes += weight;
                    let Held { from, hash: content_hash, targets: _ } = held;
                    grants.push((held, Grant { shard, from, content_hash, targets, more: false }));
                }
                (None, Some(_)) => {
                    let until = place.claims.of(shard, idx).map_or(now, |claim| claim.until);
                    revokes.push(Revoke { shard, until: until.min(now + CUT_AHEAD) });
                }
                (None, None) => {}
            }
        }
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        for shard in looked_at {
            agent.dirty.remove(&shard);
        }
        if revokes.is_empty() && grants.is_empty() {
            // What is too heavy for one message comes when nothing lighter waits.
            agent.part = heavy.map(|(shard, held)| Part { shard, held, next: 0 });
            self.next_part(idx, session, vantage);
            return;
        }
        agent.version_sent += 1;
        let version = agent.version_sent;
        agent.sent = Some(SentAssign {
            version,
            revokes: revokes.iter().map(|revoke| revoke.shard).collect(),
            grants: grants.iter().map(|(held, grant)| (grant.shard, *held)).collect(),
        });
        let grants = grants.into_iter().map(|(_, grant)| grant).collect();
        self.send(session, proto::CollectorMessage::Assign(Assign { version, revokes, grants }));
    }

    /// Sends the next part of a shard that is too heavy for one message, if one is on its way. The grant is the agent's
    /// with the last part.
    fn next_part(&mut self, idx: AgentIdx, session: SessionId, vantage: VantageIdx) -> bool {
        let Some(agent) = self.fleet.agent_mut(idx) else { return false };
        let Some(Part { shard, held, next }) = agent.part.take() else { return false };
        let claims = self.fleet.place(vantage).map(|place| &place.claims);
        let claim = claims.and_then(|claims| claims.open(shard)).filter(|claim| claim.agent == idx);
        if claim.is_none_or(|claim| self.content(vantage, shard, claim.from).hash != held.hash) {
            return false; // It changed meanwhile: whatever it is now comes in its turn.
        }
        let (mut targets, mut bytes) = (Vec::new(), 0);
        let mut rest = self.due(vantage, shard).skip(next).map(|(t, s)| scheduled(t, s));
        let more = loop {
            match rest.next() {
                None => break false,
                Some(_) if bytes > MESSAGE_BYTES_MAX => break true,
                Some(target) => {
                    bytes += weight(&target);
                    targets.push(target);
                }
            }
        };
        drop(rest);
        let next = next + targets.len();
        let Held { from, hash: content_hash, targets: _ } = held;
        let grants = vec![Grant { shard, from, content_hash, targets, more }];
        let Some(agent) = self.fleet.agent_mut(idx) else { return false };
        agent.version_sent += 1;
        let version = agent.version_sent;
        let whole = (!more).then_some((shard, held));
        agent.sent =
            Some(SentAssign { version, revokes: Vec::new(), grants: whole.into_iter().collect() });
        match more {
            true => agent.part = Some(Part { shard, held, next }),
            false => drop(agent.dirty.remove(&shard)),
        }
        let assign = Assign { version, revokes: Vec::new(), grants };
        self.send(session, proto::CollectorMessage::Assign(assign));
        true
    }

    /// What a shard holds: named by a hash over everything that an agent would do otherwise if it changed.
    fn content(&self, vantage: VantageIdx, shard: ShardId, from: Timestamp) -> Held {
        let (mut hash, mut targets) = (0_u64, 0);
        for (target, stretch) in self.due(vantage, shard) {
            let mut bytes = [0; 20];
            bytes[..8].copy_from_slice(&target.uid.0.to_le_bytes());
            bytes[8..12].copy_from_slice(&target.entry.revision.to_le_bytes());
            bytes[12..].copy_from_slice(&stretch.loaded.millis().to_le_bytes());
            hash = hash.wrapping_add(xxh3_64(&bytes));
            targets += 1;
        }
        Held { from, hash, targets }
    }
}

/// A target with its place in time: its first slots, planned before it was known, are the sweep's.
pub(super) fn scheduled(target: &TargetState, stretch: &Stretch) -> ScheduledTarget {
    ScheduledTarget {
        uid: target.uid,
        revision: target.entry.revision,
        interval: stretch.interval,
        phase: stretch.phase,
        from: stretch.loaded + std::time::Duration::from_millis(1),
        spec: target.entry.spec.clone(),
    }
}

/// About how many bytes a target takes on the wire.
pub(super) fn weight(target: &ScheduledTarget) -> usize {
    let spec = &target.spec;
    let headers: usize =
        spec.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    let texts = spec.url.len() + spec.body.len() + spec.expect_body.as_ref().map_or(0, String::len);
    64 + texts + headers
}
