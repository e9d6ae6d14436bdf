//! Two routes of the first version, in its shape: every target counts once, in `/websites-status` too.
//!
//! With several vantages a target counts by its worst fresh one if its verdict is down, else by its best.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use proto::{Outcome, Timestamp};

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
    entries: impl Iterator<Item = &'a Entry>,
    slow_after: Option<Duration>,
    is_bad: impl Fn(Verdict) -> bool,
) -> Option<&'a Entry> {
    let (mut best, mut worst, mut blocked) = (None::<&Entry>, None::<&Entry>, None::<&Entry>);
    // In one go: to find a value is what this costs.
    let verdict = over(entries.filter_map(|entry| {
        let planned = entry.planned;
        if matches!(entry.outcome, Outcome::Failed(proto::Failure::Blocked)) {
            blocked = blocked.filter(|other| other.planned > planned).or(Some(entry));
            return None;
        }
        let (rank, older) = (entry.rank(), Reverse(planned));
        best = best.filter(|other| (other.rank(), other.planned) > (rank, planned)).or(Some(entry));
        let is_worse = |other: &&Entry| (other.rank(), Reverse(other.planned)) <= (rank, older);
        worst = worst.filter(is_worse).or(Some(entry));
        Some(evidence(entry, slow_after))
    }));
    let chosen = if is_bad(verdict) { worst } else { best };
    chosen.or(blocked)
}

pub(super) fn representative<'a>(
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
