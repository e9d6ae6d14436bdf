//! The collector's decisions: events and the time come in, effects go out. Nothing here waits or reads a clock.
//!
//! The core owns the [`State`] (what the log says) and the [`Fleet`] (who is there). Every change of the state is first an
//! [`Effect::Append`], and is taken when that append is durable. Upkeep follows every event, so no path can forget it.
//! Start at [`Core::apply`].

mod asks;
mod assign;
mod blind;
mod certificates;
mod confirm;
mod counters;
mod follow;
mod incidents;
mod ingest;
mod listing;
mod maintenance;
mod notices;
mod seal;
mod sessions;
mod settle;
mod suspect;
mod tuning;
mod upkeep;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use proto::{
    AgentMessage, Batch, CollectorMessage, Hello, Kind, Record, SHARDS, Timestamp, WINDOW_MAX, wire,
};
use rustc_hash::FxHashMap;

use crate::agent_settings::AgentSettings;
use crate::fleet::{AgentIdx, Fleet, SessionId, Spans};
use crate::incidents::WatchConfig;
use crate::maintenance::Maintenance;
use crate::state::{Change, State, TargetIdx, VantageIdx};
use crate::store::writer::Chore;
use crate::target_file::Target;

pub use asks::{Answer, AskId, Asked, AskedAt};
pub use blind::StoreTrouble;
use confirm::Confirming;
pub use counters::Counters;
pub use notices::{FleetChange, Notice, SuspicionChange};
use seal::{Replacing, Sealing};
pub use seal::{SealPace, Standing};
pub use tuning::{BEHIND_MAX, Progress, Tuning};

/// What the core is told to do.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// How long a silent agent keeps its shards.
    pub lease: Duration,
    /// The vantages there are; without it, those seen in the last 24 hours.
    pub vantages: Option<Vec<String>>,
    /// How long single slots are kept.
    pub keep_slots: Duration,
    /// How long hours are kept.
    pub keep: Duration,
    /// When finished hours are written.
    pub seal: SealPace,
    /// The ids of the agents inside this process: after a restart nobody waits for them.
    pub local_agents: Vec<String>,
    /// When incidents are opened.
    pub watch: WatchConfig,
}

/// The vantage that stands in while no agent was ever seen.
pub const DEFAULT_VANTAGE: &str = "default";
/// Vantages that a log may know: a place is a region or a site, and each costs some 100 KiB.
pub const VANTAGES_MAX: usize = 256;
/// The most bytes on their way into the log, as they are encoded; decoded, results take three times as much, and
/// some ten times where all have notes. An agent that brings more is sent away: it keeps what it has.
pub const APPENDING_BYTES_MAX: usize = 64 << 20;
/// The most encoded result bytes that one agent may have on their way.
pub const UNACKED_BYTES_MAX: u64 = 4 << 20;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// An agent opened a stream and said who it is.
    Hello(SessionId, Hello),
    /// It said something else.
    Message(SessionId, AgentMessage),
    /// The stream ended.
    Closed(SessionId),
    /// Every append up to this ticket is durable.
    Durable(u64),
    /// The target file was read: this is all of it.
    Listed(Vec<Target>),
    /// A fifth of a second has passed.
    Tick,
    /// The collector stops.
    Drain,
    /// Every chore up to this number is done.
    ChoresDone(u64),
    /// The file of agent settings was read; or why it cannot be used.
    Settings(Result<AgentSettings, String>),
    /// Somebody wants to know what every vantage of the target of this name finds now.
    Ask(AskId, String),
    /// The file of maintenance windows was read.
    Maintenance(Maintenance),
    /// A receiver of messages has taken all up to a number: a hash of its address, and the number.
    Told(u64, u64),
}

/// What is to be done about it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every effect is a message")]
pub enum Effect {
    /// Say this to an agent.
    Send(SessionId, CollectorMessage),
    /// End a stream.
    End(SessionId, SessionEnd),
    /// Make this record durable; tickets rise by one.
    Append(u64, Bytes),
    /// Do this beside the log; numbers rise by one.
    Chore(u64, Chore),
    /// This came of a question.
    Answer(AskId, Asked),
}

/// Why the collector ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The same agent speaks on a newer one.
    Replaced,
    /// Another process with this id is alive.
    IdInUse(String),
    /// The agent follows a newer collector.
    OldLeader,
    /// The agent broke the protocol.
    Protocol(String),
    /// Nothing was heard from the agent for a lease.
    Silent,
    /// The log is behind: the agent keeps what it has and comes back.
    LogBehind,
    /// The vantage would be one too many.
    Vantages,
    /// The collector stops.
    Stopping,
}

