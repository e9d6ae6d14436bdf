//! The three routes of the first version, in its shape: every target counts once.
//!
//! With several vantages a target counts by its worst fresh one if its verdict is down, else by its best.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use proto::{Outcome, Timestamp};
use serde::Serialize;

use super::is_of;
use crate::state::{Entry, State, TargetIdx, VantageIdx};
use crate::verdict::{Verdict, evidence, over};

/// Flat counts by status code, failure kind, `missed` or `unknown`.
pub type Counts = BTreeMap<String, u64>;

pub(super) fn label(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Failed(failure) => failure.name().to_owned(),
    }
}

/// The one value of several vantages that speaks for a target: the worst one if the verdict over them `is_bad`, else the
/// best; the newest of equals. What says something about the target goes before `blocked`.
pub(super) fn spokesman<'a>(
    entries: impl Iterator<Item = &'a Entry> + Clone,
    slow_after: Option<Duration>,
    is_bad: impl Fn(Verdict) -> bool,
) -> Option<&'a Entry> {
    let blocked =
        |entry: &&Entry| matches!(entry.outcome, Outcome::Failed(proto::Failure::Blocked));
    let telling = entries.clone().filter(|entry| !blocked(entry));
    let verdict = over(telling.clone().map(|entry| evidence(entry, slow_after)));
    let chosen = if is_bad(verdict) {
        telling.min_by_key(|entry| (entry.rank(), Reverse(entry.planned)))
    } else {
        telling.max_by_key(|entry| (entry.rank(), entry.planned))
    };
    chosen.or_else(|| entries.filter(blocked).max_by_key(|entry| entry.planned))
}

pub(super) fn representative<'a>(
    entries: impl Iterator<Item = &'a Entry> + Clone,
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

/// `/latest-summary`: every target of a part once, by its newest result.
pub fn latest(
    state: &State,
    now: Timestamp,
    only: Option<VantageIdx>,
    part: Range<usize>,
    counts: &mut Counts,
) {
    // Status codes and failures are few: they are named once, not for each target.
    let mut found: HashMap<Option<Outcome>, u64> = HashMap::new();
    let probed = state.targets_in(part).filter(|(_, target)| target.listed && !target.entry.paused);
    for (idx, _) in probed.filter(|(_, target)| is_of(state, target, only)) {
        let outcome = newest(state, idx, now, only).map(|entry| entry.outcome);
        *found.entry(outcome).or_default() += 1;
    }
    for (outcome, count) in found {
        *counts.entry(outcome.map_or_else(|| "unknown".to_owned(), label)).or_default() += count;
    }
}

/// A target in `/websites-status`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Website<'a> {
    pub name: &'a str,
    #[serde(rename = "Category")]
    pub category: &'a str,
    #[serde(rename = "Status")]
    pub status: Option<u16>,
    #[serde(rename = "Error", skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// `/websites-status`: so many targets after a name, as the inside of a JSON object, and the name to go on after.
pub fn websites(
    state: &State,
    now: Timestamp,
    only: Option<VantageIdx>,
    after: Option<&str>,
    most: usize,
) -> (String, Option<String>) {
    let mut text = String::new();
    let mut last = None;
    for (name, idx) in state.after_name(after).take(most) {
        last = Some(name);
        let target = state.target(idx);
        if !target.listed || !is_of(state, target, only) {
            continue;
        }
        let website = website(state, now, only, idx);
        let shown = serde_json::to_string(&website).expect("plain JSON");
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(name).expect("plain JSON"));
        text.push(':');
        text.push_str(&shown);
    }
    let more = last.filter(|last| state.after_name(Some(*last)).next().is_some());
    (text, more.map(str::to_owned))
}

fn website(state: &State, now: Timestamp, only: Option<VantageIdx>, idx: TargetIdx) -> Website<'_> {
    let target = state.target(idx);
    let ever = || {
        let vantages = state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v));
        let mut series = vantages.filter_map(|(v, _)| state.series(v, idx));
        series.any(|s| s.last_up.is_some() || s.last_not_up.is_some())
    };
    let (status, error) = match newest(state, idx, now, only).map(|entry| entry.outcome) {
        _ if target.entry.paused => (None, Some("paused")),
        Some(Outcome::Answered { status, .. }) => (Some(status), None),
        Some(Outcome::Failed(failure)) => (None, Some(failure.name())),
        None if ever() => (None, Some("unknown")),
        None => (None, Some("pending")),
    };
    Website { name: &target.entry.name, category: &target.entry.category, status, error }
}
