//! What is said about the slots of a run: by the collector, or by a recount that makes a known mistake.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::parts;
use collector::store::Store;
use collector::view::summary::{Question, Summary, summary};
use proto::{Outcome, Timestamp};

use super::ledger::{Ledger, Window};
use crate::mutants::Wrong;
use crate::world::World;
use crate::world::books::{Key, place};

/// What one hour came to: expected and received.
pub type Hours = BTreeMap<Timestamp, (u64, u64)>;

/// Answers to be held against the recount.
pub struct Says {
    pub counted: BTreeMap<Key, Outcome>,
    pub expected: u64,
    pub received: u64,
    pub open: u64,
    pub missed: BTreeMap<&'static str, u64>,
    pub hours: Hours,
}

/// Asks the collector about the last `window`.
pub fn ask(world: &World, window: Duration) -> Summary {
    let round = Duration::from_secs(60);
    let question = Question { window, round, vantage: None, zone: None, category: None };
    summary(world.state(), world.clock(), &question)
}

/// All of a run.
pub const WHOLE: Duration = Duration::from_secs(30 * 3600);

impl Says {
    /// What the collector says.
    pub fn of_collector(world: &World) -> Self {
        let whole = ask(world, WHOLE);
        Self {
            counted: counted(world),
            expected: whole.slots.expected.expect("no zone was asked for"),
            received: whole.slots.received,
            open: whole.slots.open.expect("no zone was asked for"),
            missed: whole.slots.missed.expect("no zone was asked for"),
            hours: hours(world),
        }
    }

    /// What a collector with this mistake would say of the same log.
    pub fn of_mistaken(world: &World, wrong: Wrong) -> Self {
        let mut says = Self::of_collector(world);
        let mut archive = world.log.archive.clone();
        if wrong == Wrong::DeposedCounted {
            let mut deposed = world.log.deposed.clone();
            deposed.sort_by_key(|(position, _)| Reverse(*position));
            for (position, record) in deposed {
                archive.insert(usize::try_from(position).expect("it is short"), record);
            }
        }
        let ledger = Ledger::of(&archive, Some(wrong));
        let counted = ledger.counted();
        says.expected = ledger.due(super::before_now(world)).len() as u64;
        says.counted = counted.iter().map(|(key, (_, outcome))| (*key, *outcome)).collect();
        says.received = says.counted.len() as u64;
        let hour = world.scale.hour;
        match wrong {
            Wrong::HourByArrival => {
                for (start, (_, received)) in &mut says.hours {
                    let inside = counted.values().filter(|(at, _)| at.floor(hour) == *start);
                    *received = inside.count() as u64;
                }
            }
            Wrong::RevisionThatAdds => {
                for (start, (expected, received)) in &mut says.hours {
                    let times = u64::from(ledger.written.get(start).copied().unwrap_or(1));
                    (*expected, *received) = (*expected * times, *received * times);
                }
            }
            Wrong::LogAndHourBothCounted => {
                let written: u64 = says.hours.values().map(|(_, received)| received).sum();
                says.received += written;
            }
            _ => {}
        }
        says
    }
}

/// Every slot that has a result, as the collector counts it.
fn counted(world: &World) -> BTreeMap<Key, Outcome> {
    let state = world.state();
    let mut counted = BTreeMap::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            for entry in series.received(Timestamp::EPOCH, Timestamp::MAX) {
                let key = Key { uid: target.uid, vantage: place(&v.name), planned: entry.planned };
                assert!(counted.insert(key, entry.outcome).is_none(), "{key:?} counts twice");
            }
        }
    }
    counted
}

/// What the parts say of every hour that is written as it is.
fn hours(world: &World) -> Hours {
    let parts = world.log.store.parts();
    let mut hours = Hours::new();
    for (start, hour) in world.state().hours().range(Timestamp::EPOCH, Timestamp::MAX) {
        let Some(manifest) = hour.clean() else { continue };
        let groups = parts::hour::totals(parts.as_ref(), manifest).expect("it is there");
        let sum = hours.entry(start).or_default();
        for group in groups.values() {
            sum.0 += group.planned.tally.expected;
            sum.1 += group.zones.values().map(|zone| zone.tally.received).sum::<u64>();
        }
    }
    hours
}

/// The slots that are due by the collector's own stretches and not by the recount, or the other way round: for a message.
pub fn due_otherwise(world: &World, due: &BTreeMap<Key, Window>) -> Vec<Key> {
    let state = world.state();
    let mut own = BTreeSet::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            let mut cursor = Timestamp::EPOCH;
            while let Some((planned, _)) = series.next(cursor).filter(|(at, _)| *at < world.clock())
            {
                own.insert(Key { uid: target.uid, vantage: place(&v.name), planned });
                cursor = planned + Duration::from_millis(1);
            }
        }
    }
    own.symmetric_difference(&due.keys().copied().collect()).copied().collect()
}
