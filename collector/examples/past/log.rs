//! A past: the log and the parts that a collector would have written.

use std::time::Duration;

use bytes::Bytes;
use collector::parts::{self, hour};
use collector::state::{State, snapshot};
use collector::store::Store;
use proto::{
    Batch, Failure, Kind, Outcome, Phases, ProbeResult, ProbeSpec, Record, ResultBatch, Snapshot,
    TargetEntry, Timestamp, Uid, Unexpected, VantageState, phase_of, wire,
};

/// How often every target is probed.
const INTERVAL: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const KEEP_SLOTS: Duration = Duration::from_secs(48 * 3600);
/// Where it was probed from.
pub const VANTAGE: &str = "past";
/// Results in one batch.
const BATCH: usize = 1000;

/// What was written.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "not every user asks for everything")]
pub struct Told {
    pub results: u64,
    /// In the log, and in no part.
    pub behind: u64,
    pub part_bytes: u64,
    /// Of every slot: whose, when, what was found.
    pub slots: Vec<(usize, Timestamp, Outcome)>,
}

pub fn name(n: usize) -> String {
    format!("past-{n:06}")
}

/// Nothing listens there.
pub fn url(n: usize) -> String {
    format!("http://127.0.0.1:9/{n}")
}

/// What the slot of a target came to.
pub fn outcome(n: usize, planned: Timestamp) -> Outcome {
    match (n as i64 * 7 + planned.millis() / INTERVAL.as_millis() as i64) % 50 {
        0 => Outcome::Failed(Failure::Timeout),
        1 => Outcome::Answered { status: 503, unexpected: Some(Unexpected::Status) },
        _ => Outcome::Answered { status: 200, unexpected: None },
    }
}

struct Writer<'a> {
    store: &'a mut dyn Store,
    state: State,
    waiting: Vec<Bytes>,
    position: u64,
}

impl Writer<'_> {
    fn log(&mut self, at: Timestamp, kind: Kind) {
        let record = Record { at, kind };
        self.waiting.push(wire::encode_record(record.clone()));
        self.state.replay(record).expect("made here");
    }

    fn flush(&mut self) {
        self.store.append(self.position, &self.waiting).expect("room");
        self.position += self.waiting.len() as u64;
        self.waiting.clear();
    }
}

/// The past of `targets` over the last `hours` whole hours before `now`, of which the first `sealed` are in parts, with
/// a snapshot behind them.
pub fn write(
    store: &mut dyn Store,
    targets: usize,
    hours: i64,
    sealed: i64,
    now: Timestamp,
) -> Told {
    let end = now.floor(HOUR);
    let start = end - HOUR * hours as u32;
    let mut told = Told::default();
    let mut writer = Writer { store, state: State::default(), waiting: Vec::new(), position: 0 };
    writer.log(start, Kind::Claim { epoch: 1, log: 1 });
    let upserts = (0..targets).map(|n| TargetEntry {
        uid: Uid(n as u64 + 1),
        name: name(n),
        revision: 1,
        interval: INTERVAL,
        spec: ProbeSpec { timeout: Duration::from_secs(10), ..ProbeSpec::get(url(n)) },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    });
    writer.log(start, Kind::Catalog { revision: 1, upserts: upserts.collect(), removals: vec![] });
    for state in [VantageState::Seen, VantageState::Active] {
        writer.log(start, Kind::Vantage { name: VANTAGE.into(), state });
    }
    // The stretch begins one interval back: those slots are of the past, too.
    let first = start - INTERVAL;
    let mut round = first;
    while round < end {
        write_round(&mut writer, &mut told, targets, round);
        round = round + INTERVAL;
        writer.flush();
        if round.floor(HOUR) == round && round <= start + HOUR * sealed as u32 {
            seal(&mut writer, &mut told, round);
        }
    }
    writer.flush();
    told
}

fn write_round(writer: &mut Writer<'_>, told: &mut Told, targets: usize, round: Timestamp) {
    let at = round + INTERVAL;
    for chunk in (0..targets).collect::<Vec<_>>().chunks(BATCH) {
        let results = chunk.iter().map(|n| {
            let planned = round + phase_of(&name(*n), VANTAGE, INTERVAL);
            let outcome = outcome(*n, planned);
            told.slots.push((*n, planned, outcome));
            let spread = (planned.millis() as u32).wrapping_mul(2_654_435_761) >> 12;
            ProbeResult {
                uid: Uid(*n as u64 + 1),
                revision: 1,
                planned,
                start_delay_ms: 3,
                outcome,
                phases: Phases { connect_us: 9_000, processing_us: spread, ..Phases::default() },
                body_bytes: 1_000,
                note: None,
            }
        });
        let batch = Batch { results: results.collect(), missed: Vec::new() };
        told.results += batch.results.len() as u64;
        told.behind += batch.results.len() as u64;
        let batch = ResultBatch {
            vantage: VANTAGE.into(),
            agent_id: "agent-past".into(),
            zone: "past-a".into(),
            boot: 1,
            columns: wire::encode_batch(&batch),
        };
        writer.log(at, Kind::Results(batch));
    }
}

/// What the collector does after each hour, with a snapshot every time.
fn seal(writer: &mut Writer<'_>, told: &mut Told, now: Timestamp) {
    // Slots of the last round of the hour are planned up to its end, and all have a result.
    assert!(writer.state.open_from(now) >= now, "every slot of the hour is settled");
    let starts: Vec<Timestamp> = writer.state.hours().unsealed().map(|(start, _)| start).collect();
    for start in starts.into_iter().filter(|start| *start + HOUR <= now) {
        let sealed = hour::seal(&writer.state, start, 1);
        for (key, bytes) in sealed.parts {
            told.part_bytes += bytes.len() as u64;
            writer.store.put_part(&key, &bytes).expect("room");
        }
        writer.log(now, Kind::Hour(sealed.manifest));
    }
    writer.flush();
    writer.state.forget(now, KEEP_SLOTS);
    let horizon = writer.state.forgotten();
    writer.state.hours_mut().expire(horizon, Timestamp::EPOCH);
    let position = writer.position;
    let written = snapshot::write(&writer.state);
    let mut hashes = Vec::new();
    let old = writer.store.parts().keys("snapshot/").expect("readable");
    for (index, bytes) in written.iter().enumerate() {
        let hash = parts::hash(bytes);
        let key = parts::snapshot_key(position, index, hash);
        writer.store.put_part(&key, bytes).expect("room");
        hashes.push(hash);
    }
    writer.log(now, Kind::Snapshot(Snapshot { log: 1, position, parts: hashes }));
    writer.flush();
    let mut garbage = writer.state.hours_mut().take_replaced();
    garbage.extend(old);
    writer.store.delete_parts(&garbage).expect("writable");
    while writer.store.head().expect("readable") < position {
        writer.store.trim(position).expect("writable");
    }
    told.behind = 0;
}
