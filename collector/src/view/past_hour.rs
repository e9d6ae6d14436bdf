//! `/past-hour-summary`: the settled whole rounds of the past hour, each target once a round.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use proto::{Outcome, Timestamp};
use serde::Serialize;

use super::first::{Counts, label, representative};
use crate::state::{Entry, State, TargetIdx, VantageIdx};

/// The rounds that are looked back on.
const PAST: Duration = Duration::from_secs(3600);

/// A round.
#[derive(Debug, Serialize)]
pub struct PastRound {
    /// The slots of the round.
    #[serde(flatten)]
    pub counts: Counts,
    /// Its start, UTC.
    pub time_stamp: String,
}

/// The rounds of the past hour, newest first; not one that began before the first load. All of it at once.
pub fn past_hour(
    state: &State,
    now: Timestamp,
    round: Duration,
    only: Option<VantageIdx>,
) -> Vec<PastRound> {
    let mut counting = PastHour::new(state, now, round, only);
    counting.count(state, 0..usize::MAX);
    counting.finish()
}

/// Counts part by part: a million targets never hold up the core.
#[derive(Debug)]
pub struct PastHour {
    round: Duration,
    only: Option<VantageIdx>,
    /// The start of the oldest round, and the end of the newest.
    begin: Timestamp,
    end: Timestamp,
    /// Newest first. Nothing once a slot of the round was seen to be open.
    rounds: Vec<Option<HashMap<Option<Outcome>, u64>>>,
}

/// A slot of the target that is being counted: of which round, of which ordinal, and its value.
type Slot<'a> = (usize, i64, Option<&'a Entry>);

impl PastHour {
    /// Nothing is counted yet.
    pub fn new(state: &State, now: Timestamp, round: Duration, only: Option<VantageIdx>) -> Self {
        let end = now.floor(round);
        let (mut rounds, mut begin) = (Vec::new(), end);
        let not_before = state.first_load.map_or(Timestamp::MAX, |load| load.max(now - PAST));
        while begin - round >= not_before {
            rounds.push(Some(HashMap::new()));
            begin = begin - round;
        }
        Self { round, only, begin, end, rounds }
    }

    /// Counts these targets.
    pub fn count(&mut self, state: &State, part: Range<usize>) {
        let only = self.only;
        let mut slots: Vec<Slot<'_>> = Vec::new();
        for (idx, target) in state.targets_in(part) {
            slots.clear();
            let vantages = state.vantages().map(|(vantage, _)| vantage);
            for vantage in vantages.filter(|v| only.is_none_or(|only| only == *v)) {
                self.collect(state, idx, vantage, &mut slots);
            }
            // The slots of one ordinal from all vantages are one slot of the target.
            slots.sort_unstable_by_key(|(round, ordinal, _)| (*round, *ordinal));
            for same in slots.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let entries = same.iter().filter_map(|(_, _, entry)| *entry);
                let chosen = representative(entries, target.entry.slow_after);
                if let Some(Some(counts)) = self.rounds.get_mut(same[0].0) {
                    *counts.entry(chosen.map(|entry| entry.outcome)).or_default() += 1;
                }
            }
        }
    }

    /// The slots of a target at a vantage. A round in which one is open is given up.
    fn collect<'a>(
        &mut self,
        state: &'a State,
        idx: TargetIdx,
        vantage: VantageIdx,
        slots: &mut Vec<Slot<'a>>,
    ) {
        let Self { round: length, only: _, begin, end, rounds } = self;
        let Some(series) = state.series(vantage, idx) else { return };
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let mut cursor = *begin;
        while let Some((planned, stretch)) = series.next(cursor).filter(|(p, _)| *p < *end) {
            cursor = planned + Duration::from_millis(1);
            let back = (end.millis() - 1 - planned.millis()) / length_ms;
            let round = usize::try_from(back).unwrap_or(usize::MAX);
            let entry = series.entry(planned);
            if entry.is_none() && !series.is_judged(planned) {
                if let Some(round) = rounds.get_mut(round) {
                    *round = None;
                }
                continue;
            }
            let ordinal = (planned - stretch.phase).floor(stretch.interval).millis();
            slots.push((round, ordinal, entry));
        }
    }

    /// The rounds without an open slot.
    pub fn finish(self) -> Vec<PastRound> {
        let Self { round: length, only: _, begin: _, end, rounds } = self;
        let mut start = end;
        let mut shown = Vec::new();
        for round in rounds {
            start = start - length;
            let Some(found) = round else { continue };
            let mut counts = Counts::new();
            for (outcome, count) in found {
                *counts.entry(outcome.map_or_else(|| "missed".to_owned(), label)).or_default() +=
                    count;
            }
            shown.push(PastRound { counts, time_stamp: start.date_time() });
        }
        shown
    }
}
