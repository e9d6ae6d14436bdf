//! `/api/v1/targets`: a page of the list.

mod finding;

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{Outcome, Timestamp};
use serde::Serialize;

use super::first::spokesman;
use super::index::Indexing;
use super::is_of;
use super::strip::{Strip, strip};
use super::summary::millis;
use crate::state::{Entry, State, TargetIdx, VantageIdx};
use crate::target_file::{mask_url, show};
use crate::verdict::Verdict;

pub use finding::{Finding, Sorted};

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
    /// After which page.
    pub after: After,
}

/// What is after a page, or before it.
#[derive(Clone, Debug, Default)]
pub enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// The targets with greater names.
    Name(String),
    /// The rest of an order, from this place on.
    Place(Arc<[TargetIdx]>, usize),
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
    pub maintenance: Option<String>,
    pub last_hour: Strip,
}

/// One page of the targets that the question asks for, and what is after it: all of it at once.
pub fn list(state: &State, now: Timestamp, question: &Question) -> (Page, After) {
    let mut indexing = Indexing::new(state);
    while indexing.go_on(state, usize::MAX) {}
    let mut finding = Finding::new(&indexing.finish(), question.clone());
    while finding.go_on(state, now, usize::MAX) {}
    finding.sorted().page(state, now)
}

fn answered(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Answered { .. })
}

/// Gives its verdict if it is; its words were looked for before.
fn is_asked_for(
    state: &State,
    now: Timestamp,
    question: &Question,
    idx: TargetIdx,
) -> Option<&'static str> {
    let target = state.target(idx);
    let entry = &target.entry;
    if !target.listed
        || question.category.as_ref().is_some_and(|wanted| *wanted != entry.category)
        || !question.labels.iter().all(|wanted| entry.labels.contains(wanted))
        || !is_of(state, target, question.vantage)
    {
        return None;
    }
    let verdict = verdict_of(state, now, question, idx);
    let wanted = question.verdict.as_ref().is_none_or(|wanted| *wanted == verdict);
    wanted.then_some(verdict)
}

fn verdict_of(state: &State, now: Timestamp, question: &Question, idx: TargetIdx) -> &'static str {
    let target = state.target(idx);
    match question.vantage {
        _ if target.entry.paused => "paused",
        Some(_) => state.judge(idx, now, question.vantage).name(),
        None => target.verdict.name(),
    }
}

/// The value that stands for a target in the list: of one that is partial what is wrong with it.
fn newest_shown<'a>(
    state: &'a State,
    now: Timestamp,
    question: &Question,
    idx: TargetIdx,
) -> Option<&'a Entry> {
    let fresh = state.fresh(idx, now, question.vantage, true).map(|(_, entry)| entry);
    let is_bad = |verdict| matches!(verdict, Verdict::Partial | Verdict::Down);
    spokesman(fresh, state.target(idx).entry.slow_after, is_bad)
}

fn matches(entry: &proto::TargetEntry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let url = &entry.spec.url;
    // Nothing is made anew for the many that need no mask: a million targets are looked through.
    let masked = url.contains('@').then(|| mask_url(url));
    let url = masked.as_ref().unwrap_or(url);
    words.iter().all(|word| holds(&entry.name, word) || holds(url, word))
}

/// Whether `word`, in lower case and not empty, is in the text in any case.
fn holds(text: &str, word: &str) -> bool {
    if !text.is_ascii() || !word.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

fn listed(
    state: &State,
    now: Timestamp,
    question: &Question,
    (idx, verdict): (TargetIdx, &'static str),
) -> Listed {
    let target = state.target(idx);
    let entry = &target.entry;
    let newest = newest_shown(state, now, question, idx);
    let (status, error) = outcome(newest);
    Listed {
        name: entry.name.clone(),
        url: mask_url(&entry.spec.url),
        category: entry.category.clone(),
        labels: entry.labels.iter().cloned().collect(),
        interval: show(entry.interval),
        paused: entry.paused,
        verdict,
        since: target.since.map(Timestamp::rfc3339),
        status,
        error,
        latency_ms: newest.filter(|entry| answered(entry)).map(|entry| millis(entry.latency_us)),
        last_planned: newest.map(|entry| entry.planned.rfc3339()),
        maintenance: target.quiet.until(now).map(Timestamp::rfc3339),
        last_hour: strip(state, idx, now, question.vantage),
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
