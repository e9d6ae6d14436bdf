//! `/api/v1/targets`: a page of the list.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use proto::{Outcome, Timestamp};
use serde::Serialize;

use super::first::spokesman;
use super::is_of;
use super::strip::{Strip, strip};
use super::summary::millis;
use crate::state::{Entry, State, TargetIdx, TargetState, VantageIdx};
use crate::target_file::{mask_url, show};
use crate::verdict::Verdict;

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// What changed last first.
    Since,
    /// The slowest first.
    Latency,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Only these verdicts; `paused` stands for a target that is not probed.
    pub verdict: Option<String>,
    /// Only this category.
    pub category: Option<String>,
    /// Only targets of this vantage, as seen from it.
    pub vantage: Option<VantageIdx>,
    /// Only targets with these labels.
    pub labels: Vec<(String, String)>,
    /// Words, each in the name or the masked URL.
    pub words: Vec<String>,
    /// In which order.
    pub sort: Sort,
    /// How many.
    pub limit: usize,
    /// How many are before these.
    pub offset: usize,
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the contract says what each field means")]
pub struct Page {
    pub targets: Vec<Listed>,
    pub total: usize,
    pub next_cursor: Option<String>,
}

/// A target in a list.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Listed {
    pub name: String,
    pub url: String,
    pub category: String,
    pub labels: BTreeMap<String, String>,
    pub interval: String,
    pub paused: bool,
    pub verdict: &'static str,
    pub since: Option<String>,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub latency_ms: Option<f64>,
    pub last_planned: Option<String>,
    pub last_hour: Strip,
}

struct Row<'a> {
    idx: TargetIdx,
    target: &'a TargetState,
    verdict: &'static str,
    newest: Option<&'a Entry>,
}

/// One page of the targets that the question asks for.
pub fn list(state: &State, now: Timestamp, question: &Question) -> Page {
    let mut rows: Vec<Row<'_>> = state
        .targets()
        .filter(|(_, target)| target.listed)
        .filter_map(|(idx, target)| row(state, now, question, idx, target))
        .collect();
    let name = |row: &Row<'_>| row.target.entry.name.clone();
    match question.sort {
        Sort::Name => rows.sort_by_cached_key(name),
        Sort::Since => rows.sort_by_cached_key(|row| (Reverse(row.target.since), name(row))),
        Sort::Latency => {
            let latency = |row: &Row<'_>| row.newest.filter(|e| answered(e)).map(|e| e.latency_us);
            rows.sort_by_cached_key(|row| (Reverse(latency(row)), name(row)));
        }
    }
    let total = rows.len();
    let end = question.offset.saturating_add(question.limit);
    let page = rows.iter().skip(question.offset).take(question.limit);
    Page {
        targets: page.map(|row| listed(state, now, question.vantage, row)).collect(),
        total,
        next_cursor: (end < total).then(|| end.to_string()),
    }
}

fn answered(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Answered { .. })
}

fn row<'a>(
    state: &'a State,
    now: Timestamp,
    question: &Question,
    idx: TargetIdx,
    target: &'a TargetState,
) -> Option<Row<'a>> {
    let entry = &target.entry;
    if question.category.as_ref().is_some_and(|wanted| *wanted != entry.category)
        || !question.labels.iter().all(|wanted| entry.labels.contains(wanted))
        || !matches(entry, &question.words)
        || !is_of(state, target, question.vantage)
    {
        return None;
    }
    let verdict = match question.vantage {
        _ if entry.paused => "paused",
        Some(_) => state.judge(idx, now, question.vantage).name(),
        None => target.verdict.name(),
    };
    if question.verdict.as_ref().is_some_and(|wanted| *wanted != verdict) {
        return None;
    }
    let fresh = state.fresh(idx, now, question.vantage, true).map(|(_, entry)| entry);
    // Of a target that is partial the list shows what is wrong with it.
    let is_bad = |verdict| matches!(verdict, Verdict::Partial | Verdict::Down);
    let newest = spokesman(fresh, entry.slow_after, is_bad);
    Some(Row { idx, target, verdict, newest })
}

fn matches(entry: &proto::TargetEntry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let name = entry.name.to_lowercase();
    let url = mask_url(&entry.spec.url).to_lowercase();
    words.iter().all(|word| name.contains(word) || url.contains(word))
}

fn listed(state: &State, now: Timestamp, only: Option<VantageIdx>, row: &Row<'_>) -> Listed {
    let entry = &row.target.entry;
    let (status, error) = outcome(row.newest);
    Listed {
        name: entry.name.clone(),
        url: mask_url(&entry.spec.url),
        category: entry.category.clone(),
        labels: entry.labels.iter().cloned().collect(),
        interval: show(entry.interval),
        paused: entry.paused,
        verdict: row.verdict,
        since: row.target.since.map(Timestamp::rfc3339),
        status,
        error,
        latency_ms: row
            .newest
            .filter(|entry| answered(entry))
            .map(|entry| millis(entry.latency_us)),
        last_planned: row.newest.map(|entry| entry.planned.rfc3339()),
        last_hour: strip(state, row.idx, now, only),
    }
}

pub(super) fn outcome(entry: Option<&Entry>) -> (Option<u16>, Option<&'static str>) {
    match entry.map(|entry| entry.outcome) {
        Some(Outcome::Answered { status, .. }) => (Some(status), None),
        Some(Outcome::Failed(failure)) => (None, Some(failure.name())),
        None => (None, None),
    }
}

/// What may stand in `?verdict=`.
pub fn verdict_names() -> Vec<&'static str> {
    Verdict::ALL.into_iter().map(Verdict::name).chain(["paused"]).collect()
}
