//! A recount of the log with code of its own: what was due, what was found, what was judged.
//!
//! The list never changes here, so every target is due at a vantage from one instant on.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proto::{
    Batch, Kind, Missed, MissedRange, Outcome, ResultBatch, TargetEntry, Timestamp, Uid,
    VantageState, WINDOW_MAX, phase_of, wire,
};

use crate::books::Key;

/// A result in the log.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub agent: String,
    pub started: Timestamp,
    pub outcome: Outcome,
}

/// When a probe of a slot may start.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub opens: Timestamp,
    pub closes: Timestamp,
}

#[derive(Debug, Default)]
pub struct Ledger {
    targets: BTreeMap<Uid, (Timestamp, TargetEntry)>,
    vantages: BTreeMap<String, Timestamp>,
    pub attempts: BTreeMap<Key, Vec<Attempt>>,
    judged: BTreeMap<(Uid, String), Vec<MissedRange>>,
}

impl Ledger {
    pub fn of(records: &[Bytes]) -> Self {
        let mut ledger = Self::default();
        for bytes in records {
            let record = wire::decode_record(bytes.clone()).expect("it is what was encoded");
            match record.kind {
                Kind::Catalog { upserts, removals, .. } => {
                    assert!(removals.is_empty(), "nothing leaves the list here");
                    for entry in upserts {
                        let before = ledger.targets.insert(entry.uid, (record.at, entry));
                        assert!(before.is_none(), "nothing changes in the list here: {before:?}");
                    }
                }
                Kind::Vantage { name, state: VantageState::Active } => {
                    ledger.vantages.entry(name).or_insert(record.at);
                }
                Kind::Results(batch) => ledger.results(batch),
                _ => {}
            }
        }
        ledger
    }

    fn results(&mut self, batch: ResultBatch) {
        let Batch { results, missed } =
            wire::decode_batch(&batch.columns).expect("it is what was encoded");
        for result in results {
            let (vantage, started) = (batch.vantage.clone(), result.started());
            let key = Key { uid: result.uid, vantage, planned: result.planned };
            let agent = batch.agent_id.clone();
            let attempt = Attempt { agent, started, outcome: result.outcome };
            self.attempts.entry(key).or_default().push(attempt);
        }
        for range in missed.into_iter().filter(|_| batch.agent_id.is_empty()) {
            self.judged.entry((range.uid, batch.vantage.clone())).or_default().push(range);
        }
    }

    /// Every slot that is due up to `now`.
    pub fn due(&self, now: Timestamp) -> BTreeMap<Key, Window> {
        let mut due = BTreeMap::new();
        for (uid, (listed, entry)) in &self.targets {
            for (vantage, active) in &self.vantages {
                let loaded = (*listed).max(*active);
                let window = entry.interval.min(WINDOW_MAX);
                for planned in starts(entry, vantage, loaded, now) {
                    let opens = planned.max(loaded);
                    let key = Key { uid: *uid, vantage: vantage.clone(), planned };
                    due.insert(key, Window { opens, closes: opens + window });
                }
            }
        }
        due
    }

    /// Why the collector judged a slot missed; nothing if it did not.
    pub fn judged(&self, key: &Key) -> Option<Missed> {
        let ranges = self.judged.get(&(key.uid, key.vantage.clone()))?;
        let around = |range: &&MissedRange| range.from <= key.planned && key.planned < range.to;
        ranges.iter().find(around).map(|range| range.reason)
    }
}

/// The planned starts of a target that is due since `loaded`: the one whose window was open then is the first, and the load
/// itself where there was none.
fn starts(entry: &TargetEntry, vantage: &str, loaded: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let ms = |time: Duration| i64::try_from(time.as_millis()).expect("a short time");
    let interval = ms(entry.interval);
    let phase = ms(phase_of(&entry.name, vantage, entry.interval));
    let from = loaded.millis() - ms(entry.interval.min(WINDOW_MAX)) + 1;
    let first = (from - phase + interval - 1).div_euclid(interval) * interval + phase;
    let extra = (first > loaded.millis()).then_some(loaded.millis());
    let regular = (0..).map(|n| first + n * interval).take_while(|at| *at <= now.millis());
    extra.into_iter().chain(regular).map(Timestamp::from_millis).collect()
}
