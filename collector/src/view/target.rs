//! `/api/v1/targets/{name}`: one target in full, from each of its vantages.

use std::collections::BTreeMap;

use proto::{Outcome, Timestamp, Unexpected};
use serde::Serialize;

use super::compare::{Compared, compared};
use super::strip::{Strip, strip};
use super::summary::millis;
use super::targets::outcome;
use crate::state::{Detail, Series, State, TargetIdx, TargetState, VantageIdx};
use crate::target_file::{mask_url, show};
use crate::verdict::{evidence, fresh_from, over};

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
    pub maintenance: Option<String>,
    pub last_hour: Strip,
    pub vantages: Vec<At>,
}

/// A target at one vantage.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct At {
    pub vantage: String,
    pub verdict: &'static str,
    pub since: Option<String>,
    pub last_hour: Strip,
    pub next_planned: Option<String>,
    pub newest: Option<Probe>,
    pub last_success: Option<Probe>,
    pub newest_failure: Option<Probe>,
    pub changed: Option<Compared>,
    pub unconfirmed: u64,
}

/// One result in full.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Probe {
    pub planned: String,
    pub agent: String,
    pub zone: String,
    #[serde(flatten)]
    pub found: Found,
}

/// What a probe found.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Found {
    pub started: String,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub unexpected: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub cause: Option<String>,
    pub latency_ms: f64,
    pub phases_ms: PhasesMs,
    pub address: Option<String>,
    pub protocol: Option<&'static str>,
    pub tls: Option<&'static str>,
    pub redirects: u8,
    pub location: Option<String>,
    pub certificate_expires: Option<String>,
    pub certificate_subject: Option<String>,
    pub certificate_issuer: Option<String>,
    pub headers: BTreeMap<&'static str, String>,
    pub body_start: Option<String>,
    pub body_bytes: u32,
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
        Some(at(state, now, idx, (vantage, &v.name), series))
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
        maintenance: target.quiet.until(now).map(Timestamp::rfc3339),
        last_hour: strip(state, idx, now, None),
        vantages: vantages.collect(),
    })
}

fn at(
    state: &State,
    now: Timestamp,
    idx: TargetIdx,
    (vantage, name): (VantageIdx, &str),
    series: &Series,
) -> At {
    let target = state.target(idx);
    let fresh = series.newest(fresh_from(now, target.entry.interval), false);
    let judged = fresh.map(|entry| evidence(entry, target.entry.slow_after));
    let (up, not_up) = (series.last_up.as_deref(), series.last_not_up.as_deref());
    let newest = [up, not_up].into_iter().flatten().max_by_key(|detail| detail.entry.planned);
    let shown = |detail: &Detail| probe(state, detail);
    At {
        vantage: name.to_owned(),
        verdict: over(judged).name(),
        since: since(target, now, series).map(Timestamp::rfc3339),
        last_hour: strip(state, idx, now, Some(vantage)),
        next_planned: series.next(now).map(|(planned, _)| planned.rfc3339()),
        newest: newest.map(shown),
        last_success: up.map(shown),
        newest_failure: not_up.map(shown),
        changed: up.zip(not_up).map(|(up, not_up)| compared(up, not_up)),
        unconfirmed: series.unconfirmed(Timestamp::EPOCH, Timestamp::MAX),
    }
}

/// Since when a vantage finds what it finds: the start of the first of the newest results that all amount to the same;
/// of the kept ones, so that it may have begun earlier. Of nothing fresh: since the newest one grew old.
fn since(target: &TargetState, now: Timestamp, series: &Series) -> Option<Timestamp> {
    let blocked = |outcome| matches!(outcome, Outcome::Failed(proto::Failure::Blocked));
    let telling = series.received(Timestamp::EPOCH, Timestamp::MAX).rev();
    let mut telling = telling.filter(|entry| !blocked(entry.outcome));
    let newest = telling.next()?;
    let interval = target.entry.interval;
    if newest.planned < fresh_from(now, interval) {
        return Some(newest.planned + interval * 2);
    }
    let slow_after = target.entry.slow_after;
    let now_is = evidence(newest, slow_after);
    let same = telling.take_while(|entry| evidence(entry, slow_after) == now_is);
    Some(same.last().unwrap_or(newest).started())
}

fn probe(state: &State, detail: &Detail) -> Probe {
    let reporter = state.reported_by(detail.entry.reporter);
    Probe {
        planned: detail.entry.planned.rfc3339(),
        agent: reporter.agent_id.clone(),
        zone: reporter.zone.clone(),
        found: found(detail),
    }
}

/// What is told of a result, whoever found it.
pub(super) fn found(detail: &Detail) -> Found {
    let Detail { entry, phases, body_bytes, note } = detail;
    let (status, error) = outcome(Some(entry));
    let unexpected = match entry.outcome {
        Outcome::Answered { unexpected, .. } => unexpected.map(Unexpected::name),
        Outcome::Failed(_) => None,
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let more = note.more.as_deref();
    let headers = more.map_or(&[][..], |more| &more.headers);
    Found {
        started: entry.started().rfc3339(),
        status,
        error,
        unexpected,
        kind: note.kind.map(proto::Cause::name),
        cause: some(&note.cause),
        latency_ms: millis(entry.latency_us),
        phases_ms: PhasesMs {
            resolve: millis(phases.resolve_us),
            connect: millis(phases.connect_us),
            tls: millis(phases.tls_us),
            processing: millis(phases.processing_us),
            transfer: millis(phases.transfer_us),
        },
        address: note.remote_address.map(|address| address.to_string()),
        protocol: note.protocol.map(proto::Protocol::name),
        tls: note.tls.map(proto::TlsVersion::name),
        redirects: note.redirects,
        location: more.and_then(|more| some(&more.location)),
        certificate_expires: note.certificate_expires.map(Timestamp::rfc3339),
        certificate_subject: more.and_then(|more| some(&more.certificate_subject)),
        certificate_issuer: more.and_then(|more| some(&more.certificate_issuer)),
        headers: headers.iter().map(|(name, value)| (name.name(), read(value))).collect(),
        body_start: more.and_then(|more| some(&read(&more.body_start))),
        body_bytes: *body_bytes,
    }
}
