//! The core against a scripted collector, in simulated time.

use std::sync::Arc;

use proptest::prelude::*;
use proto::wire::decode_batch;
use proto::{
    Assign, Batch, Beat, Failure, Grant, HeldShard, MissedRange, ProbeSpec, ResultsMessage, Revoke,
    RunTarget, ScheduledTarget, ShardId, Welcome,
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
            unacked_bytes_max: 1 << 20,
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
        let grant = Grant { shard: shard(), from: at(from), content_hash: 42, targets };
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
            note: Note::default(),
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

#[test]
fn before_a_welcome_no_time_is_known_and_nothing_starts() {
    let mut rig = Rig::new();
    rig.stream = StreamId(1);
    rig.apply(Event::Connected(rig.stream));
    let AgentMessage::Hello(hello) = &rig.sent[0] else { panic!("{:?}", rig.sent) };
    assert_eq!((hello.agent_id.as_str(), hello.boot, hello.capacity), ("a", 7, 10));
    assert_eq!(hello.sent_us, 1_000_000);
    rig.grant(0, vec![target(1, 10_000, 500)]);
    assert!(rig.starts.is_empty());
    assert_eq!(rig.disconnects.len(), 1, "a collector that does not greet is left");
}

#[test]
fn a_slot_starts_when_it_is_planned_and_its_result_is_sent_and_freed_by_the_acknowledgement() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 4_500)]);
    assert!(matches!(rig.sent.last(), Some(AgentMessage::Applied(a)) if a.version == 3));
    rig.pass(3_499);
    assert!(rig.starts.is_empty());
    rig.pass(1);
    assert_eq!(rig.starts.len(), 1);
    assert_eq!(rig.starts[0].planned, at(4_500));
    assert_eq!(rig.starts[0].start_before, LocalMicros(14_500_000));
    rig.now = LocalMicros(4_507_000);
    rig.started(0);
    let found = rig.found();
    rig.pass(100);
    rig.ended(0, found);
    rig.pass(100);
    let [result] = &rig.reported().results[..] else { panic!("{:?}", rig.sent) };
    assert_eq!((result.planned, result.start_delay_ms), (at(4_500), 7));
    assert!(rig.core.outbox_bytes() > 0);
    let seq = rig.results().last().unwrap().seq;
    rig.hear(CollectorMessage::Ack { seq, refused: vec![(Refusal::StaleSpec, 2)] });
    assert_eq!(rig.core.outbox_bytes(), 0);
    assert_eq!(rig.core.counts().refused[Refusal::StaleSpec as usize], 2);
}

#[test]
fn the_watermark_stays_behind_a_slot_that_still_runs() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 2_500)]);
    rig.pass(2_000);
    let found = rig.found();
    rig.ended(1, found);
    rig.pass(3_000);
    assert_eq!(rig.reported().results.len(), 1);
    assert_eq!(rig.results().last().unwrap().watermark, at(1_500));
    let found = rig.found();
    rig.ended(0, found);
    rig.pass(150);
    assert!(rig.results().last().unwrap().watermark > at(5_000));
}

#[test]
fn an_idle_agent_says_every_second_how_far_it_is() {
    let mut rig = Rig::welcomed();
    for _ in 0..50 {
        rig.pass(100);
        if let Some(seq) = rig.results().last().map(|r| r.seq) {
            rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
        }
    }
    let said: Vec<_> = rig.results().iter().map(|r| (r.seq, r.watermark)).collect();
    assert_eq!(said, (1..=5).map(|n| (n, at(1_000 + n as i64 * 1_000))).collect::<Vec<_>>());
}

#[test]
fn a_paused_probe_runs_again_in_its_window_and_is_missed_after_it() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.ended(0, Attempt::Paused);
    assert_eq!(rig.starts.len(), 2, "at once");
    assert_eq!(rig.starts[1].planned, at(1_500));
    assert_ne!(rig.starts[1].ticket, rig.starts[0].ticket);
    let found = rig.found();
    rig.ended(0, found);
    assert_eq!(rig.core.load().1, 1, "what is said of the old try counts no more");
    rig.now = LocalMicros(11_500_000);
    rig.ended(1, Attempt::Paused);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::AgentPaused)]);
    assert!(rig.reported().results.is_empty());
}

