//! The world: time in steps, a log with a delay, links that break, agents and a collector that die.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use agent::{
    AdmitAll, AgentCore, Attempt, CoreConfig as AgentConfig, Effect as AgentEffect,
    Event as AgentEvent, LocalMicros, StreamId, Ticket,
};
use bytes::Bytes;
use collector::core::{Core, CoreConfig, Counters, Effect, Event, SealPace};
use collector::fleet::SessionId;
use collector::leader;
use collector::store::writer::Chore;
use collector::store::{Memory, Store};
use collector::target_file::Target;
use proto::{
    AgentMessage, CollectorMessage, Failure, Outcome, Phases, ProbeSpec, SettingsApplied,
    Timestamp, Uid, wire,
};

use super::random::Random;

pub const STEP: Duration = Duration::from_millis(50);
pub const LEASE: Duration = Duration::from_secs(20);
pub const TIMEOUT: Duration = Duration::from_secs(5);
pub const KEEP: Duration = Duration::from_secs(48 * 3600);
/// An hour of these runs.
pub const HOUR: Duration = Duration::from_secs(120);
const START: i64 = 1_790_000_000_000;

/// Which faults a seed may draw.
#[derive(Clone, Copy)]
pub struct Faults {
    pub kill_agents: bool,
    pub kill_collector: bool,
    pub cut_links: bool,
    pub pause_agents: bool,
    pub change_list: bool,
    pub slow_log: bool,
    /// An agent reaches the collector and no target. The targets are up all the time then.
    pub dead_uplinks: bool,
    /// A vantage has a minute of peace between two faults: nothing needs to be missed then.
    pub one_at_a_time: bool,
}

impl Faults {
    pub const NONE: Self = Self {
        kill_agents: false,
        kill_collector: false,
        cut_links: false,
        pause_agents: false,
        change_list: false,
        slow_log: false,
        dead_uplinks: false,
        one_at_a_time: true,
    };
    pub const ALL: Self = Self {
        kill_agents: true,
        kill_collector: true,
        cut_links: true,
        pause_agents: true,
        change_list: true,
        slow_log: true,
        dead_uplinks: false,
        one_at_a_time: false,
    };
}

/// A probe that the world saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub uid: Uid,
    pub vantage: String,
    pub planned: Timestamp,
    pub outcome: Outcome,
    /// The agent stood still while it ran, or reached nothing: it must not count as a failure.
    pub disturbed: bool,
}

struct Probe {
    ticket: Ticket,
    uid: Uid,
    planned: Timestamp,
    begun: Timestamp,
    ends: Timestamp,
    outcome: Outcome,
    disturbed: bool,
    /// Its agent reached nothing.
    dead: bool,
}

/// A connection: messages both ways, in order, each at its time.
struct Link {
    session: SessionId,
    stream: StreamId,
    up: VecDeque<(Timestamp, AgentMessage)>,
    down: VecDeque<(Timestamp, CollectorMessage)>,
}

struct Node {
    id: String,
    vantage: String,
    core: Option<AgentCore<AdmitAll>>,
    boots: u64,
    /// Its boot-time clock is the world's minus this.
    booted: Timestamp,
    link: Option<Link>,
    connect_at: Timestamp,
    dead_until: Timestamp,
    cut_until: Timestamp,
    uplink_dead_until: Timestamp,
    paused_until: Timestamp,
    paused_from: Option<Timestamp>,
    probes: Vec<Probe>,
    streams: u64,
}

pub struct World {
    pub now: Timestamp,
    pub random: Random,
    faults: Faults,
    quiet: bool,
    pub log: Memory,
    /// Every record there ever was, from the first on.
    pub archive: Vec<Bytes>,
    appends: VecDeque<(Timestamp, u64, Bytes)>,
    chores: VecDeque<(Timestamp, u64, Chore)>,
    /// How small the log behind a snapshot may be.
    snapshot_bytes: u64,
    position: u64,
    log_stalled_until: Timestamp,
    pub collector: Option<Core>,
    collector_dead_until: Timestamp,
    nodes: Vec<Node>,
    sessions: u64,
    next_tick: Timestamp,
    pub list: Vec<Target>,
    pub seen: Vec<Seen>,
    pub acknowledged: BTreeSet<(Uid, String, Timestamp)>,
    /// Results sent and not yet acknowledged, by session and sequence number.
    sent: BTreeMap<(SessionId, u64), Vec<(Uid, Timestamp)>>,
    story: String,
}

