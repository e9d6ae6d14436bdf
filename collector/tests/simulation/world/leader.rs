//! The collector: it begins by claiming the log, works, stands still, and dies between any two steps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use collector::core::{Core, CoreConfig, Effect, Event, SealPace};
use collector::hub::Clock;
use collector::incidents::{self, WatchConfig};
use collector::leader::{self, Found};
use collector::store::Store;
use proto::{CollectorMessage, Kind, Record, Timestamp, wire};

use crate::mutants::Mutant;

use super::books::Who;
use super::faults::Kind as Fault;
use super::{KEEP, LEASE, World};

/// The log's name: chance would name it otherwise in every run.
const LOG: u64 = 0x5eed;

/// The collector's process, or what is left of it.
pub struct Leader {
    pub core: Option<Core>,
    /// Its clock is the world's plus this many milliseconds, …
    pub ahead_ms: i64,
    /// … and was so from each of these instants of the world's on.
    clocks: Vec<(Timestamp, i64)>,
    /// So is the wall clock of its machine: that is read when it starts.
    pub wall_ms: i64,
    pub dead_until: Timestamp,
    pub paused_until: Timestamp,
    /// What waits while it stands still.
    inbox: VecDeque<Event>,
    next_tick: Timestamp,
    /// It dies for so long when so many more effects were carried out.
    pub fuse: Option<(u64, Duration)>,
}

impl Leader {
    pub fn new(now: Timestamp) -> Self {
        Self {
            core: None,
            ahead_ms: 0,
            clocks: Vec::new(),
            wall_ms: 0,
            dead_until: now,
            paused_until: now,
            inbox: VecDeque::new(),
            next_tick: now,
            fuse: None,
        }
    }

    /// Whether a new stream finds somebody.
    pub fn answers(&self, now: Timestamp) -> bool {
        self.core.is_some() && self.paused_until <= now
    }

    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        match self.core {
            None => self.dead_until,
            Some(_) if self.paused_until > now => self.paused_until,
            Some(_) if !self.inbox.is_empty() => now,
            Some(_) => self.next_tick,
        }
    }
}

