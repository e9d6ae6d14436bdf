//! Agents: real cores, probes that take their time, deaths, pauses and new processes of the same name.

use std::sync::Arc;
use std::time::Duration;

use agent::{
    AdmitAll, AgentCore, Attempt, CoreConfig, Effect, Event, LocalMicros, Start, StreamId, Ticket,
};
use collector::fleet::SessionId;
use proto::{Failure, Note, Outcome, Phases, ProbeSpec, SettingsApplied, Timestamp, Uid};

use super::books::{Seen, Who};
use super::faults::Kind;
use super::{TIMEOUT, World};
use crate::mutants::Mutant;

/// What every agent probes at once.
const CAPACITY: u32 = 1000;

/// A place for an agent: one process after another lives there.
pub struct Node {
    pub id: String,
    pub vantage: &'static str,
    pub core: Option<AgentCore<AdmitAll>>,
    pub boot: u64,
    boots: u64,
    /// Its boot-time clock is the world's minus this.
    booted: Timestamp,
    pub session: Option<SessionId>,
    pub streams: u64,
    pub connect_at: Timestamp,
    pub dead_until: Timestamp,
    pub cut_up_until: Timestamp,
    pub cut_down_until: Timestamp,
    pub uplink_dead_until: Timestamp,
    /// It stands still since then, until then.
    pub paused: Option<(Timestamp, Timestamp)>,
    pub probes: Vec<Probe>,
    /// When its core wants to be woken.
    wake: Option<Timestamp>,
    /// It dies for so long when so many more effects were carried out.
    pub fuse: Option<(u64, Duration)>,
    outbox_bytes: usize,
}

pub struct Probe {
    ticket: Ticket,
    uid: Uid,
    planned: Timestamp,
    url: String,
    begun: Timestamp,
    ends: Timestamp,
    outcome: Outcome,
    /// Its process stood still meanwhile.
    disturbed: bool,
    /// Its agent reached nothing.
    dead: bool,
}

impl Node {
    pub fn new(n: usize, vantage: &'static str, booted: Timestamp, now: Timestamp) -> Self {
        Self {
            id: format!("{vantage}-{n}"),
            vantage,
            core: None,
            boot: 0,
            boots: 0,
            booted,
            session: None,
            streams: 0,
            connect_at: now,
            dead_until: now,
            cut_up_until: now,
            cut_down_until: now,
            uplink_dead_until: now,
            paused: None,
            probes: Vec::new(),
            wake: None,
            fuse: None,
            outbox_bytes: 0,
        }
    }

    /// Neither dead nor standing still.
    pub fn is_awake(&self, now: Timestamp) -> bool {
        self.dead_until <= now && self.paused.is_none_or(|(_, until)| until <= now)
    }

    /// When it next does something of itself.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.dead_until > now {
            return (self.dead_until < Timestamp::MAX).then_some(self.dead_until);
        }
        if let Some((_, until)) = self.paused {
            return Some(until);
        }
        if self.core.is_none() {
            return Some(now);
        }
        let ends = self.probes.iter().map(|probe| probe.ends).min();
        let connect = self.session.is_none().then_some(self.connect_at);
        [ends, connect, self.wake].into_iter().flatten().min()
    }

    fn local(&self, at: Timestamp) -> LocalMicros {
        LocalMicros(u64::try_from(at.since(self.booted).as_micros()).expect("a short run"))
    }

    /// The first instant of the world's at which its clock has reached `at`.
    fn world(&self, at: LocalMicros) -> Timestamp {
        self.booted + Duration::from_millis(at.0.div_ceil(1000))
    }
}

impl World {
    pub(super) fn agents_next(&self) -> Option<Timestamp> {
        self.nodes.iter().filter_map(|node| node.next(self.now)).min()
    }

    pub(super) fn step_node(&mut self, n: usize) {
        let now = self.now;
        if !self.nodes[n].is_awake(now) || self.nodes[n].next(now).is_none_or(|next| next > now) {
            return;
        }
        if self.nodes[n].core.is_none() {
            self.boot(n);
        }
        if let Some((from, _)) = self.nodes[n].paused.take() {
            for probe in &mut self.nodes[n].probes {
                probe.disturbed = true;
            }
            let (from, to) = (self.nodes[n].local(from), self.nodes[n].local(now));
            self.tell_agent(n, Event::Paused { from, to });
        }
        if self.nodes[n].session.is_none() && self.nodes[n].connect_at <= now {
            self.connect(n);
        }
        self.end_probes(n);
        if self.nodes[n].wake.is_some_and(|wake| wake <= now) {
            self.tell_agent(n, Event::Tick);
        }
    }

    fn boot(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.boots += 1;
        node.boot = (n as u64) << 32 | node.boots;
        node.outbox_bytes = self.outbox_bytes;
        let config = CoreConfig {
            agent_id: node.id.clone(),
            boot: node.boot,
            vantage: node.vantage.to_owned(),
            zone: format!("zone-{n}"),
            capacity: CAPACITY,
            outbox_bytes: self.outbox_bytes,
            handed_max: 2000,
        };
        node.core = Some(AgentCore::new(config, AdmitAll));
        node.wake = None;
    }

