//! The last hour of a target as a few letters: one a cell of time, over all its vantages.

use std::time::Duration;

use proto::Timestamp;
use serde::Serialize;

use crate::state::{State, TargetIdx, VantageIdx};
use crate::verdict::{Evidence, evidence};

/// What a strip looks back on.
const PAST: Duration = Duration::from_secs(3600);
/// A cell is never shorter: an hour is 30 of them.
const CELL_MIN: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Strip {
    pub cell_ms: u64,
    pub cells: String,
    pub maintenance: Option<String>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    up: bool,
    slow: bool,
    failing: bool,
    missed: bool,
    open: bool,
}

impl Cell {
    fn letter(self) -> char {
        match self {
            Self { failing: true, up: true, .. } => 'p',
            Self { failing: true, .. } => 'f',
            Self { missed: true, .. } => 'm',
            Self { open: true, .. } => 'o',
            Self { slow: true, .. } => 's',
            Self { up: true, .. } => 'u',
            _ => '.',
        }
    }
}

/// The cells of the last hour, oldest first; the last one holds `now`. A cell is as long as the interval, two minutes at
/// least, and begins at a whole multiple of that.
pub fn strip(state: &State, target: TargetIdx, now: Timestamp, only: Option<VantageIdx>) -> Strip {
    let known = state.target(target);
    let entry = &known.entry;
    let cell = entry.interval.max(CELL_MIN);
    let count = PAST.as_millis().div_ceil(cell.as_millis()).max(1) as u32;
    let first = now.floor(cell) - cell * (count - 1);
    let mut cells = vec![Cell::default(); count as usize];
    for (vantage, _) in state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v)) {
        let Some(series) = state.series(vantage, target) else { continue };
        for (index, seen) in cells.iter_mut().enumerate() {
            let from = first + cell * index as u32;
            let to = (from + cell).min(now);
            for entry_at in series.received(from, to) {
                match evidence(entry_at, entry.slow_after) {
                    Evidence::Up | Evidence::Doubted => seen.up = true,
                    Evidence::Slow => (seen.up, seen.slow) = (true, true),
                    Evidence::Failing => seen.failing = true,
                }
            }
            seen.missed |= series.missed(from, to).next().is_some();
            seen.open |= series.open_slots(from, to) > 0;
        }
    }
    let quiet = |index: u32| {
        let from = first + cell * index;
        known.quiet.between(from, (from + cell).min(now)).next().is_some()
    };
    let marks: String = (0..count).map(|index| if quiet(index) { 'w' } else { '.' }).collect();
    let cell_ms = u64::try_from(cell.as_millis()).unwrap_or(u64::MAX);
    Strip {
        cell_ms,
        cells: cells.into_iter().map(Cell::letter).collect(),
        maintenance: marks.contains('w').then_some(marks),
    }
}