#[test]
fn a_fault_of_this_machine_rests_a_second_and_is_missed_at_the_end_of_the_window() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.ended(0, Attempt::Fault);
    rig.pass(999);
    assert_eq!(rig.starts.len(), 1);
    rig.pass(1);
    assert_eq!(rig.starts.len(), 2);
    rig.now = LocalMicros(10_600_000);
    rig.ended(1, Attempt::Fault);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::AgentFault)]);
}

#[test]
fn a_slot_without_a_permit_was_missed_by_overload() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(10_500);
    rig.ended(0, Attempt::NoPermit);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 1_500, 1_501, Missed::Overloaded)]);
    assert_eq!(rig.core.counts().missed[Missed::Overloaded as usize], 1);
}

#[test]
fn slots_inside_a_pause_were_missed_by_it_and_the_open_one_is_probed() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 5_000)]);
    rig.now = LocalMicros(66_000_000);
    rig.apply(Event::Paused { from: LocalMicros(1_000_000), to: LocalMicros(66_000_000) });
    assert_eq!(rig.starts.iter().map(|s| s.planned).collect::<Vec<_>>(), [at(65_000)]);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 5_000, 65_000, Missed::AgentPaused)]);
}

#[test]
fn a_run_is_done_once_and_does_not_hold_the_watermark() {
    let mut rig = Rig::welcomed();
    let run = |before| {
        let slots = vec![(at(-5_000), at(before))];
        CollectorMessage::Run(vec![RunTarget { target: target(1, 10_000, 5_000), slots }])
    };
    rig.hear(run(5_000));
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 1, "it is on its way");
    rig.pass(1_100);
    assert_eq!(rig.results().last().unwrap().watermark, at(2_000));
    let found = rig.found();
    rig.ended(0, found);
    rig.hear(run(5_000));
    rig.pass(100);
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 1, "its result is on its way");
    let seq = rig.results().last().unwrap().seq;
    rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
    rig.hear(run(5_000));
    assert_eq!(rig.starts.len(), 2, "the collector has it, and wants it again");
    rig.hear(CollectorMessage::Run(vec![RunTarget {
        target: target(2, 10_000, 5_000),
        slots: vec![(at(-5_000), at(0))],
    }]));
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(2, -5_000, -4_999, Missed::Overloaded)]);
}

#[test]
fn a_deposed_leader_is_left_and_an_equal_epoch_is_taken() {
    let mut rig = Rig::new();
    rig.connect(5);
    rig.connect(4);
    assert_eq!(rig.disconnects.len(), 1);
    assert!(rig.disconnects[0].0.contains("epoch"), "{:?}", rig.disconnects);
    assert!(!rig.core.is_connected());
    rig.connect(5);
    assert!(rig.core.is_connected());
    let hello = rig.sent.iter().rev().find_map(|m| match m {
        AgentMessage::Hello(hello) => Some(hello),
        _ => None,
    });
    assert_eq!(hello.unwrap().epoch_seen, 5);
}

#[test]
fn a_silent_collector_is_left_after_the_lease_and_one_that_does_not_greet_after_ten_seconds() {
    let mut rig = Rig::new();
    rig.stream = StreamId(1);
    rig.apply(Event::Connected(rig.stream));
    rig.pass(9_999);
    assert!(rig.disconnects.is_empty());
    rig.pass(1);
    assert_eq!(rig.disconnects.len(), 1);
    rig.stream = StreamId(2);
    rig.apply(Event::Connected(rig.stream));
    let (now_us, echo_us) = (rig.collector_us(), rig.now.0);
    rig.hear(CollectorMessage::Welcome(Welcome {
        epoch: 1,
        now_us,
        echo_us,
        lease: Duration::from_secs(20),
        beat: Duration::from_secs(5),
        unacked_bytes_max: 1,
    }));
    rig.pass(15_000);
    let beats = rig.sent.iter().filter(|m| matches!(m, AgentMessage::Beat(_))).count();
    assert_eq!(beats, 4, "at 0, 5, 10 and 15 s");
    rig.hear(CollectorMessage::Beat(Beat {
        sent_us: rig.now.0,
        now_us: rig.collector_us(),
        load: None,
    }));
    rig.pass(19_999);
    assert_eq!(rig.disconnects.len(), 1);
    rig.pass(1);
    assert_eq!(rig.disconnects.len(), 2);
}

#[test]
fn go_away_says_when_to_come_back() {
    let mut rig = Rig::welcomed();
    let after = Duration::from_secs(3);
    rig.hear(CollectorMessage::GoAway { after, cause: "restart".into() });
    assert_eq!(rig.disconnects, [("the collector says: restart".into(), after)]);
    assert!(!rig.core.is_connected());
}

