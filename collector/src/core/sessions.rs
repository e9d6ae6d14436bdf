//! Agents come, speak and go.

use proto::{
    AgentMessage, Applied, Beat, CollectorMessage, HeldShard, Hello, PROTOCOL, ShardId, Timestamp,
    Welcome,
};

use super::{Core, Effect, FleetChange, SessionEnd, UNACKED_BYTES_MAX, VANTAGES_MAX};
use crate::fleet::{Agent, AgentIdx, Claim, SentAssign, SessionId, Wall};
use crate::state::VantageIdx;

/// A lease holds four beats: three may be lost.
const BEATS_PER_LEASE: u32 = 4;

impl Core {
    pub(super) fn hello(&mut self, now: Timestamp, session: SessionId, mut hello: Hello) {
        if hello.log_seen != self.state.log {
            // What it holds and knows is of another log, or of none: it forgets that when it reads the Welcome.
            hello.epoch_seen = 0;
            hello.held.clear();
        }
        if let Some(end) = self.objection(now, &hello) {
            self.effects.push(Effect::End(session, end));
            return;
        }
        let beat = self.config.lease / BEATS_PER_LEASE;
        let welcome = Welcome {
            epoch: self.state.epoch,
            now_us: now.millis().saturating_mul(1000),
            echo_us: hello.sent_us,
            lease: self.config.lease,
            beat,
            unacked_bytes_max: UNACKED_BYTES_MAX,
            log: self.state.log,
            takes_runs: true,
        };
        self.counters.sessions += 1;
        self.assigns_due = true;
        let idx = self.agent_of(now, &hello);
        if let Some(before) = self.fleet.attach(idx, session) {
            self.effects.push(Effect::End(before, SessionEnd::Replaced));
        }
        let awaited = self.awaited.len();
        self.awaited.retain(|id| *id != hello.agent_id);
        let last_awaited = awaited > 0 && self.awaited.is_empty();
        let agent = self.fleet.agent_mut(idx).expect("it was just taken in");
        agent.restart_stream(now);
        agent.capacity = hello.capacity;
        agent.zone = hello.zone;
        agent.version = hello.version;
        agent.takes_settings = hello.takes_settings;
        agent.takes_parts = hello.takes_parts;
        agent.unread_held = hello.held;
        let vantage = agent.vantage.clone();
        self.resume_suspicion(idx);
        self.send(session, CollectorMessage::Welcome(welcome));
        self.send_settings(now, session, idx);
        self.notice(now, idx, FleetChange::Joined);
        self.vantages_changed = true;
        if let Some(vantage) = self.state.vantage_idx(&vantage) {
            self.adopt_waiting(now, vantage);
            self.look_over(vantage, idx);
            self.replan(now, vantage);
        }
        if last_awaited {
            self.lose_unclaimed(now);
            self.replan_all(now);
        }
    }

    /// What an agent owns it may lack: the grant was on its way when the stream before this one broke.
    fn look_over(&mut self, vantage: VantageIdx, idx: AgentIdx) {
        let claims = &self.fleet.place_mut(vantage).claims;
        let owned: Vec<ShardId> =
            ShardId::all().filter(|shard| claims.owner(*shard) == Some(idx)).collect();
        if let Some(agent) = self.fleet.agent_mut(idx) {
            agent.dirty.extend(owned);
            self.assigns_due = true;
        }
    }

    /// Why the agent cannot be taken in.
    fn objection(&self, now: Timestamp, hello: &Hello) -> Option<SessionEnd> {
        if self.stopping {
            return Some(SessionEnd::Stopping);
        }
        if hello.epoch_seen > self.state.epoch {
            return Some(SessionEnd::OldLeader);
        }
        if hello.protocol != PROTOCOL {
            let spoken = hello.protocol;
            return Some(SessionEnd::Protocol(format!(
                "this collector speaks protocol {PROTOCOL}, the agent {spoken}"
            )));
        }
        let known = self.state.vantage_idx(&hello.vantage).is_some();
        if !known && self.state.vantages().count() >= VANTAGES_MAX {
            return Some(SessionEnd::Vantages);
        }
        let namesake = self.fleet.by_id(&hello.agent_id).and_then(|idx| self.fleet.agent(idx))?;
        let heard = namesake.session.is_some()
            && now.since(namesake.last_heard) < self.config.lease / BEATS_PER_LEASE * 2;
        (namesake.boot != hello.boot && heard)
            .then(|| SessionEnd::IdInUse(format!("{} in zone {}", namesake.id, namesake.zone)))
    }

