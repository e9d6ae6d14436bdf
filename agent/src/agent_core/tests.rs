//! The core against a scripted collector, in simulated time.

mod asked;
mod laws;
mod link;
mod slots;

use std::sync::Arc;

use proto::wire::decode_batch;
use proto::{
    Assign, Batch, Grant, MissedRange, ProbeSpec, ResultsMessage, Revoke, ScheduledTarget, ShardId,
    Welcome,
};

use super::*;
use crate::admit::AdmitAll;

type Effects = Vec<Effect<Arc<ProbeSpec>>>;

/// The collector's clock is this much ahead of the agent's boot time: 2023-11-14T22:13:20Z.
const OFFSET_MS: i64 = 1_700_000_000_000;

/// An agent with its clock, and everything that it did so far.
struct Rig {
    core: AgentCore<AdmitAll>,
    now: LocalMicros,
    stream: StreamId,
    starts: Vec<Start<Arc<ProbeSpec>>>,
    sent: Vec<AgentMessage>,
    disconnects: Vec<(String, Duration)>,
    drained: bool,
    tunes: Vec<ProbeSettings>,
    unacked_bytes_max: u64,
}

impl Rig {
    fn new() -> Self {
        let config = CoreConfig {
            agent_id: "a".into(),
            boot: 7,
            vantage: "v".into(),
            zone: "z".into(),
            capacity: 10,
            outbox_bytes: 1 << 20,
            handed_max: 1_000_000,
        };
        Self {
            core: AgentCore::new(config, AdmitAll),
            now: LocalMicros(1_000_000),
            stream: StreamId(0),
            starts: Vec::new(),
            sent: Vec::new(),
            disconnects: Vec::new(),
            drained: false,
            tunes: Vec::new(),
            unacked_bytes_max: 1 << 20,
        }
    }

    /// Connected and welcomed, with a lease that no test outlives.
    fn welcomed() -> Self {
        let mut rig = Self::new();
        rig.connect(1);
        rig
    }

    fn connect(&mut self, epoch: u64) {
        self.stream = StreamId(self.stream.0 + 1);
        self.apply(Event::Connected(self.stream));
        let welcome = Welcome {
            epoch,
            now_us: self.collector_us(),
            echo_us: self.now.0,
            lease: Duration::from_secs(1_000_000),
            beat: Duration::from_secs(5),
            unacked_bytes_max: self.unacked_bytes_max,
            log: 1,
            takes_runs: true,
        };
        self.hear(CollectorMessage::Welcome(welcome));
    }

    fn collector_us(&self) -> i64 {
        OFFSET_MS * 1000 + i64::try_from(self.now.0).unwrap()
    }

    fn apply(&mut self, event: Event) {
        let effects: Effects = self.core.apply(self.now, event);
        for effect in effects {
            match effect {
                Effect::Start(start) => self.starts.push(start),
                Effect::Send(stream, message) => {
                    assert_eq!(stream, self.stream);
                    self.sent.push(message);
                }
                Effect::Disconnect { cause, after, .. } => self.disconnects.push((cause, after)),
                Effect::Tune(settings) => self.tunes.push(settings),
                Effect::StopStarting => {}
                Effect::Drained => self.drained = true,
            }
        }
    }

    fn hear(&mut self, message: CollectorMessage) {
        self.apply(Event::Received(self.stream, message));
    }

    /// Lets time pass, with a tick whenever the core asks for one.
    fn pass(&mut self, ms: u64) {
        let end = LocalMicros(self.now.0 + ms * 1000);
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= end) {
            assert!(at > self.now || self.now.0 == 1_000_000, "it asks for the same tick again");
            self.now = self.now.max(at);
            self.apply(Event::Tick);
        }
        self.now = end;
        self.apply(Event::Tick);
    }

    fn grant(&mut self, from: i64, targets: Vec<ScheduledTarget>) {
        let grant =
            Grant { shard: shard(), from: at(from), content_hash: 42, targets, more: false };
        self.assign(vec![], vec![grant]);
    }

    fn assign(&mut self, revokes: Vec<Revoke>, grants: Vec<Grant>) {
        self.hear(CollectorMessage::Assign(Assign { version: 3, revokes, grants }));
    }

    fn started(&mut self, index: usize) {
        let ticket = self.starts[index].ticket;
        self.apply(Event::Started { ticket, at: self.now });
    }

    fn ended(&mut self, index: usize, attempt: Attempt) {
        let ticket = self.starts[index].ticket;
        self.apply(Event::Ended { ticket, attempt });
    }

    fn results(&self) -> Vec<&ResultsMessage> {
        let results = self.sent.iter().filter_map(|message| match message {
            AgentMessage::Results(results) => Some(results),
            _ => None,
        });
        results.collect()
    }

    /// Everything that was reported, on all streams.
    fn reported(&self) -> Batch {
        let mut all = Batch::default();
        for message in self.results() {
            let Batch { results, missed } = decode_batch(&message.columns).unwrap();
            all.results.extend(results);
            all.missed.extend(missed);
        }
        all
    }

    fn found(&self) -> Attempt {
        Attempt::Found {
            started: self.now,
            outcome: Outcome::Answered { status: 200, unexpected: None },
            phases: Phases::default(),
            body_bytes: 0,
            note: Box::default(),
        }
    }
}

fn shard() -> ShardId {
    ShardId::new(7).unwrap()
}

/// Milliseconds after the agent's boot, on the collector's clock.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(OFFSET_MS + ms)
}

/// Planned at every multiple of `interval_ms` plus `phase_ms` after the boot.
fn target(uid: u64, interval_ms: u64, phase_ms: u64) -> ScheduledTarget {
    assert_eq!(OFFSET_MS % i64::try_from(interval_ms).unwrap(), 0);
    ScheduledTarget {
        uid: Uid(uid),
        revision: 1,
        interval: Duration::from_millis(interval_ms),
        phase: Duration::from_millis(phase_ms),
        from: Timestamp::EPOCH,
        spec: ProbeSpec::get("http://a/"),
    }
}

fn missed(uid: u64, from: i64, to: i64, reason: Missed) -> MissedRange {
    MissedRange { uid: Uid(uid), from: at(from), to: at(to), reason }
}