/// The key of a slot, inside this process.
type Slot = (VantageIdx, TargetIdx, Timestamp);

/// A slot that the sweep sent to an agent.
#[derive(Debug)]
struct Running {
    agent: AgentIdx,
    /// It is sent again after this.
    until: Timestamp,
}

/// An append that is not durable yet.
#[derive(Debug)]
struct Appending {
    ticket: u64,
    record: Record,
    /// What its columns hold, where that is known already.
    found: Option<Batch>,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    config: CoreConfig,
    state: State,
    fleet: Fleet,
    counters: Counters,
    effects: Vec<Effect>,
    /// Appends that are not durable yet, in order.
    appending: VecDeque<Appending>,
    next_ticket: u64,
    /// A listing that waits until the one before it is durable.
    listing: Option<Vec<Target>>,
    listing_in_log: bool,
    /// Listings that were taken in, ever.
    listings: u64,
    /// Vantages with a change on its way into the log.
    vantages_in_log: Vec<String>,
    /// The vantages that listed targets name.
    named: BTreeSet<String>,
    /// Somebody may be owed an Assign, or have been given the last one: every agent is looked at, which a result is not worth.
    assigns_due: bool,
    /// Which vantages there are, or who is there, may have changed.
    vantages_changed: bool,
    /// The targets of each shard, the same at every vantage.
    members: Vec<Vec<TargetIdx>>,
    /// When to look at a series next, by vantage and target.
    looks: Vec<Vec<Timestamp>>,
    /// Where each vantage's next tick begins to look.
    look_next: Vec<usize>,
    running: FxHashMap<Slot, Running>,
    /// Second attempts that were asked for.
    confirming: FxHashMap<Slot, Confirming>,
    /// Slots that want one; or whose failure is confirmed, so that every vantage is to be asked.
    doubtful: Vec<(Slot, bool)>,
    /// Encoded bytes of `appending`.
    appending_bytes: usize,
    /// When this collector led in name only: the log took nothing for long, or this process stood still for as long.
    absences: Spans,
    /// When this process stood still or was too busy to see the time, however shortly.
    standstills: Spans,
    /// The time was seen at least once.
    ticked: bool,
    /// Nothing is judged before this: after a stand-still of ours agents have yet to say what became of their slots.
    judges_from: Timestamp,
    /// Records of judgements that are on their way into the log.
    judgements_in_log: usize,
    /// Found while looking, not logged yet.
    judgements: Vec<proto::MissedRange>,
    /// Shards are not given out before this: their holders may come back.
    hold_until: Timestamp,
    awaited: Vec<String>,
    tuning: Tuning,
    /// Probes that somebody waits for.
    asks: asks::Asks,
    /// What is to be told.
    notices: Vec<Notice>,
    stopping: bool,
    last_tick: Timestamp,
    last_forget: Timestamp,
    sealing: Sealing,
    replacing: Replacing,
    watch: incidents::Watch,
    windows: maintenance::Windows,
}

impl Core {
    /// A leader over what the log says; `state` holds its own claim.
    pub fn new(config: CoreConfig, state: State, now: Timestamp) -> Self {
        let mut core = Self {
            hold_until: now + config.lease,
            watch: incidents::Watch::new(now, config.watch.round),
            awaited: Vec::new(),
            tuning: Tuning::default(),
            config,
            fleet: Fleet::default(),
            counters: Counters::default(),
            effects: Vec::new(),
            appending: VecDeque::new(),
            next_ticket: 1,
            listing: None,
            listing_in_log: false,
            listings: 0,
            vantages_in_log: Vec::new(),
            named: BTreeSet::new(),
            assigns_due: true,
            vantages_changed: true,
            members: vec![Vec::new(); SHARDS],
            looks: Vec::new(),
            look_next: Vec::new(),
            running: FxHashMap::default(),
            confirming: FxHashMap::default(),
            doubtful: Vec::new(),
            appending_bytes: 0,
            absences: Spans::default(),
            standstills: Spans::default(),
            ticked: false,
            judges_from: now,
            judgements_in_log: 0,
            judgements: Vec::new(),
            asks: asks::Asks::default(),
            notices: Vec::new(),
            stopping: false,
            last_tick: now,
            last_forget: now,
            sealing: Sealing::default(),
            replacing: Replacing::default(),
            windows: maintenance::Windows::default(),
            state,
        };
        core.await_known_agents();
        let known: Vec<TargetIdx> = core.state.targets().map(|(idx, _)| idx).collect();
        core.note_targets(&known, now);
        for target in known {
            core.state.renew_verdict(target, now);
        }
        core.collect_named_vantages();
        core.count_targets();
        core
    }