    /// The agent process that speaks: one that is known, or a new one.
    fn agent_of(&mut self, now: Timestamp, hello: &Hello) -> AgentIdx {
        if let Some(idx) = self.fleet.by_id(&hello.agent_id) {
            let known = self.fleet.agent(idx);
            if known.is_some_and(|a| a.boot == hello.boot && a.vantage == hello.vantage) {
                return idx;
            }
            // Another process of the same name: the old one is dead.
            let (vantage, session) = match known {
                Some(agent) => (agent.vantage.clone(), agent.session),
                None => (String::new(), None),
            };
            if let Some(session) = session {
                self.effects.push(Effect::End(session, SessionEnd::Replaced));
            }
            self.lose(now, idx);
            self.fleet.remove(idx);
            // What it had at its new vantage is given out when it has been taken in.
            if vantage != hello.vantage
                && let Some(vantage) = self.state.vantage_idx(&vantage)
            {
                self.replan(now, vantage);
            }
        }
        self.fleet.add(Agent {
            id: hello.agent_id.clone(),
            boot: hello.boot,
            vantage: hello.vantage.clone(),
            zone: hello.zone.clone(),
            capacity: hello.capacity,
            version: hello.version.clone(),
            session: None,
            connected_since: now,
            last_heard: now,
            draining: None,
            lost: None,
            watermark: Timestamp::EPOCH,
            load: proto::Load::default(),
            clock: None,
            unread_held: Vec::new(),
            applied: Default::default(),
            dirty: Default::default(),
            sent: None,
            version_sent: 0,
            refused: Default::default(),
            seq: 0,
            pending: Default::default(),
            pending_bytes: 0,
            running: 0,
            takes_settings: false,
            takes_parts: false,
            part: None,
            progress: Default::default(),
            sightings: Default::default(),
            suspect: None,
            confirming: 0,
        })
    }

    /// Reads what agents of a vantage said that they hold, once the vantage is in the log.
    pub(super) fn adopt_waiting(&mut self, now: Timestamp, vantage: VantageIdx) {
        let name = self.state.vantage(vantage).name.clone();
        let mut waiting = Vec::new();
        for (idx, agent) in self.fleet.agents_mut() {
            if agent.vantage == name && agent.session.is_some() && !agent.unread_held.is_empty() {
                waiting.push((idx, std::mem::take(&mut agent.unread_held)));
            }
        }
        for (idx, held) in waiting {
            for shard in held {
                self.adopt(now, vantage, idx, shard);
            }
        }
    }

    /// What a reconnecting agent holds stays its own, unless it belongs to another by now.
    fn adopt(&mut self, now: Timestamp, vantage: VantageIdx, idx: AgentIdx, held: HeldShard) {
        let HeldShard { shard, from, content_hash } = held;
        let targets = self.members[shard.index()].len();
        let targets = u32::try_from(targets).unwrap_or(u32::MAX);
        let claims = &mut self.fleet.place_mut(vantage).claims;
        let from = from.min(now); // Nobody holds the future.
        match claims.owner(shard) {
            Some(owner) if owner == idx => {}
            None => claims.grant(shard, idx, from),
            // It goes on with it until it hears otherwise, and has yet to deliver what it found so far.
            Some(_) => claims.remember(shard, Claim { agent: idx, from, until: now }),
        }
        if let Some(agent) = self.fleet.agent_mut(idx) {
            let held = crate::fleet::Held { from, hash: content_hash, targets };
            agent.applied.insert(shard, held);
            agent.dirty.insert(shard);
            self.assigns_due = true;
        }
    }

    pub(super) fn message(&mut self, now: Timestamp, session: SessionId, message: AgentMessage) {
        // A stream that was replaced or refused may still have messages on their way.
        let Some(idx) = self.fleet.by_session(session) else { return };
        if let Some(agent) = self.fleet.agent_mut(idx) {
            agent.last_heard = now;
        }
        match message {
            AgentMessage::Hello(_) => self.protocol_error(now, session, "a second Hello".into()),
            AgentMessage::Applied(applied) => self.applied(now, session, idx, applied),
            AgentMessage::Results(results) => self.results(now, session, idx, results),
            AgentMessage::Beat(beat) => self.beat(now, session, idx, beat),
            AgentMessage::Draining { until } => self.draining(now, idx, until),
            AgentMessage::SettingsApplied(applied) => self.settings_applied(now, idx, applied),
            AgentMessage::ProbeAnswer(answer) => self.probe_answer(now, idx, answer),
        }
    }

