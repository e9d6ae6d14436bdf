//! A small world in which targets fail and return, with agents that probe it as they are told, and everything that is told of
//! it. Time is given; the log is kept, so that a collector can be killed and started again over it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use collector::core::{Core, CoreConfig, Effect, Event, SealPace};
use collector::fleet::SessionId;
use collector::incidents::WatchConfig;
use collector::maintenance::Maintenance;
use collector::state::{State, TargetIdx};
use collector::target_file::Target;
use collector::view::incidents::event;
use proto::{
    AgentMessage, Applied, Batch, Beat, CollectorMessage, Failure, Hello, Kind, Note, Outcome,
    Phases, ProbeResult, ProbeSpec, Record, ResultsMessage, Timestamp, Uid, wire,
};

const LOG: u64 = 5 << 32;

/// A target at an address of its own, or of others too.
pub(crate) fn target(n: usize, address: &str, seconds: u64) -> (Target, SocketAddr) {
    let target = Target {
        name: format!("t{n}"),
        interval: Duration::from_secs(seconds),
        spec: ProbeSpec {
            timeout: Duration::from_secs(3),
            ..ProbeSpec::get(format!("http://t{n}.test/"))
        },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    };
    (target, format!("{address}:80").parse().expect("an address"))
}

struct Actor {
    id: &'static str,
    vantage: &'static str,
    zone: &'static str,
    session: SessionId,
    seq: u64,
    /// Its process runs, and its stream is open.
    online: bool,
    /// It reaches what it probes.
    sees: bool,
    /// What it was asked to run, beside its schedule.
    runs: Vec<(Uid, u32, Timestamp)>,
    /// When what is due next.
    next: BTreeSet<(Timestamp, TargetIdx)>,
}

pub(crate) struct Tale {
    pub(crate) core: Core,
    pub(crate) now: Timestamp,
    begin: Timestamp,
    config: CoreConfig,
    log: Vec<Bytes>,
    actors: Vec<Actor>,
    list: Vec<Target>,
    windows: Maintenance,
    addresses: BTreeMap<Uid, SocketAddr>,
    /// What does not answer.
    pub(crate) down: BTreeSet<Uid>,
    sessions: u64,
    told: u64,
    /// Every message: when (in seconds), what, and the title.
    pub(crate) messages: Vec<(u64, &'static str, String)>,
    /// Results come so many seconds late at most, in another order, by this seed.
    pub(crate) disorder: Option<u64>,
    late: Vec<(u64, usize, ProbeResult)>,
}

impl Tale {
    pub(crate) fn new(targets: Vec<(Target, SocketAddr)>, vantages: &[&str], round: u64) -> Self {
        let begin = Timestamp::from_millis(1_790_000_000_000).floor(Duration::from_secs(round));
        let mut state = State::default();
        let claim = Record { at: begin, kind: Kind::Claim { epoch: 1, log: LOG } };
        let log = vec![wire::encode_record(claim.clone())];
        state.apply(claim).expect("a claim has nothing to decode");
        let config = CoreConfig {
            lease: Duration::from_secs(20),
            vantages: Some(vantages.iter().map(|name| (*name).to_owned()).collect()),
            keep_slots: Duration::from_secs(48 * 3600),
            keep: Duration::from_secs(90 * 24 * 3600),
            seal: SealPace::default(),
            local_agents: Vec::new(),
            watch: WatchConfig { round: Duration::from_secs(round), ..WatchConfig::default() },
        };
        let (list, addresses): (Vec<Target>, Vec<SocketAddr>) = targets.into_iter().unzip();
        let addresses = (1..).map(Uid).zip(addresses).collect();
        let core = Core::new(config.clone(), state, begin);
        let mut tale = Self {
            core,
            now: begin,
            begin,
            config,
            log,
            actors: Vec::new(),
            list,
            windows: Maintenance::default(),
            addresses,
            down: BTreeSet::new(),
            sessions: 0,
            told: 0,
            messages: Vec::new(),
            disorder: None,
            late: Vec::new(),
        };
        tale.tell(Event::Listed(tale.list.clone()));
        tale
    }

    pub(crate) fn agent(&mut self, id: &'static str, vantage: &'static str, zone: &'static str) {
        let session = SessionId(0);
        let (runs, next) = (Vec::new(), BTreeSet::new());
        let (seq, online, sees) = (0, false, true);
        self.actors.push(Actor { id, vantage, zone, session, seq, online, sees, runs, next });
        self.connect(self.actors.len() - 1);
    }