    /// After a restart the agents that reported lately still hold their shards: nothing is given out before they are
    /// back, or their lease has passed. Within the longest window whoever holds a target has had one to report (and some time to
    /// deliver it), but for targets that are probed less often than any window is long. Lately is before the newest report, since a
    /// collector may have led before this one and heard of nobody.
    fn await_known_agents(&mut self) {
        let local = &self.config.local_agents;
        let probed = self.state.targets().filter(|(_, t)| t.listed && !t.entry.paused);
        let intervals = probed.map(|(_, target)| target.entry.interval);
        let window = intervals.max().unwrap_or_default().min(WINDOW_MAX);
        let lately = self.state.reporters_within(window + self.config.lease * 2);
        let mut awaited: Vec<String> =
            lately.filter(|id| !local.iter().any(|l| l == id)).map(str::to_owned).collect();
        awaited.sort_unstable();
        awaited.dedup();
        self.awaited = awaited;
    }

    /// Whether shards must not be given out yet.
    fn holds(&self, now: Timestamp) -> bool {
        !self.awaited.is_empty() && now < self.hold_until
    }

    /// Takes one event. Any event is legal at any time: the network may deliver anything, twice.
    pub fn apply(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        match event {
            Event::Hello(session, hello) => self.hello(now, session, hello),
            Event::Message(session, message) => self.message(now, session, message),
            Event::Closed(session) => self.closed(now, session),
            Event::Durable(up_to) => self.durable(now, up_to),
            Event::Listed(targets) => {
                self.listing = Some(targets);
                self.listings += 1;
            }
            Event::Tick => self.tick(now),
            Event::Drain => self.drain(now),
            Event::ChoresDone(up_to) => self.chores_done(now, up_to),
            Event::Settings(read) => self.settings(now, read),
            Event::Ask(ask, name) => self.ask(now, ask, &name),
            Event::Maintenance(file) => self.maintenance(file),
            Event::Told(sink, up_to) => self.told(now, sink, up_to),
        }
        self.confirm(now);
        self.list(now);
        if std::mem::take(&mut self.assigns_due) {
            self.send_assigns(now);
            self.note_progress(now);
        }
        std::mem::take(&mut self.effects)
    }

    /// What the log says.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Who is there.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How the core was set up.
    pub fn config(&self) -> &CoreConfig {
        &self.config
    }

    /// How many listings are in force: every one that was taken in, or none where the newest is on its way into the log.
    pub fn listings_in_force(&self) -> Option<u64> {
        (self.listing.is_none() && !self.listing_in_log).then_some(self.listings)
    }

    /// How many appends are not durable yet.
    pub fn appends_waiting(&self) -> usize {
        self.appending.len()
    }

    /// Encoded bytes of those.
    pub fn appending_bytes(&self) -> usize {
        self.appending_bytes
    }

    /// Shards that agents hold, and shards of which an agent has yet to hear.
    pub fn shards(&self) -> (usize, usize) {
        let agents = self.fleet.agents();
        let held = agents.iter().map(|(_, agent)| agent.applied.len()).sum();
        (held, agents.iter().map(|(_, agent)| agent.dirty.len()).sum())
    }

    fn send(&mut self, session: SessionId, message: CollectorMessage) {
        self.effects.push(Effect::Send(session, message));
    }

    /// Sends a record to the log; it is in force once that reports it durable.
    fn append(&mut self, now: Timestamp, kind: Kind) -> u64 {
        self.append_decoded(now, kind, None)
    }

    /// The same with what the record's columns hold, so that they need not be decoded again.
    fn append_decoded(&mut self, now: Timestamp, kind: Kind, found: Option<Batch>) -> u64 {
        let record = Record { at: now, kind };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let encoded = wire::encode_record(record.clone());
        let bytes = encoded.len();
        self.appending_bytes += bytes;
        self.note_log_bytes(bytes);
        self.effects.push(Effect::Append(ticket, encoded));
        self.appending.push_back(Appending { ticket, record, found, bytes });
        ticket
    }

