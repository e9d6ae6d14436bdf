//! `/api/v1/uptime`: how much of a longer time targets, categories and vantages were up, with its bounds.

use std::collections::BTreeMap;

use proto::{HourManifest, Timestamp, Uid};
use serde::Serialize;

use super::hours::{Filter, add};
use super::summary::{UptimeBounds, Window, uptime};
use super::tally::Tally;
use crate::parts::hour::Groups;
use crate::parts::{Counts, Totals};
use crate::state::State;

/// What rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// One a target.
    Target,
    /// One a category.
    Category,
    /// One a vantage.
    Vantage,
}

impl By {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Category => "category",
            Self::Vantage => "vantage",
        }
    }
}

/// Counts by what they are of, on the way to an answer.
#[derive(Debug, Default)]
pub struct Counted {
    /// Everything.
    pub all: Counts,
    /// By category or vantage.
    pub groups: BTreeMap<String, Counts>,
    /// By target.
    pub targets: BTreeMap<Uid, Counts>,
}

/// What the state can say at once, and which hours' parts say the rest.
#[derive(Debug)]
pub struct Plan {
    /// When it was made.
    pub now: Timestamp,
    /// Where the window really begins.
    pub from: Timestamp,
    /// From slots that are here.
    pub counted: Counted,
    /// Whole hours.
    pub parts: Vec<HourManifest>,
    /// With rows by target: those that are listed, by uid, each with its name and category.
    pub listed: BTreeMap<Uid, (String, String)>,
}

/// Splits `[from, to)` into whole hours that have parts and the rest, which is counted.
pub fn plan(
    state: &State,
    now: Timestamp,
    filter: &Filter,
    by: Option<By>,
    (from, to): (Timestamp, Timestamp),
) -> Plan {
    let length = state.hours().length();
    let from = if from < state.forgotten() { state.hours().start_of(from) } else { from };
    let mut parts = Vec::new();
    let mut pieces: Vec<(Timestamp, Timestamp)> = Vec::new();
    let mut start = state.hours().start_of(from);
    while start < to.min(now) {
        let end = start + length;
        let piece = (start.max(from), end.min(to).min(now));
        let whole = piece == (start, end);
        let hour = state.hours().get(start);
        let forgotten = start < state.forgotten();
        let manifest = hour.and_then(|hour| match forgotten {
            true => hour.sealed.as_ref(),
            false => hour.clean().filter(|_| whole),
        });
        match manifest {
            Some(manifest) => parts.push(manifest.clone()),
            None if forgotten => {}
            None => match pieces.last_mut() {
                Some(last) if last.1 == piece.0 => last.1 = piece.1,
                _ => pieces.push(piece),
            },
        }
        start = end;
    }
    let mut counted = Counted::default();
    for (idx, vantage, series) in filter.series(state) {
        let mut totals = Totals::default();
        for piece in &pieces {
            let series = (&state.target(idx).quiet, series);
            add(&mut totals, state, filter, series, *piece, |_| {});
        }
        let counts = Counts::of(&totals.tally);
        if counts == Counts::default() {
            continue;
        }
        let target = state.target(idx);
        counted.all.merge(&counts);
        let group = match by {
            None => continue,
            Some(By::Target) => counted.targets.entry(target.uid).or_default(),
            Some(By::Category) => counted.groups.entry(target.entry.category.clone()).or_default(),
            Some(By::Vantage) => {
                counted.groups.entry(state.vantage(vantage).name.clone()).or_default()
            }
        };
        group.merge(&counts);
    }
    let listed = state.targets().filter(|(_, target)| {
        by == Some(By::Target)
            && target.listed
            && filter.category.as_ref().is_none_or(|wanted| *wanted == target.entry.category)
    });
    let listed = listed
        .map(|(_, target)| (target.uid, (target.entry.name.clone(), target.entry.category.clone())))
        .collect();
    Plan { now, from, counted, parts, listed }
}

impl Counted {
    /// Adds the totals of an hour. `vantage` is the name of the filter's.
    pub fn add_groups(
        &mut self,
        filter: &Filter,
        vantage: Option<&str>,
        by: Option<By>,
        groups: &Groups,
    ) {
        for ((place, category), group) in groups {
            let wanted = vantage.is_none_or(|only| only == place)
                && filter.category.as_ref().is_none_or(|only| only == category);
            if !wanted {
                continue;
            }
            let mut counts = Counts::of(&group.planned.tally);
            group.zones.values().for_each(|totals| counts.merge(&Counts::of(&totals.tally)));
            self.all.merge(&counts);
            let name = match by {
                Some(By::Category) => category,
                Some(By::Vantage) => place,
                Some(By::Target) | None => continue,
            };
            self.groups.entry(name.clone()).or_default().merge(&counts);
        }
    }
}

/// Counts with what follows from them.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Share {
    pub expected: u64,
    pub received: u64,
    pub up: u64,
    pub missed: u64,
    pub open: u64,
    pub in_maintenance: u64,
    pub uptime: Option<UptimeBounds>,
}

impl Share {
    fn of(counts: &Counts) -> Self {
        let Counts { expected, received, up, missed, open, quiet } = *counts;
        let mut tally = Tally { expected, received, up, open, quiet, ..Tally::default() };
        tally.missed.insert(proto::Missed::NotReported, missed);
        let in_maintenance = quiet.expected;
        Self { expected, received, up, missed, open, in_maintenance, uptime: uptime(&tally) }
    }
}

/// A row: exactly one of its names is there, and a target's category.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    #[serde(flatten)]
    pub share: Share,
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Answer {
    pub as_of: String,
    pub window: Window,
    pub all: Share,
    pub by: Option<&'static str>,
    pub rows: Vec<Row>,
    pub total: usize,
    pub next_cursor: Option<String>,
}

/// One page of the answer; `to` is where the window ends.
pub fn answer(
    plan: Plan,
    to: Timestamp,
    by: Option<By>,
    (offset, limit): (usize, usize),
) -> Answer {
    let Plan { now, from, counted, parts: _, listed } = plan;
    let none = Counts::default();
    let mut rows: Vec<(String, String, Counts)> = match by {
        None => Vec::new(),
        Some(By::Target) => listed
            .into_iter()
            .map(|(uid, (name, category))| {
                (name, category, counted.targets.get(&uid).unwrap_or(&none).clone())
            })
            .collect(),
        Some(By::Category | By::Vantage) => {
            counted.groups.into_iter().map(|(name, counts)| (name, String::new(), counts)).collect()
        }
    };
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let total = rows.len();
    let page = rows.into_iter().skip(offset).take(limit).map(|(name, category, counts)| {
        let share = Share::of(&counts);
        let (name, none) = (Some(name), None);
        match by {
            Some(By::Category) => Row { target: None, category: name, vantage: none, share },
            Some(By::Vantage) => Row { target: None, category: none, vantage: name, share },
            _ => Row { target: name, category: Some(category), vantage: none, share },
        }
    });
    let end = offset.saturating_add(limit);
    Answer {
        as_of: now.rfc3339(),
        window: Window { from: from.rfc3339(), to: to.min(now).rfc3339() },
        all: Share::of(&counted.all),
        by: by.map(By::name),
        rows: page.collect(),
        total,
        next_cursor: (end < total).then(|| end.to_string()),
    }
}