fn target(name: &str, seconds: u64, revision: u64) -> Target {
    Target {
        name: name.to_owned(),
        interval: Duration::from_secs(seconds),
        spec: ProbeSpec { timeout: TIMEOUT, ..ProbeSpec::get(format!("http://{name}/{revision}")) },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> Self {
        let now = Timestamp::from_millis(START);
        let mut random = Random::new(seed);
        let intervals = [45, 60, 90];
        let list: Vec<Target> = (0..random.range(20, 60))
            .map(|n| target(&format!("t{n}"), intervals[random.range(0, 3) as usize], 0))
            .collect();
        let vantages: &[&str] = if random.one_in(2) { &["eu"] } else { &["eu", "us"] };
        let mut nodes = Vec::new();
        for vantage in vantages {
            for n in 0..random.range(2, 5) {
                nodes.push(Node {
                    id: format!("{vantage}-{n}"),
                    vantage: (*vantage).to_owned(),
                    core: None,
                    boots: 0,
                    booted: now - Duration::from_secs(random.range(0, 100_000)),
                    link: None,
                    connect_at: now,
                    dead_until: now,
                    cut_until: now,
                    uplink_dead_until: now,
                    paused_until: now,
                    paused_from: None,
                    probes: Vec::new(),
                    streams: 0,
                });
            }
        }
        let snapshot_bytes = random.range(1, 8) << 10;
        let mut world = Self {
            now,
            random,
            faults,
            quiet: false,
            log: Memory::default(),
            archive: Vec::new(),
            appends: VecDeque::new(),
            chores: VecDeque::new(),
            snapshot_bytes,
            position: 0,
            log_stalled_until: now,
            collector: None,
            collector_dead_until: now,
            nodes,
            sessions: 0,
            next_tick: now,
            list,
            seen: Vec::new(),
            acknowledged: BTreeSet::new(),
            sent: BTreeMap::new(),
            story: String::new(),
        };
        world.tell(format!("{} targets, {} agents", world.list.len(), world.nodes.len()));
        world
    }

    fn tell(&mut self, what: String) {
        let at = self.now.millis() - START;
        let _infallible = writeln!(self.story, "{:>8.2}s {what}", at as f64 / 1000.0);
    }

    /// Whether results may have been refused because the list changed.
    pub fn list_changed(&self) -> bool {
        self.faults.change_list
    }

    pub fn story(&self) -> String {
        let lines: Vec<&str> = self.story.lines().collect();
        lines[lines.len().saturating_sub(200)..].join("\n")
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// No more faults; everything comes back, and time passes until nothing can be open for another reason.
    pub fn heal_and_converge(&mut self) {
        self.quiet = true;
        self.run(Duration::from_secs(420));
        self.tell("healed".into());
    }

    fn step(&mut self) {
        self.now = self.now + STEP;
        if !self.quiet {
            self.draw_faults();
        }
        if self.collector.is_none() && self.collector_dead_until <= self.now {
            self.start_collector();
        }
        self.make_durable();
        for n in 0..self.nodes.len() {
            self.step_node(n);
        }
        if self.collector.is_some() && self.next_tick <= self.now {
            self.next_tick = self.now + Duration::from_millis(200);
            self.tell_core(Event::Tick);
        }
    }

    fn draw_faults(&mut self) {
        // About one fault of each kind a minute.
        let each = 1200;
        let n = self.random.range(0, self.nodes.len() as u64) as usize;
        let peace = !self.faults.one_at_a_time || self.had_peace(n);
        if self.faults.kill_agents
            && peace
            && self.random.one_in(each)
            && self.nodes[n].core.is_some()
        {
            let dead = Duration::from_millis(self.random.range(100, 60_000));
            self.tell(format!("kill {} for {dead:?}", self.nodes[n].id));
            self.kill(n, self.now + dead);
        }
        if self.faults.cut_links && peace && self.random.one_in(each) {
            let cut = Duration::from_millis(self.random.range(100, 120_000));
            self.tell(format!("cut {} off for {cut:?}", self.nodes[n].id));
            self.nodes[n].cut_until = self.now + cut;
            self.disconnect(n);
        }
        if self.faults.pause_agents
            && peace
            && self.random.one_in(each)
            && self.nodes[n].paused_until <= self.now
        {
            let pause = Duration::from_millis(self.random.range(1_100, 30_000));
            self.tell(format!("pause {} for {pause:?}", self.nodes[n].id));
            self.nodes[n].paused_until = self.now + pause;
            self.nodes[n].paused_from.get_or_insert(self.now);
        }
        // Every target has been up once before.
        let warm = self.now.millis() - START > 120_000;
        if self.faults.dead_uplinks && warm && peace && self.random.one_in(each) {
            let dead = Duration::from_millis(self.random.range(500, 150_000));
            self.tell(format!("{} reaches nothing for {dead:?}", self.nodes[n].id));
            self.nodes[n].uplink_dead_until = self.now + dead;
        }
        if self.faults.kill_collector && self.random.one_in(each * 2) && self.collector.is_some() {
            let dead = Duration::from_millis(self.random.range(50, 20_000));
            self.tell(format!("kill the collector for {dead:?}"));
            self.collector = None;
            self.collector_dead_until = self.now + dead;
            // What was on its way to the log is gone, or (the answer was lost) it is there.
            let survive = self.random.range(0, self.appends.len() as u64 + 1) as usize;
            for (_, _, record) in self.appends.drain(..survive).collect::<Vec<_>>() {
                self.append(record);
            }
            self.appends.clear();
            let survive = self.random.range(0, self.chores.len() as u64 + 1) as usize;
            for (_, _, chore) in self.chores.drain(..survive).collect::<Vec<_>>() {
                self.do_chore(&chore);
            }
            self.chores.clear();
            for n in 0..self.nodes.len() {
                self.disconnect(n);
            }
        }
        if self.faults.slow_log && self.random.one_in(each) {
            let stall = Duration::from_millis(self.random.range(100, 8_000));
            self.tell(format!("the log stalls for {stall:?}"));
            self.log_stalled_until = self.now + stall;
        }
        if self.faults.change_list && self.random.one_in(each / 2) {
            self.change_list();
        }
    }

    /// Whether every agent of the node's vantage has been well for a minute.
    fn had_peace(&self, n: usize) -> bool {
        let minute = Duration::from_secs(60);
        let well = |node: &Node| {
            let well = node.dead_until.max(node.cut_until).max(node.paused_until);
            well.max(node.uplink_dead_until) + minute < self.now
        };
        self.nodes.iter().filter(|node| node.vantage == self.nodes[n].vantage).all(well)
    }

    fn change_list(&mut self) {
        let index = self.random.range(0, self.list.len() as u64) as usize;
        let kind = self.random.range(0, 5);
        let name = self.list[index].name.clone();
        self.tell(format!("change {kind} of {name}"));
        match kind {
            0 if self.list.len() > 5 => {
                self.list.remove(index);
            }
            1 => {
                let fresh = self.random.range(0, 80);
                let name = format!("t{fresh}");
                if !self.list.iter().any(|target| target.name == name) {
                    self.list.push(target(&name, 60, 0));
                }
            }
            2 => {
                let revision = self.random.next();
                self.list[index].spec = target(&name, 60, revision).spec;
            }
            3 => self.list[index].interval = Duration::from_secs(self.random.range(45, 100)),
            _ => self.list[index].paused = !self.list[index].paused,
        }
        if self.collector.is_some() {
            let list = self.list.clone();
            self.tell_core(Event::Listed(list));
        }
    }

    fn start_collector(&mut self) {
        let now = self.now;
        let clock: collector::hub::Clock = Arc::new(move || now);
        let lead = leader::lead(
            &mut self.log,
            |newest| {
                assert!(newest <= now, "the log is ahead of the clock");
                clock
            },
            KEEP,
            HOUR,
        );
        let leadership = lead.unwrap_or_else(|error| panic!("the log can be read: {error}"));
        self.position = self.log.tail().expect("memory does not fail");
        self.log
            .read_from(self.position - 1, &mut |_, claim| {
                self.archive.push(claim);
                true
            })
            .expect("memory does not fail");
        let config = CoreConfig {
            lease: LEASE,
            vantages: None,
            keep_slots: KEEP,
            keep: KEEP,
            seal: SealPace {
                hour: HOUR,
                revise_every: Duration::from_secs(10),
                snapshot_bytes: self.snapshot_bytes,
            },
            local_agents: Vec::new(),
            watch: collector::incidents::WatchConfig::default(),
        };
        self.tell(format!("the collector leads, epoch {}", leadership.state.epoch));
        let mut core = Core::new(config, leadership.state, now);
        core.stand_on(leadership.standing);
        self.collector = Some(core);
        let list = self.list.clone();
        self.tell_core(Event::Listed(list));
    }

    fn make_durable(&mut self) {
        let mut up_to = None;
        while self.log_stalled_until <= self.now
            && let Some((_, ticket, record)) =
                self.appends.pop_front_if(|(at, _, _)| *at <= self.now)
        {
            self.append(record);
            up_to = Some(ticket);
        }
        while self.log_stalled_until <= self.now
            && let Some((_, number, chore)) = self.chores.pop_front_if(|(at, _, _)| *at <= self.now)
        {
            self.do_chore(&chore);
            self.tell_core(Event::ChoresDone(number));
        }
        if let Some(up_to) = up_to {
            self.tell_core(Event::Durable(up_to));
        }
    }

    fn append(&mut self, record: Bytes) {
        self.log.append(self.position, std::slice::from_ref(&record)).expect("memory works");
        self.position += 1;
        self.archive.push(record);
    }

    fn do_chore(&mut self, chore: &Chore) {
        match chore {
            Chore::Put(key, bytes) => self.log.put_part(key, bytes),
            Chore::Delete(keys) => self.log.delete_parts(keys),
            Chore::Trim(before) => self.log.trim(*before),
        }
        .expect("memory does not fail");
    }

    fn tell_core(&mut self, event: Event) {
        let Some(core) = &mut self.collector else { return };
        let effects = core.apply(self.now, event);
        for effect in effects {
            match effect {
                Effect::Append(ticket, record) => {
                    let at = self.now + Duration::from_millis(self.random.range(1, 120));
                    let at = self.appends.back().map_or(at, |(last, _, _)| at.max(*last));
                    self.appends.push_back((at, ticket, record));
                }
                Effect::Chore(number, chore) => {
                    let at = self.now + Duration::from_millis(self.random.range(1, 400));
                    let at = self.chores.back().map_or(at, |(last, _, _)| at.max(*last));
                    self.chores.push_back((at, number, chore));
                }
                Effect::Send(session, message) => self.send_down(session, message),
                Effect::Answer(..) => unreachable!("nobody asks here"),
                Effect::End(session, end) => {
                    if let Some(n) = self.node_of(session) {
                        self.tell(format!("the collector ends {}: {end:?}", self.nodes[n].id));
                        self.disconnect(n);
                    }
                }
            }
        }
    }

    fn node_of(&self, session: SessionId) -> Option<usize> {
        self.nodes.iter().position(|node| node.link.as_ref().is_some_and(|l| l.session == session))
    }

    fn send_down(&mut self, session: SessionId, message: CollectorMessage) {
        let delay = Duration::from_millis(self.random.range(1, 150));
        let Some(n) = self.node_of(session) else { return };
        let at = self.now + delay;
        let Some(link) = &mut self.nodes[n].link else { return };
        let at = link.down.back().map_or(at, |(last, _)| at.max(*last));
        link.down.push_back((at, message));
    }

    fn disconnect(&mut self, n: usize) {
        let now = self.now;
        let again = Duration::from_millis(self.random.range(50, 5_000));
        let node = &mut self.nodes[n];
        let Some(link) = node.link.take() else { return };
        node.connect_at = now + again;
        let local = local(node, now);
        if let Some(core) = &mut node.core {
            let effects = core.apply(local, AgentEvent::Disconnected(link.stream));
            self.perform(n, effects);
        }
        self.tell_core(Event::Closed(link.session));
    }

    fn kill(&mut self, n: usize, until: Timestamp) {
        self.nodes[n].core = None;
        self.nodes[n].probes.clear();
        self.nodes[n].paused_from = None;
        self.nodes[n].paused_until = self.now;
        self.disconnect(n);
        self.nodes[n].dead_until = until;
    }

    fn step_node(&mut self, n: usize) {
        let now = self.now;
        if self.nodes[n].dead_until > now || self.nodes[n].paused_until > now {
            return;
        }
        if self.nodes[n].core.is_none() {
            self.boot(n);
        }
        if let Some(from) = self.nodes[n].paused_from.take() {
            for probe in &mut self.nodes[n].probes {
                probe.disturbed = true;
            }
            let (from, to) = (local(&self.nodes[n], from), local(&self.nodes[n], now));
            self.tell_agent(n, AgentEvent::Paused { from, to });
        }
        if self.nodes[n].link.is_none()
            && self.nodes[n].connect_at <= now
            && self.nodes[n].cut_until <= now
            && self.collector.is_some()
        {
            self.connect(n);
        }
        self.deliver(n);
        self.end_probes(n);
        self.tell_agent(n, AgentEvent::Tick);
    }

    fn boot(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.boots += 1;
        let config = AgentConfig {
            agent_id: node.id.clone(),
            boot: (n as u64) << 32 | node.boots,
            vantage: node.vantage.clone(),
            zone: format!("zone-{n}"),
            capacity: 1000,
            outbox_bytes: 64 << 20,
            handed_max: 2000,
        };
        node.core = Some(AgentCore::new(config, AdmitAll));
    }

    fn connect(&mut self, n: usize) {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let node = &mut self.nodes[n];
        node.streams += 1;
        let stream = StreamId(node.streams);
        node.link = Some(Link { session, stream, up: VecDeque::new(), down: VecDeque::new() });
        self.tell_agent(n, AgentEvent::Connected(stream));
    }

    fn deliver(&mut self, n: usize) {
        loop {
            let now = self.now;
            let Some(link) = &mut self.nodes[n].link else { return };
            let (session, stream) = (link.session, link.stream);
            if let Some((_, message)) = link.up.pop_front_if(|(at, _)| *at <= now) {
                self.note_results(n, session, &message);
                let event = match message {
                    AgentMessage::Hello(hello) => Event::Hello(session, hello),
                    message => Event::Message(session, message),
                };
                self.tell_core(event);
            } else if let Some((_, message)) = link.down.pop_front_if(|(at, _)| *at <= now) {
                if let CollectorMessage::Ack { seq, .. } = &message {
                    self.note_ack(n, session, *seq);
                }
                self.tell_agent(n, AgentEvent::Received(stream, message));
            } else {
                return;
            }
        }
    }

    fn note_results(&mut self, n: usize, session: SessionId, message: &AgentMessage) {
        let _ = n;
        if let AgentMessage::Results(results) = message {
            let batch = wire::decode_batch(&results.columns).expect("agents send what they may");
            let keys = batch.results.iter().map(|result| (result.uid, result.planned)).collect();
            self.sent.insert((session, results.seq), keys);
        }
    }

    /// Whatever an agent was told to be acknowledged must be in the log for ever (or refused, which only a list that
    /// changes can bring about).
    fn note_ack(&mut self, n: usize, session: SessionId, seq: u64) {
        let vantage = self.nodes[n].vantage.clone();
        let later = self.sent.split_off(&(session, seq + 1));
        let done = std::mem::replace(&mut self.sent, later);
        for ((of, seq), keys) in done {
            if of == session {
                let keys = keys.into_iter().map(|(uid, planned)| (uid, vantage.clone(), planned));
                self.acknowledged.extend(keys);
            } else {
                self.sent.insert((of, seq), keys);
            }
        }
    }

    fn end_probes(&mut self, n: usize) {
        let now = self.now;
        let probes = std::mem::take(&mut self.nodes[n].probes);
        let (ended, running): (Vec<Probe>, Vec<Probe>) =
            probes.into_iter().partition(|probe| probe.ends <= now);
        self.nodes[n].probes = running;
        for probe in ended {
            self.seen.push(Seen {
                uid: probe.uid,
                vantage: self.nodes[n].vantage.clone(),
                planned: probe.planned,
                outcome: probe.outcome,
                disturbed: probe.disturbed || probe.dead,
            });
            let attempt = if probe.disturbed {
                Attempt::Paused
            } else {
                Attempt::Found {
                    started: local(&self.nodes[n], probe.begun),
                    outcome: probe.outcome,
                    phases: Phases::default(),
                    body_bytes: 0,
                    note: Box::default(),
                }
            };
            self.tell_agent(n, AgentEvent::Ended { ticket: probe.ticket, attempt });
        }
    }

    fn tell_agent(&mut self, n: usize, event: AgentEvent) {
        let node = &mut self.nodes[n];
        let at = local(node, self.now);
        let Some(core) = &mut node.core else { return };
        let effects = core.apply(at, event);
        self.perform(n, effects);
    }

    fn perform(&mut self, n: usize, effects: Vec<AgentEffect<Arc<ProbeSpec>>>) {
        for effect in effects {
            match effect {
                AgentEffect::Start(start) => {
                    let at = local(&self.nodes[n], self.now);
                    self.tell_agent(n, AgentEvent::Started { ticket: start.ticket, at });
                    let dead = self.nodes[n].uplink_dead_until > self.now;
                    let outcome = match dead {
                        true => self.unreachable(),
                        false => self.truth(start.uid, start.planned),
                    };
                    let takes = match outcome {
                        Outcome::Failed(Failure::Timeout) => TIMEOUT,
                        _ => Duration::from_millis(self.random.range(5, 900)),
                    };
                    self.nodes[n].probes.push(Probe {
                        ticket: start.ticket,
                        uid: start.uid,
                        planned: start.planned,
                        begun: self.now,
                        ends: self.now + takes,
                        outcome,
                        disturbed: false,
                        dead,
                    });
                }
                AgentEffect::Send(stream, message) => {
                    let delay = Duration::from_millis(self.random.range(1, 150));
                    let at = self.now + delay;
                    if let Some(link) = &mut self.nodes[n].link
                        && link.stream == stream
                    {
                        let at = link.up.back().map_or(at, |(last, _)| at.max(*last));
                        link.up.push_back((at, message));
                    }
                }
                AgentEffect::Disconnect { stream, cause, .. } => {
                    if self.nodes[n].link.as_ref().is_some_and(|link| link.stream == stream) {
                        self.tell(format!("{} disconnects: {cause}", self.nodes[n].id));
                        self.disconnect(n);
                    }
                }
                AgentEffect::Tune(settings) => {
                    let applied = SettingsApplied {
                        version: settings.version,
                        capacity: settings.concurrency.unwrap_or(1000),
                        problem: None,
                    };
                    self.tell_agent(n, AgentEvent::Tuned(applied));
                }
                AgentEffect::StopStarting | AgentEffect::Drained => {}
            }
        }
    }

    /// What an agent finds that reaches nothing.
    fn unreachable(&mut self) -> Outcome {
        let kinds = [Failure::Dns, Failure::Connect, Failure::Timeout];
        Outcome::Failed(kinds[self.random.range(0, 3) as usize])
    }

    /// What a probe of this slot finds, whoever runs it: a function of target and slot, so that the oracle knows it too.
    pub fn truth(&self, uid: Uid, planned: Timestamp) -> Outcome {
        match self.faults.dead_uplinks {
            true => Outcome::Answered { status: 200, unexpected: None },
            false => truth(uid, planned),
        }
    }

    pub fn counters(&self) -> &Counters {
        self.collector.as_ref().expect("the collector lives").counters()
    }
}

fn truth(uid: Uid, planned: Timestamp) -> Outcome {
    match Random::new(uid.0 ^ planned.millis() as u64).range(0, 20) {
        0 => Outcome::Failed(Failure::Timeout),
        1 => Outcome::Failed(Failure::Connect),
        2 => Outcome::Answered { status: 503, unexpected: Some(proto::Unexpected::Status) },
        _ => Outcome::Answered { status: 200, unexpected: None },
    }
}

fn local(node: &Node, at: Timestamp) -> LocalMicros {
    LocalMicros(u64::try_from(at.since(node.booted).as_micros()).expect("a short run"))
}