    /// The process is gone, with all that it held; another one comes in its place, mostly under its name.
    pub(super) fn kill(&mut self, n: usize, dead: Duration) {
        let renamed = self.random.one_in(4);
        self.nodes[n].core = None;
        self.nodes[n].probes.clear();
        self.nodes[n].paused = None;
        self.nodes[n].fuse = None;
        self.close_agent_end(n);
        self.unwell(Who::Agent(n), Kind::KillAgent, dead);
        let node = &mut self.nodes[n];
        node.dead_until = self.now + dead;
        node.connect_at = node.dead_until;
        if renamed {
            node.id = format!("{}-{n}-{}", node.vantage, node.boots);
        }
    }

    fn end_probes(&mut self, n: usize) {
        let now = self.now;
        while let Some(at) = self.nodes[n].probes.iter().position(|probe| probe.ends <= now) {
            let probe = self.nodes[n].probes.swap_remove(at);
            let node = &self.nodes[n];
            self.books.see(Seen {
                uid: probe.uid,
                vantage: node.vantage,
                planned: probe.planned,
                url: probe.url,
                boot: node.boot,
                outcome: probe.outcome,
                began: probe.begun,
                ended: now,
                disturbed: probe.disturbed,
                dead: probe.dead,
            });
            let found = |outcome| Attempt::Found {
                started: node.local(probe.begun),
                outcome,
                phases: Phases::default(),
                body_bytes: 0,
                note: Box::<Note>::default(),
            };
            let attempt = match (probe.disturbed, self.mutant) {
                (true, Some(Mutant::PausedProbeAsTimeout)) => {
                    found(Outcome::Failed(Failure::Timeout))
                }
                (true, _) => Attempt::Paused,
                (false, _) => found(probe.outcome),
            };
            self.tell_agent(n, Event::Ended { ticket: probe.ticket, attempt });
        }
    }

    pub fn tell_agent(&mut self, n: usize, event: Event) {
        self.note(n, &event);
        let now = self.now;
        let node = &mut self.nodes[n];
        let at = node.local(now);
        let Some(core) = &mut node.core else { return };
        let effects = core.apply(at, event);
        let (bytes, next) = (core.outbox_bytes(), core.next_wakeup());
        node.wake = next.map(|at| node.world(at));
        // What is sealed besides is one batch, and a map entry a target for what was given up.
        assert!(bytes <= node.outbox_bytes + (8 << 10), "{} holds {bytes} bytes", node.id);
        self.perform(n, effects);
    }

    fn perform(&mut self, n: usize, effects: Vec<Effect<Arc<ProbeSpec>>>) {
        let boot = self.nodes[n].boot;
        for effect in effects {
            if let Some((left, dead)) = self.nodes[n].fuse {
                if left == 0 {
                    self.tell(format!("{} dies between two steps", self.nodes[n].id));
                    return self.kill(n, dead);
                }
                self.nodes[n].fuse = Some((left - 1, dead));
            }
            self.perform_one(n, effect);
            // It may have died of what that one led to.
            if self.nodes[n].core.is_none() || self.nodes[n].boot != boot {
                return;
            }
        }
    }

    fn perform_one(&mut self, n: usize, effect: Effect<Arc<ProbeSpec>>) {
        match effect {
            Effect::Start(start) => self.start_probe(n, &start),
            Effect::Send(stream, message) => self.send_up(n, stream, message),
            Effect::Disconnect { stream, cause, after } => self.hang_up(n, stream, &cause, after),
            Effect::Tune(settings) => {
                let capacity = settings.concurrency.unwrap_or(CAPACITY);
                let applied =
                    SettingsApplied { version: settings.version, capacity, problem: None };
                self.tell_agent(n, Event::Tuned(applied));
            }
            Effect::StopStarting | Effect::Drained => {}
        }
    }

    fn hang_up(&mut self, n: usize, stream: StreamId, cause: &str, after: Duration) {
        if self.nodes[n].streams == stream.0 && self.nodes[n].session.is_some() {
            self.tell(format!("{} hangs up: {cause}", self.nodes[n].id));
            self.close_agent_end(n);
            let node = &mut self.nodes[n];
            node.connect_at = node.connect_at.max(self.now + after);
        }
    }

    fn start_probe(&mut self, n: usize, start: &Start<Arc<ProbeSpec>>) {
        let (ticket, uid, planned) = (start.ticket, start.uid, start.planned);
        let url = start.handle.url.clone();
        let at = self.nodes[n].local(self.now);
        let dead = self.nodes[n].uplink_dead_until > self.now;
        let outcome = if dead { self.unreachable() } else { self.found(uid, planned) };
        let takes = match outcome {
            Outcome::Failed(Failure::Timeout) => TIMEOUT,
            _ => self.random.millis(5, 900),
        };
        let (begun, ends) = (self.now, self.now + takes);
        let disturbed = false;
        let probe = Probe { ticket, uid, planned, url, begun, ends, outcome, disturbed, dead };
        self.nodes[n].probes.push(probe);
        self.tell_agent(n, Event::Started { ticket, at });
        self.after_start(n, uid, planned);
    }
}