    fn durable(&mut self, now: Timestamp, up_to: u64) {
        while let Some(done) = self.appending.pop_front_if(|first| first.ticket <= up_to) {
            let Appending { ticket: _, record, found, bytes } = done;
            self.appending_bytes -= bytes;
            let at = record.at;
            match &record.kind {
                Kind::Catalog { .. } => self.listing_in_log = false,
                Kind::Vantage { name, .. } => self.vantages_in_log.retain(|known| known != name),
                Kind::Results(batch) if batch.agent_id.is_empty() => self.judged(batch),
                Kind::Hour(manifest) => {
                    self.notice_revision(manifest);
                    self.sealed(None);
                }
                Kind::Snapshot(snapshot) => self.sealed(Some(snapshot.position)),
                Kind::Incidents(_) => self.watch.logged(),
                Kind::Maintenance { .. } => self.windows.logged(),
                Kind::Claim { .. } | Kind::Results(_) | Kind::Suspicion(_) | Kind::Told { .. } => {}
            }
            let change = match found {
                Some(found) => self.state.apply_decoded(record, &found),
                None => self.state.apply(record),
            };
            let change = change.expect("a record made here can be applied");
            self.changed(now, at, change);
        }
        self.acknowledge(up_to);
    }

    /// Follows up on what a record changed.
    fn changed(&mut self, now: Timestamp, at: Timestamp, change: Change) {
        match change {
            Change::Claimed | Change::Hour(_) | Change::Snapshot | Change::Incidents => {}
            Change::Maintenance(targets) => self.watch.touch(&targets),
            Change::Targets(targets) => {
                self.watch.touch(&targets);
                self.windows.targets_changed();
                self.note_targets(&targets, now);
                for target in targets {
                    self.state.renew_verdict(target, now);
                }
                self.collect_named_vantages();
                self.count_targets();
                self.replan_all(now);
            }
            Change::Seen(vantage) => {
                self.vantages_changed = true;
                self.assigns_due = true;
                self.adopt_waiting(now, vantage);
                self.replan(now, vantage);
            }
            Change::Vantage(vantage) => {
                self.vantages_changed = true;
                let all: Vec<TargetIdx> = self.state.targets().map(|(idx, _)| idx).collect();
                self.note_targets(&all, now);
                self.watch.touch(&all);
                for target in all {
                    self.state.renew_verdict(target, now);
                }
                self.adopt_waiting(now, vantage);
                self.replan(now, vantage);
            }
            Change::Values(vantage, slots) => {
                for (target, planned) in slots {
                    self.watch.touch(&[target]);
                    self.ended(vantage, target, planned);
                    self.look_now(vantage, target, now);
                    if self.state.renew_verdict(target, at.max(self.last_tick)) {
                        self.counters.verdict_changes += 1;
                    }
                    self.doubt(vantage, target, planned);
                }
            }
        }
    }

    /// Targets are new or changed: they have a place in their shard, and every vantage looks at them.
    fn note_targets(&mut self, targets: &[TargetIdx], now: Timestamp) {
        self.fleet.forget_weights();
        let mut shards = BTreeSet::new();
        for target in targets {
            let shard = self.state.target(*target).shard;
            let members = &mut self.members[shard.index()];
            if let Err(place) = members.binary_search(target) {
                members.insert(place, *target);
            }
            shards.insert(shard);
        }
        for (_, agent) in self.fleet.agents_mut() {
            agent.dirty.extend(&shards);
        }
        self.assigns_due = true;
        let vantages: Vec<VantageIdx> = self.state.vantages().map(|(idx, _)| idx).collect();
        for vantage in vantages {
            for target in targets {
                self.look_now(vantage, *target, now);
            }
        }
    }

    /// A slot that the sweep sent has come back.
    fn ended(&mut self, vantage: VantageIdx, target: TargetIdx, planned: Timestamp) {
        let Some(running) = self.running.remove(&(vantage, target, planned)) else { return };
        if let Some(agent) = self.fleet.agent_mut(running.agent) {
            agent.running = agent.running.saturating_sub(1);
        }
    }

    fn look_now(&mut self, vantage: VantageIdx, target: TargetIdx, now: Timestamp) {
        if self.looks.len() <= vantage.index() {
            self.looks.resize_with(vantage.index() + 1, Vec::new);
        }
        let looks = &mut self.looks[vantage.index()];
        if looks.len() <= target.index() {
            looks.resize(target.index() + 1, Timestamp::MAX);
        }
        let look = &mut looks[target.index()];
        *look = (*look).min(now);
    }

    fn drain(&mut self, now: Timestamp) {
        self.stopping = true;
        let sessions: Vec<SessionId> =
            self.fleet.agents().iter().filter_map(|(_, agent)| agent.session).collect();
        for session in sessions {
            let cause = "the collector stops".to_owned();
            self.send(session, CollectorMessage::GoAway { after: Duration::from_secs(1), cause });
            self.effects.push(Effect::End(session, SessionEnd::Stopping));
            self.closed(now, session);
        }
    }
}