#[test]
fn cut_off_it_goes_on_probing_and_delivers_everything_on_the_next_stream() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 5_000)]);
    rig.apply(Event::Disconnected(rig.stream));
    let silent = rig.sent.len();
    for slot in 0..50 {
        rig.pass(10_000);
        let found = rig.found();
        rig.ended(slot, found);
    }
    assert_eq!(rig.sent.len(), silent);
    rig.connect(1);
    let held = HeldShard { shard: shard(), from: at(0), content_hash: 42 };
    assert!(matches!(&rig.sent[silent], AgentMessage::Hello(h) if h.held == [held]));
    rig.pass(100);
    assert_eq!(rig.reported().results.len(), 50);
    assert_eq!(rig.results().iter().find(|r| !r.columns.is_empty()).unwrap().seq, 1);
}

#[test]
fn what_an_old_stream_says_is_not_heard() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    let found = rig.found();
    rig.ended(0, found);
    rig.pass(100);
    let old = rig.stream;
    rig.connect(1);
    let bytes = rig.core.outbox_bytes();
    rig.apply(Event::Received(old, CollectorMessage::Ack { seq: 1, refused: vec![] }));
    rig.apply(Event::Disconnected(old));
    rig.apply(Event::Connected(old));
    assert_eq!(rig.core.outbox_bytes(), bytes);
    assert!(rig.core.is_connected());
}

#[test]
fn a_drain_finishes_what_runs_drops_what_does_not_and_ends_when_all_is_acknowledged() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500), target(2, 10_000, 1_600)]);
    rig.pass(700);
    rig.started(0);
    rig.apply(Event::Drain);
    let draining =
        |m: &AgentMessage| matches!(m, AgentMessage::Draining { until } if *until == at(1_700));
    assert!(rig.sent.iter().any(draining));
    rig.pass(20_000);
    assert_eq!(rig.starts.len(), 2, "nothing starts any more");
    assert!(!rig.drained);
    let found = rig.found();
    rig.ended(0, found);
    let last = rig.results().last().map(|r| (r.seq, r.watermark)).unwrap();
    assert_eq!(last.1, at(1_600), "what was dropped is not claimed");
    assert!(!rig.drained, "not acknowledged yet");
    rig.hear(CollectorMessage::Ack { seq: last.0, refused: vec![] });
    assert!(rig.drained);
    assert_eq!(rig.reported().results.len(), 1);
    assert!(rig.reported().missed.is_empty(), "another agent will run it");
}

#[test]
fn a_drain_says_so_again_on_the_next_stream() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    rig.started(0);
    rig.apply(Event::Disconnected(rig.stream));
    rig.apply(Event::Drain);
    rig.connect(1);
    let last = rig.sent.iter().rposition(|m| matches!(m, AgentMessage::Draining { .. }));
    let hello = rig.sent.iter().rposition(|m| matches!(m, AgentMessage::Hello(_)));
    assert!(last > hello);
    assert!(matches!(&rig.sent[hello.unwrap()], AgentMessage::Hello(h) if h.held.is_empty()));
}

#[test]
fn an_idle_agent_drains_at_once() {
    let mut rig = Rig::new();
    rig.apply(Event::Drain);
    assert!(rig.drained);
}

#[test]
fn a_step_of_the_collectors_clock_repeats_nothing_and_what_it_skips_is_said() {
    let mut rig = Rig::welcomed();
    rig.grant(0, vec![target(1, 10_000, 1_500)]);
    rig.pass(500);
    let found = rig.found();
    rig.ended(0, found);
    rig.stream = StreamId(2);
    rig.apply(Event::Connected(rig.stream));
    let welcome = |rig: &Rig, epoch, step_ms: i64| {
        CollectorMessage::Welcome(Welcome {
            epoch,
            now_us: rig.collector_us() + step_ms * 1000,
            echo_us: rig.now.0,
            lease: Duration::from_secs(1_000),
            beat: Duration::from_secs(5),
            unacked_bytes_max: 1 << 20,
        })
    };
    let forward = welcome(&rig, 2, 100_000);
    rig.hear(forward);
    assert_eq!(rig.starts.iter().map(|s| s.planned).collect::<Vec<_>>(), [at(1_500), at(101_500)]);
    rig.pass(100);
    assert_eq!(rig.reported().missed, [missed(1, 11_500, 101_500, Missed::ClockUnsure)]);
    rig.stream = StreamId(3);
    rig.apply(Event::Connected(rig.stream));
    let back = welcome(&rig, 3, 0);
    rig.hear(back);
    rig.pass(60_000);
    assert_eq!(rig.starts.len(), 2, "until time has come that far again");
    rig.pass(50_000);
    assert_eq!(rig.starts.len(), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    End(usize, u8),
    Ack,
    Cut,
    Connect,
    Grant(u64),
    Revoke(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4_000_u64).prop_map(Step::Pass),
        8 => (any::<usize>(), 0..8_u8).prop_map(|(n, how)| Step::End(n, how)),
        2 => Just(Step::Ack),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
        1 => (1..12_u64).prop_map(Step::Grant),
        1 => (0..5_000_i64).prop_map(Step::Revoke),
    ]
}