    pub(super) fn protocol_error(&mut self, now: Timestamp, session: SessionId, what: String) {
        self.effects.push(Effect::End(session, SessionEnd::Protocol(what)));
        self.closed(now, session);
    }

    fn beat(&mut self, now: Timestamp, session: SessionId, idx: AgentIdx, beat: Beat) {
        if let Some(agent) = self.fleet.agent_mut(idx) {
            agent.load = beat.load.unwrap_or(agent.load);
            agent.clock = Wall::of(&beat);
        }
        let now_us = now.millis().saturating_mul(1000);
        let answer = Beat { sent_us: beat.sent_us, now_us, ..Beat::default() };
        self.send(session, CollectorMessage::Beat(answer));
    }

    fn applied(&mut self, now: Timestamp, session: SessionId, idx: AgentIdx, applied: Applied) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        let Some(sent) = agent.sent.take_if(|sent| sent.version == applied.version) else {
            let what = format!("Applied {} answers no Assign", applied.version);
            return self.protocol_error(now, session, what);
        };
        let SentAssign { version: _, revokes, grants } = sent;
        for shard in revokes {
            agent.applied.remove(&shard);
        }
        agent.applied.extend(grants);
        self.assigns_due = true;
        let known = applied.refused.into_iter().filter(|r| self.state.by_uid(r.uid).is_some());
        agent.refused.extend(known.map(|r| (r.uid, (r.revision, r.reason))));
    }

    /// An agent stops: its shards are others' from here on, what it found is still to come.
    fn draining(&mut self, now: Timestamp, idx: AgentIdx, until: Timestamp) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        // What it calls its end lies in its stream's time; before its clock was set it may say anything.
        agent.draining = Some(until.max(agent.connected_since).min(now));
        let name = agent.vantage.clone();
        if let Some(vantage) = self.state.vantage_idx(&name) {
            self.replan(now, vantage);
        }
    }

    pub(super) fn closed(&mut self, now: Timestamp, session: SessionId) {
        let Some(idx) = self.fleet.detach(session) else { return };
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        agent.pending.clear();
        agent.pending_bytes = 0;
        agent.sent = None;
        self.assigns_due = true;
        let left = agent.draining.is_some();
        self.doubt_runs(now, idx);
        self.notice(now, idx, if left { FleetChange::Left } else { FleetChange::Silent });
        if left {
            // It said goodbye: nobody waits for its lease.
            self.lose(now, idx);
            self.replan_all(now);
        }
    }

    /// What an agent was asked to run may have been on its way to it when its stream broke: if nothing comes of it, this is why.
    fn doubt_runs(&mut self, now: Timestamp, idx: AgentIdx) {
        let Some(agent) = self.fleet.agent(idx) else { return };
        let heard = agent.last_heard.min(now);
        for ((vantage, target, _), running) in &self.running {
            if running.agent == idx {
                let shard = self.state.target(*target).shard;
                self.fleet.place_mut(*vantage).losses.entry(shard).or_default().add(heard, now);
            }
        }
    }

    /// Shards were held for agents of the leader before. What nobody claims by now was of one that is gone.
    pub(super) fn lose_unclaimed(&mut self, now: Timestamp) {
        let since = self.state.leads_since();
        let vantages: Vec<VantageIdx> = self.state.vantages().map(|(idx, _)| idx).collect();
        for vantage in vantages {
            let place = self.fleet.place_mut(vantage);
            for shard in ShardId::all().filter(|shard| !self.members[shard.index()].is_empty()) {
                if place.claims.owner(shard).is_none() {
                    place.losses.entry(shard).or_default().add(since, now);
                }
            }
        }
    }

    /// An agent is gone: its claims with it. What it had is given out at the next replan.
    pub(super) fn lose(&mut self, now: Timestamp, idx: AgentIdx) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        if agent.lost.replace(now).is_some() {
            return;
        }
        let last_heard = agent.last_heard;
        agent.applied.clear();
        self.end_suspicion(now, idx);
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        let name = agent.vantage.clone();
        self.running.retain(|_, running| running.agent != idx);
        if let Some(agent) = self.fleet.agent_mut(idx) {
            agent.running = 0;
        }
        let Some(vantage) = self.state.vantage_idx(&name) else { return };
        let place = self.fleet.place_mut(vantage);
        let shards = place.claims.retain(|_, claim| claim.agent != idx);
        for shard in shards {
            self.fleet.place_mut(vantage).losses.entry(shard).or_default().add(last_heard, now);
            for target in self.members[shard.index()].clone() {
                self.look_now(vantage, target, now);
            }
        }
    }
}
