//! `/api/v1/targets` and `/api/v1/targets/{name}`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use proto::{Outcome, Timestamp, Unexpected};
use serde::Serialize;

use super::first::spokesman;
use super::is_of;
use super::summary::millis;
use crate::state::{Detail, Entry, Series, State, TargetIdx, TargetState, VantageIdx};
use crate::target_file::{mask_url, show};
use crate::verdict::{Verdict, evidence, fresh_from, over};

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
}

struct Row<'a> {
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
        targets: page.map(listed).collect(),
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
    Some(Row { target, verdict, newest })
}

fn matches(entry: &proto::TargetEntry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let name = entry.name.to_lowercase();
    let url = mask_url(&entry.spec.url).to_lowercase();
    words.iter().all(|word| name.contains(word) || url.contains(word))
}

fn listed(row: &Row<'_>) -> Listed {
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
    }
}

fn outcome(entry: Option<&Entry>) -> (Option<u16>, Option<&'static str>) {
    match entry.map(|entry| entry.outcome) {
        Some(Outcome::Answered { status, .. }) => (Some(status), None),
        Some(Outcome::Failed(failure)) => (None, Some(failure.name())),
        None => (None, None),
    }
}

/// A target in full.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Full {
    pub name: String,
    pub url: String,
    pub category: String,
    pub labels: BTreeMap<String, String>,
    pub interval: String,
    pub timeout: String,
    pub method: String,
    pub expect_status: String,
    pub paused: bool,
    pub verdict: &'static str,
    pub since: Option<String>,
    pub vantages: Vec<At>,
}

/// A target at one vantage.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct At {
    pub vantage: String,
    pub verdict: &'static str,
    pub next_planned: Option<String>,
    pub newest: Option<Probe>,
    pub last_success: Option<Probe>,
    pub newest_failure: Option<Probe>,
    pub unconfirmed: u64,
}

/// One result in full.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Probe {
    pub planned: String,
    pub started: String,
    pub agent: String,
    pub zone: String,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub unexpected: Option<&'static str>,
    pub cause: Option<String>,
    pub latency_ms: f64,
    pub phases_ms: PhasesMs,
    pub address: Option<String>,
    pub certificate_expires: Option<String>,
}

/// The phases, in the field's words.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct PhasesMs {
    pub resolve: f64,
    pub connect: f64,
    pub tls: f64,
    pub processing: f64,
    pub transfer: f64,
}

/// Everything about one target; none when it is not listed.
pub fn full(state: &State, now: Timestamp, name: &str) -> Option<Full> {
    let idx = state.by_name(name)?;
    let target = state.target(idx);
    let entry = target.listed.then_some(&target.entry)?;
    let ranges = entry.spec.expect_status.ranges().iter();
    let text = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let vantages = state.vantages().filter_map(|(vantage, v)| {
        let series = state.series(vantage, idx).filter(|series| series.current().is_some())?;
        Some(at(state, now, target, v.name.clone(), series))
    });
    Some(Full {
        name: entry.name.clone(),
        url: mask_url(&entry.spec.url),
        category: entry.category.clone(),
        labels: entry.labels.iter().cloned().collect(),
        interval: show(entry.interval),
        timeout: show(entry.spec.timeout),
        method: entry.spec.method.clone(),
        expect_status: ranges.map(text).collect::<Vec<_>>().join(","),
        paused: entry.paused,
        verdict: if entry.paused { "paused" } else { target.verdict.name() },
        since: target.since.map(Timestamp::rfc3339),
        vantages: vantages.collect(),
    })
}

fn at(state: &State, now: Timestamp, target: &TargetState, vantage: String, series: &Series) -> At {
    let fresh = series.newest(fresh_from(now, target.entry.interval), false);
    let evidence = fresh.map(|entry| evidence(entry, target.entry.slow_after));
    let (up, not_up) = (series.last_up.as_deref(), series.last_not_up.as_deref());
    let newest = [up, not_up].into_iter().flatten().max_by_key(|detail| detail.entry.planned);
    let shown = |detail: &Detail| probe(state, detail);
    At {
        vantage,
        verdict: over(evidence).name(),
        next_planned: series.next(now).map(|(planned, _)| planned.rfc3339()),
        newest: newest.map(shown),
        last_success: up.map(shown),
        newest_failure: not_up.map(shown),
        unconfirmed: series.unconfirmed(Timestamp::EPOCH, Timestamp::MAX),
    }
}

fn probe(state: &State, detail: &Detail) -> Probe {
    let Detail { entry, phases, note } = detail;
    let reporter = state.reported_by(entry.reporter);
    let (status, error) = outcome(Some(entry));
    let unexpected = match entry.outcome {
        Outcome::Answered { unexpected, .. } => unexpected.map(Unexpected::name),
        Outcome::Failed(_) => None,
    };
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    Probe {
        planned: entry.planned.rfc3339(),
        started: Timestamp::from_millis(entry.planned.millis() + i64::from(entry.start_delay_ms))
            .rfc3339(),
        agent: reporter.agent_id.clone(),
        zone: reporter.zone.clone(),
        status,
        error,
        unexpected,
        cause: some(&note.cause),
        latency_ms: millis(entry.latency_us),
        phases_ms: PhasesMs {
            resolve: millis(phases.resolve_us),
            connect: millis(phases.connect_us),
            tls: millis(phases.tls_us),
            processing: millis(phases.processing_us),
            transfer: millis(phases.transfer_us),
        },
        address: some(&note.remote_address),
        certificate_expires: note.certificate_expires.map(Timestamp::rfc3339),
    }
}

/// What may stand in `?verdict=`.
pub fn verdict_names() -> Vec<&'static str> {
    Verdict::ALL.into_iter().map(Verdict::name).chain(["paused"]).collect()
}