    fn connect(&mut self, index: usize) {
        self.sessions += 1;
        let actor = &mut self.actors[index];
        actor.session = SessionId(self.sessions);
        (actor.seq, actor.online) = (0, true);
        let hello = Hello {
            agent_id: actor.id.into(),
            boot: 1,
            vantage: actor.vantage.into(),
            zone: actor.zone.into(),
            capacity: 2000,
            version: "1".into(),
            protocol: proto::PROTOCOL,
            epoch_seen: 0,
            held: Vec::new(),
            sent_us: 0,
            log_seen: LOG,
            takes_settings: true,
            takes_parts: true,
        };
        let session = actor.session;
        self.tell(Event::Hello(session, hello));
    }

    fn actor(&mut self, id: &str) -> usize {
        self.actors.iter().position(|actor| actor.id == id).expect("there is one")
    }

    /// What this agent reaches, from now on.
    pub(crate) fn sees(&mut self, id: &str, sees: bool) {
        let index = self.actor(id);
        self.actors[index].sees = sees;
    }

    /// The agent's process dies.
    pub(crate) fn lose(&mut self, id: &str) {
        let index = self.actor(id);
        self.actors[index].online = false;
        let session = self.actors[index].session;
        self.tell(Event::Closed(session));
    }

    pub(crate) fn reconnect(&mut self, id: &str) {
        let index = self.actor(id);
        self.connect(index);
    }

    /// The collector is killed, and another starts over its log.
    pub(crate) fn kill(&mut self) {
        let mut state = State::default();
        for bytes in &self.log {
            let record = wire::decode_record(bytes.clone()).expect("our own");
            state.replay(record).expect("our own");
        }
        let kind = Kind::Claim { epoch: self.log.len() as u64 + 1, log: LOG };
        let claim = Record { at: self.now, kind };
        self.log.push(wire::encode_record(claim.clone()));
        state.replay(claim).expect("a claim has nothing to decode");
        self.core = Core::new(self.config.clone(), state, self.now);
        self.tell(Event::Listed(self.list.clone()));
        self.tell(Event::Maintenance(self.windows.clone()));
        for index in 0..self.actors.len() {
            if self.actors[index].online {
                self.connect(index);
            }
        }
    }

    /// The file of maintenance windows changes.
    pub(crate) fn maintain(&mut self, text: &str) {
        let windows = Maintenance::parse(text, "m.toml").expect("windows");
        self.tell(Event::Maintenance(windows.clone()));
        self.windows = windows;
    }

    /// The target file changes.
    pub(crate) fn relist(&mut self, change: impl FnOnce(&mut Vec<Target>)) {
        change(&mut self.list);
        self.tell(Event::Listed(self.list.clone()));
    }

