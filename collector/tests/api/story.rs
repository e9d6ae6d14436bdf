//! A state made by a log of a few lines: every result is there because a test put it there.

use std::time::Duration;

use collector::state::{State, TargetIdx, VantageIdx};
use proto::{
    Batch, Failure, Kind, Missed, MissedRange, Outcome, Phases, ProbeResult, ProbeSpec, Record,
    ResultBatch, TargetEntry, Timestamp, Uid, Unexpected, VantageState, phase_of,
};

/// How often every target is probed, and how long a round lasts.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A whole hour.
const START: i64 = 1_699_999_200_000;

/// So many seconds after the story's beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

/// An answer; 400 and above are not as expected.
pub(crate) fn answer(status: u16) -> Outcome {
    Outcome::Answered { status, unexpected: (status >= 400).then_some(Unexpected::Status) }
}

pub(crate) const TIMEOUT: Outcome = Outcome::Failed(Failure::Timeout);
pub(crate) const BLOCKED: Outcome = Outcome::Failed(Failure::Blocked);

/// A target without anything special.
pub(crate) fn target(uid: u64, name: &str) -> TargetEntry {
    TargetEntry {
        uid: Uid(uid),
        name: name.into(),
        revision: 1,
        interval: MINUTE,
        spec: ProbeSpec::get(format!("http://{name}/")),
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

/// The state, and the log that it follows from.
pub(crate) struct Story {
    pub(crate) state: State,
    revision: u64,
}

impl Story {
    /// A collector that leads since long before the story begins.
    pub(crate) fn new() -> Self {
        let mut story = Self { state: State::default(), revision: 0 };
        story.log(at(-36_000), Kind::Claim { epoch: 1, log: 1 });
        story
    }

    /// These targets are listed at `second`, and active vantages are known.
    pub(crate) fn listed(vantages: &[&str], targets: Vec<TargetEntry>, second: i64) -> Self {
        let mut story = Self::new();
        story.list(targets, &[], second);
        for name in vantages {
            story.vantage(name, VantageState::Active, second);
        }
        story
    }

    pub(crate) fn list(&mut self, upserts: Vec<TargetEntry>, removals: &[u64], second: i64) {
        self.revision += 1;
        let removals = removals.iter().map(|uid| Uid(*uid)).collect();
        self.log(at(second), Kind::Catalog { revision: self.revision, upserts, removals });
    }

    pub(crate) fn vantage(&mut self, name: &str, state: VantageState, second: i64) {
        self.log(at(second), Kind::Vantage { name: name.into(), state });
    }

    /// The slot of a target in the round that begins at this minute.
    pub(crate) fn slot(vantage: &str, name: &str, minute: i64) -> Timestamp {
        at(minute * 60) + phase_of(name, vantage, MINUTE)
    }

    /// The slot of this minute has a result.
    pub(crate) fn result(&mut self, vantage: &str, name: &str, minute: i64, outcome: Outcome) {
        self.result_at(vantage, name, Self::slot(vantage, name, minute), outcome, 5_000);
    }

    pub(crate) fn result_at(
        &mut self,
        vantage: &str,
        name: &str,
        planned: Timestamp,
        outcome: Outcome,
        latency_us: u32,
    ) {
        let uid = self.state.target(self.idx(name)).uid;
        let phases = Phases { processing_us: latency_us, ..Phases::default() };
        let result = ProbeResult {
            uid,
            revision: 1,
            planned,
            start_delay_ms: 0,
            outcome,
            phases,
            body_bytes: 0,
            note: None,
        };
        let batch = Batch { results: vec![result], missed: Vec::new() };
        self.batch(vantage, "agent", &batch, planned);
    }

    /// The collector judged the slot of this minute to be missed.
    pub(crate) fn missed(&mut self, vantage: &str, name: &str, minute: i64, reason: Missed) {
        let uid = self.state.target(self.idx(name)).uid;
        let planned = Self::slot(vantage, name, minute);
        let range =
            MissedRange { uid, from: planned, to: planned + Duration::from_millis(1), reason };
        let batch = Batch { results: Vec::new(), missed: vec![range] };
        self.batch(vantage, "", &batch, planned + MINUTE * 2);
    }

    fn batch(&mut self, vantage: &str, agent: &str, batch: &Batch, logged: Timestamp) {
        let results = ResultBatch {
            vantage: vantage.into(),
            agent_id: agent.into(),
            zone: format!("{vantage}-a"),
            boot: 1,
            columns: proto::wire::encode_batch(batch),
        };
        self.log(logged, Kind::Results(results));
    }

    pub(crate) fn log(&mut self, at: Timestamp, kind: Kind) {
        self.state.replay(Record { at, kind }).expect("made here");
    }

    pub(crate) fn idx(&self, name: &str) -> TargetIdx {
        self.state.by_name(name).expect("it was listed")
    }

    pub(crate) fn at_vantage(&self, name: &str) -> Option<VantageIdx> {
        Some(self.state.vantage_idx(name).expect("it is known"))
    }
}
