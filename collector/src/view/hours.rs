//! `/api/v1/hours`: what became of each clock hour's slots, from memory while they are there, from its parts beyond.

use std::collections::BTreeMap;

use proto::{HourManifest, Timestamp};
use serde::Serialize;

use super::summary::{
    Latency, Slots, UnexpectedCounts, UptimeBounds, Window, named, sketched, slots, unexpected,
    uptime,
};
use crate::parts::hour::Groups;
use crate::parts::{Sketch, Totals};
use crate::state::{Quiet, Series, State, TargetIdx, VantageIdx};

/// Which slots are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this vantage.
    pub vantage: Option<VantageIdx>,
    /// Only the results of this zone's agents.
    pub zone: Option<String>,
    /// Only targets of this category.
    pub category: Option<String>,
}

impl Filter {
    /// The series that are asked for.
    pub fn series<'a>(
        &'a self,
        state: &'a State,
    ) -> impl Iterator<Item = (TargetIdx, VantageIdx, &'a Series)> {
        let targets = state.targets().filter(|(_, target)| {
            self.category.as_ref().is_none_or(|wanted| *wanted == target.entry.category)
        });
        targets.flat_map(move |(idx, _)| {
            let vantages = state.vantages().map(|(vantage, _)| vantage);
            let vantages =
                vantages.filter(move |vantage| self.vantage.is_none_or(|only| only == *vantage));
            vantages.filter_map(move |vantage| Some((idx, vantage, state.series(vantage, idx)?)))
        })
    }

    /// What of an hour's totals is asked for. `vantage` is the name of the filter's.
    pub fn of_groups(&self, vantage: Option<&str>, groups: &Groups) -> Totals {
        let mut all = Totals::default();
        for ((place, category), group) in groups {
            let wanted = vantage.is_none_or(|only| only == place)
                && self.category.as_ref().is_none_or(|only| only == category);
            if wanted {
                all.merge(&group.totals(self.zone.as_deref()));
            }
        }
        all
    }
}

/// An hour that is asked for, and where its counts are.
#[derive(Debug)]
pub struct Hour {
    /// Its beginning.
    pub start: Timestamp,
    /// Whether it is written for good as it is.
    pub is_final: bool,
    /// The newest one that was written.
    pub revision: u32,
    /// The counts.
    pub source: Source,
}

/// Where the counts of an hour are.
#[derive(Debug)]
pub enum Source {
    /// Here, with the latencies if those are few enough to be exact.
    Counted(Totals, Option<Vec<u32>>),
    /// In its parts.
    Parts(HourManifest),
    /// Nothing was planned in it.
    Empty,
}

/// Series times hours that are counted from slots: some 50 ms of the core's time. Beyond, finished hours are read from
/// their parts though their slots are there.
const COUNTED_MAX: usize = 100_000;

/// The hours that touch `[from, to)`, newest first.
pub fn hours(
    state: &State,
    now: Timestamp,
    filter: &Filter,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Hour> {
    let length = state.hours().length();
    let mut start = state.hours().start_of(from);
    let mut found = Vec::new();
    let cost = filter.series(state).count().max(1);
    let mut room = COUNTED_MAX / cost;
    while start < to.min(now) {
        found.push(start);
        start = start + length;
    }
    let mut answer = Vec::with_capacity(found.len());
    for start in found.into_iter().rev() {
        let known = state.hours().get(start);
        let clean = known.and_then(|hour| hour.clean());
        let sealed = known.and_then(|hour| hour.sealed.as_ref());
        let source = match (clean.or(sealed), start >= state.forgotten()) {
            (Some(manifest), false) => Source::Parts(manifest.clone()),
            (None, false) => Source::Empty,
            (_, true) if clean.is_none() || room > 0 => {
                room = room.saturating_sub(1);
                count(state, filter, start, (start + length).min(now))
            }
            (Some(manifest), true) => Source::Parts(manifest.clone()),
            (None, true) => Source::Empty,
        };
        answer.push(Hour {
            start,
            is_final: clean.is_some() || (known.is_none() && start + length <= now),
            revision: sealed.map_or(0, |manifest| manifest.revision),
            source,
        });
    }
    answer
}

fn count(state: &State, filter: &Filter, start: Timestamp, end: Timestamp) -> Source {
    let mut totals = Totals::default();
    let mut latencies = Vec::new();
    for (idx, _, series) in filter.series(state) {
        let series = (&state.target(idx).quiet, series);
        add(&mut totals, state, filter, series, (start, end), |us| latencies.push(us));
    }
    latencies.sort_unstable();
    Source::Counted(totals, Some(latencies))
}

/// Counts the slots of a series in `[start, end)`.
pub(super) fn add(
    totals: &mut Totals,
    state: &State,
    filter: &Filter,
    (quiet, series): (&Quiet, &Series),
    (start, end): (Timestamp, Timestamp),
    mut sample: impl FnMut(u32),
) {
    let include = |entry: &crate::state::Entry| match &filter.zone {
        Some(zone) => state.reported_by(entry.reporter).zone == *zone,
        None => true,
    };
    let Totals { tally, latency } = totals;
    tally.count(series, quiet, start, end, include, |entry| {
        if matches!(entry.outcome, proto::Outcome::Answered { .. }) {
            latency.add(entry.latency_us);
            sample(entry.latency_us);
        }
    });
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Answer {
    pub as_of: String,
    pub window: Window,
    pub hours: Vec<Shown>,
}

/// An hour as it is shown.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Shown {
    pub start: String,
    #[serde(rename = "final")]
    pub is_final: bool,
    pub revision: u32,
    pub slots: Slots,
    pub status_codes: BTreeMap<u16, u64>,
    pub unexpected: UnexpectedCounts,
    pub failures: BTreeMap<&'static str, u64>,
    pub in_maintenance: Option<u64>,
    pub latency_ms: Latency,
    pub uptime: Option<UptimeBounds>,
}

/// What an hour came to, in words.
pub fn shown(
    start: Timestamp,
    (is_final, revision): (bool, u32),
    totals: Totals,
    exact: Option<Vec<u32>>,
    zoned: bool,
) -> Shown {
    let Totals { tally, latency: sketch } = totals;
    Shown {
        start: start.rfc3339(),
        is_final: is_final && tally.open == 0,
        revision,
        slots: slots(&tally, zoned),
        unexpected: unexpected(&tally),
        failures: named(&tally),
        in_maintenance: (!zoned).then_some(tally.quiet.expected),
        latency_ms: latency_of(exact, &sketch),
        uptime: uptime(&tally).filter(|_| !zoned),
        status_codes: tally.status_codes,
    }
}

fn latency_of(exact: Option<Vec<u32>>, sketch: &Sketch) -> Latency {
    exact.map_or_else(|| sketched(sketch), Latency::of)
}
