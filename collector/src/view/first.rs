//! The three routes of the first version, in its shape: every target counts once.
//!
//! With several vantages a target counts by its worst fresh one if its verdict is down, else by its best.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Outcome, Timestamp};
use serde::Serialize;

use super::is_of;
use crate::state::{Entry, State, TargetIdx, VantageIdx};
use crate::verdict::{Verdict, evidence, over};

/// Flat counts by status code, failure kind, `missed` or `unknown`.
pub type Counts = BTreeMap<String, u64>;

/// The rounds that `/past-hour-summary` looks back on.
const PAST: Duration = Duration::from_secs(3600);

fn label(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Failed(failure) => failure.name().to_owned(),
    }
}

/// The one value of several vantages that speaks for a target: the worst one if the verdict over them `is_bad`, else the
/// best; the newest of equals. What says something about the target goes before `blocked`.
pub(super) fn spokesman<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    slow_after: Option<Duration>,
    is_bad: impl Fn(Verdict) -> bool,
) -> Option<&'a Entry> {
    let blocked =
        |entry: &&Entry| matches!(entry.outcome, Outcome::Failed(proto::Failure::Blocked));
    let (silent, telling): (Vec<&Entry>, Vec<&Entry>) = entries.partition(blocked);
    let verdict = over(telling.iter().map(|entry| evidence(entry, slow_after)));
    let chosen = if is_bad(verdict) {
        telling.into_iter().min_by_key(|entry| (entry.rank(), Reverse(entry.planned)))
    } else {
        telling.into_iter().max_by_key(|entry| (entry.rank(), entry.planned))
    };
    chosen.or_else(|| silent.into_iter().max_by_key(|entry| entry.planned))
}

fn representative<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    slow_after: Option<Duration>,
) -> Option<&'a Entry> {
    spokesman(entries, slow_after, |verdict| verdict == Verdict::Down)
}

pub(super) fn newest(
    state: &State,
    target: TargetIdx,
    now: Timestamp,
    only: Option<VantageIdx>,
) -> Option<&Entry> {
    let slow_after = state.target(target).entry.slow_after;
    representative(state.fresh(target, now, only, true).map(|(_, entry)| entry), slow_after)
}

/// `/latest-summary`: every target once, by its newest result.
pub fn latest(state: &State, now: Timestamp, only: Option<VantageIdx>) -> Counts {
    let mut counts = Counts::new();
    let probed = state.targets().filter(|(_, target)| target.listed && !target.entry.paused);
    for (idx, _) in probed.filter(|(_, target)| is_of(state, target, only)) {
        let entry = newest(state, idx, now, only);
        let label = entry.map_or_else(|| "unknown".to_owned(), |entry| label(entry.outcome));
        *counts.entry(label).or_default() += 1;
    }
    counts
}

/// A target in `/websites-status`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Website {
    pub name: String,
    #[serde(rename = "Category")]
    pub category: String,
    #[serde(rename = "Status")]
    pub status: Option<u16>,
    #[serde(rename = "Error", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `/websites-status`: every target by name.
pub fn websites(
    state: &State,
    now: Timestamp,
    only: Option<VantageIdx>,
) -> BTreeMap<String, Website> {
    let mut websites = BTreeMap::new();
    let listed = state.targets().filter(|(_, target)| target.listed);
    for (idx, target) in listed.filter(|(_, target)| is_of(state, target, only)) {
        let ever = || {
            let vantages = state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v));
            let mut series = vantages.filter_map(|(v, _)| state.series(v, idx));
            series.any(|s| s.last_up.is_some() || s.last_not_up.is_some())
        };
        let (status, error) = match newest(state, idx, now, only).map(|entry| entry.outcome) {
            _ if target.entry.paused => (None, Some("paused".to_owned())),
            Some(Outcome::Answered { status, .. }) => (Some(status), None),
            Some(Outcome::Failed(failure)) => (None, Some(failure.name().to_owned())),
            None if ever() => (None, Some("unknown".to_owned())),
            None => (None, Some("pending".to_owned())),
        };
        let name = target.entry.name.clone();
        let category = target.entry.category.clone();
        websites.insert(name.clone(), Website { name, category, status, error });
    }
    websites
}

/// A round in `/past-hour-summary`.
#[derive(Debug, Serialize)]
pub struct PastRound {
    /// The slots of the round.
    #[serde(flatten)]
    pub counts: Counts,
    /// Its start, UTC.
    pub time_stamp: String,
}

/// `/past-hour-summary`: the settled whole rounds of the past hour, newest first; not one that began before the first
/// load.
pub fn past_hour(
    state: &State,
    now: Timestamp,
    round: Duration,
    only: Option<VantageIdx>,
) -> Vec<PastRound> {
    let Some(first_load) = state.first_load else { return Vec::new() };
    let mut rounds = Vec::new();
    let mut end = now.floor(round);
    while end - round >= (now - PAST).max(first_load) {
        let start = end - round;
        if let Some(counts) = settled_round(state, start, end, only) {
            rounds.push(PastRound { counts, time_stamp: start.date_time() });
        }
        end = start;
    }
    rounds
}

/// The counts of a round, unless a slot of it is open.
fn settled_round(
    state: &State,
    start: Timestamp,
    end: Timestamp,
    only: Option<VantageIdx>,
) -> Option<Counts> {
    let mut counts = Counts::new();
    for (idx, target) in state.targets() {
        // The slots of one ordinal from all vantages are one slot of the target.
        let mut slots: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
        for (vantage, _) in state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v)) {
            let Some(series) = state.series(vantage, idx) else { continue };
            if series.open_slots(start, end) > 0 {
                return None;
            }
            let mut cursor = start;
            while let Some((planned, stretch)) = series.next(cursor).filter(|(p, _)| *p < end) {
                cursor = planned + Duration::from_millis(1);
                let ordinal = (planned - stretch.phase).floor(stretch.interval).millis();
                slots.entry(ordinal).or_default().extend(series.entry(planned));
            }
        }
        for entries in slots.into_values() {
            let chosen = representative(entries.into_iter(), target.entry.slow_after);
            let label = chosen.map_or_else(|| "missed".to_owned(), |entry| label(entry.outcome));
            *counts.entry(label).or_default() += 1;
        }
    }
    Some(counts)
}
