//! `/api/v1/targets/{name}/history`: one target's hours and slots.

use proto::{Outcome, Timestamp, Unexpected};
use serde::Serialize;

use super::hours::{Filter, Hour, Shown, Source, add};
use super::summary::{Window, millis};
use crate::parts::Totals;
use crate::state::{Series, State, TargetIdx, VantageIdx};

/// The hours of a target that touch `[from, to)`, newest first.
pub fn hours(
    state: &State,
    now: Timestamp,
    target: TargetIdx,
    vantage: Option<VantageIdx>,
    (from, to): (Timestamp, Timestamp),
) -> Vec<Hour> {
    let length = state.hours().length();
    let mut start = state.hours().start_of(from);
    let mut found = Vec::new();
    while start < to.min(now) {
        let end = start + length;
        let known = state.hours().get(start);
        let sealed = known.and_then(|hour| hour.sealed.as_ref());
        let source = match sealed {
            _ if start >= state.forgotten() => {
                let mut totals = Totals::default();
                let mut latencies = Vec::new();
                for (_, series) in of(state, target, vantage) {
                    let window = (start, end.min(now));
                    let filter = Filter::default();
                    let series = (&state.target(target).quiet, series);
                    add(&mut totals, state, &filter, series, window, |us| latencies.push(us));
                }
                latencies.sort_unstable();
                Source::Counted(totals, Some(latencies))
            }
            Some(manifest) => Source::Parts(manifest.clone()),
            None => Source::Empty,
        };
        found.push(Hour {
            start,
            is_final: known.map_or(end <= now, |hour| hour.clean().is_some()),
            revision: sealed.map_or(0, |manifest| manifest.revision),
            source,
        });
        start = end;
    }
    found.reverse();
    found
}

fn of(
    state: &State,
    target: TargetIdx,
    only: Option<VantageIdx>,
) -> impl Iterator<Item = (VantageIdx, &Series)> {
    let vantages = state.vantages().map(|(vantage, _)| vantage);
    let vantages = vantages.filter(move |vantage| only.is_none_or(|only| only == *vantage));
    vantages.filter_map(move |vantage| Some((vantage, state.series(vantage, target)?)))
}

/// Where a page of slots goes on: behind this one. Newest first; at one instant in the order of the vantages.
pub type Cursor = (Timestamp, VantageIdx);

/// One slot.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Slot {
    pub planned: String,
    pub vantage: String,
    pub state: &'static str,
    pub started: Option<String>,
    pub agent: Option<String>,
    pub zone: Option<String>,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub unexpected: Option<&'static str>,
    pub missed: Option<&'static str>,
    pub latency_ms: Option<f64>,
    pub maintenance: bool,
}

/// The newest slots planned in `[from, to)`, at most `limit` of them behind `cursor`; and where the next page goes on.
pub fn slots(
    state: &State,
    now: Timestamp,
    target: TargetIdx,
    vantage: Option<VantageIdx>,
    (from, to): (Timestamp, Timestamp),
    cursor: Option<Cursor>,
    limit: usize,
) -> (Vec<Slot>, Option<Cursor>) {
    let from = from.max(state.forgotten());
    let mut end = to.min(now);
    if let Some((planned, _)) = cursor {
        end = end.min(Timestamp::from_millis(planned.millis().saturating_add(1)));
    }
    let mut keys: Vec<Cursor> = Vec::new();
    // From the newest hour back, as far as the page needs.
    while end > from && keys.len() <= limit {
        let last = Timestamp::from_millis(end.millis() - 1);
        let start = state.hours().start_of(last).max(from);
        let mut found: Vec<Cursor> = Vec::new();
        for (vantage, series) in of(state, target, vantage) {
            let mut at = start;
            while let Some((planned, _)) = series.next(at).filter(|(planned, _)| *planned < end) {
                found.push((planned, vantage));
                at = Timestamp::from_millis(planned.millis() + 1);
            }
        }
        let behind = |key: &Cursor| {
            cursor.is_none_or(|(at, place)| key.0 < at || (key.0 == at && key.1 > place))
        };
        found.retain(behind);
        found.sort_unstable_by_key(|(planned, vantage)| (std::cmp::Reverse(*planned), *vantage));
        keys.extend(found);
        end = start;
    }
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().copied().filter(|_| more);
    let slots = keys.iter().filter_map(|(planned, vantage)| {
        let maintenance = state.target(target).quiet.until(*planned).is_some();
        let series = state.series(*vantage, target)?;
        Some(Slot { maintenance, ..slot(state, *vantage, series, *planned) })
    });
    (slots.collect(), next)
}

fn slot(state: &State, vantage: VantageIdx, series: &Series, planned: Timestamp) -> Slot {
    let entry = series.entry(planned);
    let missed = series.missed_reason(planned).filter(|_| entry.is_none());
    let reporter = entry.map(|entry| state.reported_by(entry.reporter));
    let (status, error, unexpected) = match entry.map(|entry| entry.outcome) {
        Some(Outcome::Answered { status, unexpected }) => {
            (Some(status), None, unexpected.map(Unexpected::name))
        }
        Some(Outcome::Failed(failure)) => (None, Some(failure.name()), None),
        None => (None, None, None),
    };
    Slot {
        planned: planned.rfc3339(),
        vantage: state.vantage(vantage).name.clone(),
        state: match (entry, missed) {
            (Some(_), _) => "received",
            (None, Some(_)) => "missed",
            (None, None) => "open",
        },
        started: entry.map(|entry| {
            let late = i64::from(entry.start_delay_ms);
            Timestamp::from_millis(planned.millis().saturating_add(late)).rfc3339()
        }),
        agent: reporter.map(|reporter| reporter.agent_id.clone()),
        zone: reporter.map(|reporter| reporter.zone.clone()),
        status,
        error,
        unexpected,
        missed: missed.map(proto::Missed::name),
        latency_ms: entry.map(|entry| millis(entry.latency_us)),
        maintenance: false,
    }
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Answer {
    pub name: String,
    pub as_of: String,
    pub window: Window,
    pub hours: Vec<Shown>,
    pub slots_from: String,
    pub slots: Vec<Slot>,
    pub next_cursor: Option<String>,
}
