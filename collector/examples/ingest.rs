//! What a result costs the collector, from its bytes on the wire until it is durable and counted, on one thread: by hand, for
//! docs/benchmarks.md.
//!
//! `cargo run --release -p collector --example ingest -- [TARGETS] [ROUNDS]`
//!
//! A core with one agent takes ROUNDS rounds of a minute, in batches of a tenth of a second as agents send them; the log is a
//! folder, written group by group as the writer does it. CPU time of the thread, so that waiting for a disk is not in it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use collector::core::{Core, CoreConfig, Effect, Event, SealPace};
use collector::fleet::SessionId;
use collector::state::State;
use collector::store::{Folder, Store};
use collector::target_file::Target;
use proto::{
    AgentMessage, Applied, Batch, CollectorMessage, Hello, Kind, Note, Outcome, Phases,
    ProbeResult, ProbeSpec, Record, ResultsMessage, ScheduledTarget, Timestamp, wire,
};
use rustix::time::{ClockId, clock_gettime};

const START: i64 = 1_790_000_000_000;
const INTERVAL: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);
/// Records that the writer makes durable at once, at most.
const GROUP: usize = 64;
const SESSION: SessionId = SessionId(1);

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let part = |n: i64| u64::try_from(n).expect("it only rises");
    Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
}

struct Collector {
    core: Core,
    store: Folder,
    now: Timestamp,
    /// What the agent was told to probe.
    granted: Vec<ScheduledTarget>,
    /// Waits for the disk.
    records: Vec<Bytes>,
    last_ticket: u64,
    log_bytes: usize,
    deciding: Duration,
    writing: Duration,
}

impl Collector {
    fn apply(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let began = cpu();
            let effects = self.core.apply(self.now, event);
            self.deciding += cpu() - began;
            for effect in effects {
                match effect {
                    Effect::Append(ticket, record) => {
                        self.log_bytes += record.len();
                        self.records.push(record);
                        self.last_ticket = ticket;
                    }
                    Effect::Send(_, CollectorMessage::Assign(assign)) => {
                        let targets = assign.grants.into_iter().flat_map(|grant| grant.targets);
                        self.granted.extend(targets);
                        let applied = Applied { version: assign.version, refused: Vec::new() };
                        events.push_back(Event::Message(SESSION, AgentMessage::Applied(applied)));
                    }
                    Effect::Chore(number, _) => events.push_back(Event::ChoresDone(number)),
                    Effect::Send(..) | Effect::End(..) | Effect::Answer(..) => {}
                }
            }
        }
    }

    /// Makes what waits durable, and counts it.
    fn commit(&mut self) {
        if self.records.is_empty() {
            return;
        }
        let began = cpu();
        let tail = self.store.tail().expect("it can be read");
        self.store.append(tail, &self.records).expect("it can be written");
        self.writing += cpu() - began;
        self.records.clear();
        self.apply(Event::Durable(self.last_ticket));
    }

    fn settle(&mut self) {
        for _ in 0..64 {
            self.commit();
            self.apply(Event::Tick);
        }
    }
}