impl World {
    /// The collector's clock.
    pub fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.now.millis() + self.leader.ahead_ms)
    }

    /// What the collector's clock showed, or would have, at an instant of the world's.
    pub fn clock_at(&self, at: Timestamp) -> Timestamp {
        let clocks = self.leader.clocks.iter().rev();
        let ahead = clocks.clone().find(|(from, _)| *from <= at).or(self.leader.clocks.first());
        Timestamp::from_millis(at.millis() + ahead.map_or(0, |(_, ahead)| *ahead))
    }

    /// Starts, goes on after standing still, or ticks.
    pub(super) fn step_leader(&mut self) {
        if self.leader.core.is_none() {
            if self.leader.dead_until <= self.now {
                self.start_collector();
            }
            return;
        }
        if self.leader.paused_until > self.now {
            return;
        }
        // After a pause either may come first.
        let tick_first = !self.leader.inbox.is_empty() && self.random.one_in(2);
        if tick_first {
            self.tick();
        }
        while let Some(event) = self.leader.inbox.pop_front() {
            self.tell_core(event);
        }
        if self.leader.next_tick <= self.now {
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.leader.next_tick = self.now + self.scale.tick;
        self.tell_core(Event::Tick);
    }

    fn start_collector(&mut self) {
        if self.log.archive.is_empty() {
            let claim = Record { at: self.clock(), kind: Kind::Claim { epoch: 1, log: LOG } };
            let claim = wire::encode_record(claim);
            self.log.store.append(0, &[claim]).expect("memory does not fail");
            self.archive_new();
        }
        // One that dies as soon as it has claimed.
        let claims = if self.faults_may_hit() && self.random.one_in(8) { 2 } else { 1 };
        let mut led = None;
        for _ in 0..claims {
            led = Some(self.claim());
        }
        let Some(leadership) = led else { unreachable!("it claims at least once") };
        self.log.position = self.log.store.tail().expect("memory does not fail");
        self.tell(format!("the collector leads, epoch {}", leadership.state.epoch));
        let config = CoreConfig {
            lease: LEASE,
            vantages: None,
            keep_slots: KEEP,
            keep: KEEP,
            seal: SealPace {
                hour: self.scale.hour,
                revise_every: Duration::from_secs(10),
                snapshot_bytes: self.snapshot_bytes,
            },
            local_agents: Vec::new(),
            watch: WatchConfig {
                round: self.scale.interval(),
                gather: incidents::gather(self.scale.interval()),
                certificate_warning: None,
                ..WatchConfig::default()
            },
        };
        let mut core = Core::new(config, leadership.state, self.clock());
        core.stand_on(leadership.standing);
        self.books.leads(self.clock(), core.state().epoch);
        crate::oracle::acknowledged::is_still_there(self, core.state());
        self.leader.core = Some(core);
        self.leader.next_tick = self.now + self.scale.tick;
        let list = self.list.clone();
        self.tell_core(Event::Listed(list));
    }

    /// What the log says, with a claim at its end, but for the mutants.
    fn claim(&mut self) -> Found {
        if self.mutant == Some(Mutant::SettlesWithoutWaiting) {
            // It makes its claim older than it is.
            let at = self.clock() - Duration::from_secs(60);
            let tail = self.log.store.tail().expect("memory does not fail");
            let claim = Record { at, kind: Kind::Claim { epoch: tail + 1, log: LOG } };
            let claim = wire::encode_record(claim);
            self.log.store.append(tail, &[claim]).expect("memory does not fail");
            self.archive_new();
        }
        let claims = self.mutant.is_none_or(|mutant| {
            mutant != Mutant::TakeoverWithoutClaim && mutant != Mutant::SettlesWithoutWaiting
        });
        if claims {
            return self.lead();
        }
        leader::read(&self.log.store, KEEP, self.scale.hour).expect("the log can be read")
    }

    fn lead(&mut self) -> Found {
        let wall = Timestamp::from_millis(self.now.millis() + self.leader.wall_ms);
        let mut at = wall;
        let lead = leader::lead(
            &mut self.log.store,
            |newest| {
                at = wall.max(newest);
                Arc::new(move || at) as Clock
            },
            KEEP,
            self.scale.hour,
        );
        let leadership = lead.unwrap_or_else(|error| panic!("the log can be read: {error}"));
        let before = self.leader.ahead_ms;
        self.leader.ahead_ms = at.millis() - self.now.millis();
        self.leader.clocks.push((self.now, self.leader.ahead_ms));
        if self.leader.ahead_ms != before {
            self.note_clock_step(before);
        }
        self.archive_new();
        Found { state: leadership.state, standing: leadership.standing }
    }

    /// The collector's process dies, and nobody starts another one for so long.
    pub fn collector_goes_away(&mut self, time: Duration) {
        self.kill_collector(time);
    }

    pub(super) fn kill_collector(&mut self, dead: Duration) {
        let silently = self.random.one_in(3);
        self.tell(format!("the collector dies for {dead:?}"));
        self.leader.core = None;
        self.leader.inbox.clear();
        self.leader.fuse = None;
        self.leader.paused_until = self.now;
        self.leader.dead_until = self.now + dead;
        self.unwell(Who::Collector, Fault::KillCollector, dead);
        self.abandon_log();
        self.receiver.forsaken();
        self.close_every_collector_end(silently);
    }

    pub fn tell_core(&mut self, event: Event) {
        if self.leader.core.is_some() && self.leader.paused_until > self.now {
            self.leader.inbox.push_back(event);
            return;
        }
        let now = self.clock();
        self.note(usize::MAX, &event);
        let Some(core) = &mut self.leader.core else { return };
        let effects = core.apply(now, event);
        for effect in effects {
            if let Some((left, dead)) = self.leader.fuse {
                if left == 0 {
                    return self.kill_collector(dead);
                }
                self.leader.fuse = Some((left - 1, dead));
            }
            self.do_for_core(effect);
            if self.leader.core.is_none() {
                return;
            }
        }
        self.begin_group();
        self.after_effects();
    }

    fn do_for_core(&mut self, effect: Effect) {
        match effect {
            Effect::Append(ticket, record) => self.append(ticket, record),
            Effect::Chore(number, chore) => {
                let at = self.now + self.random.millis(1, 400);
                self.log.queue_chore(at, number, chore);
            }
            Effect::Send(session, message) => {
                if let CollectorMessage::Ack { seq, refused } = &message {
                    self.books.acknowledge(session, *seq, refused);
                }
                self.send_down(session, message);
            }
            Effect::Answer(..) => unreachable!("nobody asks here"),
            Effect::End(session, end) => {
                if let Some(n) = self.speaker(session) {
                    self.tell(format!("the collector hangs up on {}: {end:?}", self.nodes[n].id));
                }
                self.close_collector_end(session);
            }
        }
    }
}