    fn tell(&mut self, event: Event) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.core.apply(self.now, event) {
                match effect {
                    Effect::Append(ticket, bytes) => {
                        self.log.push(bytes);
                        events.push_back(Event::Durable(ticket));
                    }
                    Effect::Chore(number, _) => events.push_back(Event::ChoresDone(number)),
                    Effect::Send(session, message) => {
                        events.extend(self.hear(session, message));
                    }
                    Effect::End(..) | Effect::Answer(..) => {}
                }
            }
        }
    }

    fn hear(&mut self, session: SessionId, message: CollectorMessage) -> Option<Event> {
        let actor = self.actors.iter_mut().find(|actor| actor.session == session)?;
        match message {
            CollectorMessage::Run(orders) => {
                for order in orders {
                    let (uid, revision) = (order.target.uid, order.target.revision);
                    actor.runs.extend(order.slots.iter().map(|slot| (uid, revision, slot.0)));
                }
                None
            }
            CollectorMessage::Assign(assign) => {
                let applied = Applied { version: assign.version, refused: Vec::new() };
                Some(Event::Message(session, AgentMessage::Applied(applied)))
            }
            _ => None,
        }
    }

    /// Lets seconds pass, in which agents probe what they hold.
    pub(crate) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.tell(Event::Tick);
            for index in 0..self.actors.len() {
                self.probe(index);
            }
            self.note_messages();
        }
    }

    /// All the clocks are set forward; nothing was probed meanwhile.
    pub(crate) fn jump(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        for actor in &mut self.actors {
            actor.next.clear();
            actor.runs.clear();
        }
    }

    fn probe(&mut self, index: usize) {
        if !self.actors[index].online {
            return;
        }
        let mut results = Vec::new();
        let runs = std::mem::take(&mut self.actors[index].runs);
        let slots = self.scheduled(index).into_iter().chain(runs);
        for (uid, revision, planned) in slots.collect::<Vec<_>>() {
            results.push(self.result(index, uid, revision, planned));
        }
        let second = self.now.since(self.begin).as_secs();
        if let Some(seed) = &mut self.disorder {
            for result in results.drain(..) {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                self.late.push((second + (*seed >> 33) % 4, index, result));
            }
            self.late.sort_by_key(|(due, _, result)| (*due, result.uid.0.wrapping_mul(*seed | 1)));
            let due = self.late.extract_if(.., |(due, of, _)| *of == index && *due <= second);
            results.extend(due.map(|(_, _, result)| result));
        }
        let actor = &mut self.actors[index];
        actor.seq += 1;
        let watermark =
            if self.disorder.is_some() { self.now - Duration::from_secs(5) } else { self.now };
        let message = ResultsMessage {
            seq: actor.seq,
            watermark,
            columns: wire::encode_batch(&Batch { results, missed: Vec::new() }),
            clock_error: Duration::ZERO,
        };
        let session = actor.session;
        self.tell(Event::Message(session, AgentMessage::Results(message)));
        self.tell(Event::Message(session, AgentMessage::Beat(Beat::default())));
    }

    /// The slots of what it holds that have come due since it looked last.
    fn scheduled(&mut self, index: usize) -> Vec<(Uid, u32, Timestamp)> {
        let state = self.core.state();
        let actor = &mut self.actors[index];
        let Some(vantage) = state.vantage_idx(actor.vantage) else { return Vec::new() };
        let Some(place) = self.core.fleet().place(vantage) else { return Vec::new() };
        if actor.next.is_empty() {
            let all = state.targets().filter_map(|(idx, _)| {
                let (planned, _) = state.series(vantage, idx)?.next(self.now)?;
                Some((planned, idx))
            });
            actor.next = all.collect();
        }
        let mut due = Vec::new();
        while let Some((planned, idx)) = actor.next.pop_first() {
            if planned > self.now {
                actor.next.insert((planned, idx));
                break;
            }
            let Some(series) = state.series(vantage, idx) else { continue };
            if let Some((later, _)) = series.next(planned + Duration::from_millis(1)) {
                actor.next.insert((later, idx));
            }
            let target = state.target(idx);
            let owner = place.claims.owner(target.shard).and_then(|o| self.core.fleet().agent(o));
            let mine = owner.is_some_and(|owner| owner.id == actor.id);
            let stretch = series.stretch_of(planned);
            if mine && stretch.is_some_and(|stretch| !stretch.is_first_pass(planned)) {
                due.push((target.uid, target.entry.revision, planned));
            }
        }
        due
    }

    fn result(&self, index: usize, uid: Uid, revision: u32, planned: Timestamp) -> ProbeResult {
        let address = self.addresses[&uid];
        let sees = self.actors[index].sees;
        let (outcome, remote, cause) = if !sees {
            (Outcome::Failed(Failure::Timeout), Some(address), "no answer in time")
        } else if self.down.contains(&uid) {
            (Outcome::Failed(Failure::Connect), Some(address), "connection refused")
        } else {
            (Outcome::Answered { status: 200, unexpected: None }, Some(address), "")
        };
        let note = Note { remote_address: remote, cause: cause.into(), ..Note::default() };
        ProbeResult {
            uid,
            revision,
            planned,
            start_delay_ms: i32::try_from(self.now.since(planned).as_millis()).unwrap_or(i32::MAX),
            outcome,
            phases: Phases::default(),
            body_bytes: 0,
            note: Some(Box::new(note)),
        }
    }

    fn note_messages(&mut self) {
        let state = self.core.state();
        let all = &state.incidents.messages;
        for message in all.after(self.told) {
            let told = event(state, message, 0).expect("it is kept");
            let second = message.at.since(self.begin).as_secs();
            self.messages.push((second, told.change, told.incident.title));
        }
        self.told = all.count();
    }

    /// What was told, without the times.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.messages.iter().map(|(_, kind, _)| *kind).collect()
    }
}