proptest! {
    /// Whatever happens in whatever order: a scheduled key before a watermark was acknowledged or sent on that stream
    /// before, as a result or as missed. Keys are learned from the starts; late ones need none.
    #[test]
    fn no_scheduled_key_below_a_watermark_is_left_out(steps in prop::collection::vec(step(), 1..150)) {
        let mut rig = Rig::welcomed();
        let mut acked: std::collections::HashSet<(Uid, Timestamp)> = Default::default();
        let mut running: Vec<usize> = Vec::new();
        let (mut known, mut read, mut checked) = (0, 0, 0);
        let mut on_stream: Vec<(u64, Vec<(Uid, Timestamp)>)> = Vec::new();
        for step in steps {
            match step {
                Step::Pass(ms) => rig.pass(ms),
                Step::End(n, how) if !running.is_empty() => {
                    let index = running.swap_remove(n % running.len());
                    rig.started(index);
                    let attempt = match how {
                        0 => Attempt::Paused,
                        1 => Attempt::Fault,
                        2 => Attempt::NoPermit,
                        _ => Attempt::Found {
                            started: rig.now,
                            outcome: Outcome::Failed(Failure::Timeout),
                            phases: Phases::default(),
                            note: Note::default(),
                        },
                    };
                    rig.ended(index, attempt);
                }
                Step::End(..) => {}
                Step::Ack => {
                    if let Some((seq, _)) = on_stream.last() {
                        let seq = *seq;
                        acked.extend(on_stream.iter().flat_map(|(_, keys)| keys.iter().copied()));
                        rig.hear(CollectorMessage::Ack { seq, refused: vec![] });
                    }
                }
                Step::Cut => {
                    let stream = rig.stream;
                    rig.apply(Event::Disconnected(stream));
                    on_stream.clear();
                }
                Step::Connect => {
                    on_stream.clear();
                    rig.connect(1);
                }
                Step::Grant(count) => {
                    let now = i64::try_from(rig.now.0 / 1000).unwrap();
                    let targets = (1..count).map(|uid| target(uid, 5_000, uid * 371));
                    rig.grant(now, targets.collect());
                }
                Step::Revoke(after) => {
                    let now = i64::try_from(rig.now.0 / 1000).unwrap();
                    let until = at(now + after);
                    rig.assign(vec![Revoke { shard: shard(), until }], vec![]);
                }
            }
            while known < rig.starts.len() {
                running.push(known);
                known += 1;
            }
            while read < rig.sent.len() {
                if let AgentMessage::Results(message) = &rig.sent[read] {
                    let Batch { results, missed } = decode_batch(&message.columns).unwrap();
                    let mut keys: Vec<_> = results.iter().map(|r| (r.uid, r.planned)).collect();
                    for range in &missed {
                        let slots = rig.starts.iter().map(|s| (s.uid, s.planned));
                        keys.extend(slots.filter(|(uid, planned)| {
                            *uid == range.uid && (range.from..range.to).contains(planned)
                        }));
                    }
                    on_stream.push((message.seq, keys));
                    let before = rig.starts.iter().map(|s| (s.uid, s.planned));
                    for key in before.filter(|(_, planned)| *planned < message.watermark) {
                        let there = acked.contains(&key)
                            || on_stream.iter().any(|(_, keys)| keys.contains(&key));
                        prop_assert!(there, "{key:?} is before {:?}", message.watermark);
                        checked += 1;
                    }
                }
                read += 1;
            }
        }
        prop_assume!(checked > 0);
    }
}