fn target(n: usize) -> Target {
    Target {
        name: format!("target-{n}"),
        interval: INTERVAL,
        spec: ProbeSpec::get(format!("https://target-{n}.example/health")),
        category: "benchmark".into(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

/// A probe as most are: over TLS, some tens of milliseconds, a little different every time; one in fifty answers 503. Where
/// it went is told the first time.
fn found(target: &ScheduledTarget, planned: Timestamp, first: bool) -> ProbeResult {
    let noise = (target.uid.0.wrapping_mul(2_654_435_761) ^ planned.millis() as u64) % 4096;
    let noise = u32::try_from(noise).expect("below 4096");
    let phases = Phases {
        resolve_us: 300 + noise / 8,
        connect_us: 8_000 + noise,
        tls_us: 17_000 + noise * 2,
        processing_us: 20_000 + noise * 5,
        transfer_us: 200 + noise / 16,
    };
    ProbeResult {
        uid: target.uid,
        revision: target.revision,
        planned,
        start_delay_ms: i32::try_from(noise % 5).expect("below 5"),
        outcome: match target.uid.0 % 50 {
            0 => Outcome::Answered { status: 503, unexpected: Some(proto::Unexpected::Status) },
            _ => Outcome::Answered { status: 200, unexpected: None },
        },
        phases,
        body_bytes: 5_000 + noise,
        note: first.then(|| {
            let [.., a, b, c] = target.uid.0.to_be_bytes();
            let remote_address = Some((Ipv4Addr::new(10, a, b, c), 443).into());
            Box::new(Note { remote_address, ..Note::default() })
        }),
    }
}

fn main() {
    let number = |at: usize, otherwise: usize| {
        std::env::args().nth(at).and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let (count, rounds) = (number(1, 100_000), number(2, 10));
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Folder::open(folder.path()).expect("a store");
    let now = Timestamp::from_millis(START);
    let claim = Record { at: now, kind: Kind::Claim { epoch: 1, log: 7 } };
    store.append(0, &[wire::encode_record(claim.clone())]).expect("it can be written");
    let mut state = State::default();
    state.apply(claim).expect("a claim has nothing to decode");
    let config = CoreConfig {
        lease: Duration::from_secs(20),
        vantages: None,
        keep_slots: Duration::from_secs(48 * 3600),
        keep: Duration::from_secs(90 * 24 * 3600),
        seal: SealPace::default(),
        local_agents: Vec::new(),
        watch: collector::incidents::WatchConfig::default(),
    };
    let mut collector = Collector {
        core: Core::new(config, state, now),
        store,
        now,
        granted: Vec::new(),
        records: Vec::new(),
        last_ticket: 0,
        log_bytes: 0,
        deciding: Duration::ZERO,
        writing: Duration::ZERO,
    };
    let hello = Hello {
        agent_id: "agent".into(),
        boot: 1,
        vantage: "eu".into(),
        zone: "a".into(),
        capacity: 10_000,
        version: "1".into(),
        protocol: proto::PROTOCOL,
        epoch_seen: 0,
        held: Vec::new(),
        sent_us: 0,
        log_seen: 7,
        takes_settings: false,
        takes_parts: false,
    };
    collector.apply(Event::Hello(SESSION, hello));
    collector.settle();
    collector.apply(Event::Listed((0..count).map(target).collect()));
    collector.settle();
    let mut due = std::mem::take(&mut collector.granted);
    assert_eq!(due.len(), count, "the agent has all of them");
    due.sort_by_key(|target| target.phase);
    run(&mut collector, &due, rounds);
}

fn run(collector: &mut Collector, due: &[ScheduledTarget], rounds: usize) {
    let first = (collector.now + INTERVAL).floor(INTERVAL);
    let (mut seq, mut sent, mut bytes) = (0, 0_usize, 0_usize);
    let mut housekeeping = Duration::ZERO;
    // The first round tells where targets are: it is not counted.
    for round in 0..=rounds {
        if round == 1 {
            (collector.deciding, collector.writing, collector.log_bytes) = Default::default();
            (sent, bytes, housekeeping) = (0, 0, Duration::ZERO);
        }
        let begin = first + INTERVAL * u32::try_from(round).expect("few");
        let mut rest = due;
        while let Some(next) = rest.first() {
            let end = next.phase + STEP;
            let (batch, later) = rest.split_at(rest.partition_point(|target| target.phase < end));
            rest = later;
            collector.now = begin + end;
            for batch in batch.chunks(4096) {
                seq += 1;
                let found =
                    batch.iter().map(|target| found(target, begin + target.phase, round == 0));
                let results = found.collect();
                let columns = wire::encode_batch(&Batch { results, missed: Vec::new() });
                (sent, bytes) = (sent + batch.len(), bytes + columns.len());
                let watermark = begin + end;
                let clock_error = Duration::ZERO;
                let message = ResultsMessage { seq, watermark, columns, clock_error };
                let message = AgentMessage::Results(message);
                collector.apply(Event::Message(SESSION, message));
            }
            if collector.records.len() >= GROUP {
                collector.commit();
            }
        }
        collector.commit();
        let before = (collector.deciding, collector.writing);
        collector.apply(Event::Tick);
        collector.commit();
        housekeeping += collector.deciding + collector.writing - before.0 - before.1;
        (collector.deciding, collector.writing) = before;
    }
    let counted = collector.core.counters().results;
    assert_eq!(counted, (sent + due.len()) as u64, "every one counts");
    let each = |all: Duration| all.as_nanos() as f64 / sent as f64;
    let (deciding, writing) = (each(collector.deciding), each(collector.writing));
    println!("{} targets, {sent} results", due.len());
    println!("decoded, judged, counted, acknowledged: {deciding:.0} ns a result");
    println!("made durable:                           {writing:.0} ns a result");
    println!("both:                                   {:.0} ns a result", deciding + writing);
    println!("ticks (sweep, verdicts, a round each):  {:.0} ns a result", each(housekeeping));
    println!(
        "on the wire {:.1} bytes a result, in the log {:.1}",
        bytes as f64 / sent as f64,
        collector.log_bytes as f64 / sent as f64
    );
}
