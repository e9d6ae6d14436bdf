//! What was missed: for a reason that is true, and only where nobody could have run it.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::{Missed, Timestamp};

use super::ledger::{Ledger, Window};
use crate::world::World;
use crate::world::books::{Key, Unwell, Who};
use crate::world::faults::Kind;
use crate::world::{LEASE, START};

/// Rule 13: what a lost agent left is run by another within lease + 10 s; and here agents take up to 8 s to find back.
const ENOUGH: Duration = Duration::from_secs(40);
/// So much more for each further agent that is lost meanwhile: it may be the one that was asked instead.
const MORE: Duration = Duration::from_secs(30);
/// What a fault brings with it lasts a little longer than the fault.
const AFTER: Duration = Duration::from_secs(30);

/// Holds every missed slot against what the world did.
pub fn check(world: &World, ledger: &Ledger) {
    let due = ledger.due(world.clock());
    let counted = ledger.counted();
    for (key, window) in due.iter().filter(|(key, _)| !counted.contains_key(key)) {
        for reason in ledger.judged(key) {
            let cause = is_true(world, ledger, reason, key, *window);
            assert!(cause, "{key:?} {window:?} was missed for {reason:?}, which is not so");
        }
        let only_in_doubt = ledger.was_attempted(key);
        if !ledger.judged(key).is_empty() && !only_in_doubt {
            let free = free_time(world, key.vantage, *window);
            let enough = ENOUGH + MORE * lost(world, key.vantage, *window).saturating_sub(1);
            assert!(
                free < enough,
                "{key:?} {window:?} was missed ({:?}), and for {free:?} somebody well could have run it",
                ledger.judged(key)
            );
        }
    }
}

fn is_true(world: &World, ledger: &Ledger, reason: Missed, key: &Key, window: Window) -> bool {
    let touched = |kinds: &[Kind]| {
        world.books.unwell.iter().any(|unwell| {
            kinds.contains(&unwell.kind)
                && concerns(world, unwell.who, key.vantage)
                && touches(world, unwell, window)
        })
    };
    let agents = [
        Kind::KillAgent,
        Kind::Cut,
        Kind::CutUp,
        Kind::CutDown,
        Kind::CutAll,
        Kind::PauseAgent,
        Kind::DeadUplink,
    ];
    let collectors =
        [Kind::KillCollector, Kind::PauseCollector, Kind::StallLog, Kind::FailLog, Kind::StepClock];
    let began = clock_of(world, Timestamp::from_millis(START));
    let at_the_start = window.opens < began + AFTER;
    // The place that stands in before any was seen.
    let nobody_lives_there = world.nodes.iter().all(|node| node.vantage != key.vantage);
    match reason {
        Missed::AgentPaused => touched(&[Kind::PauseAgent]),
        Missed::ClockUnsure => touched(&[Kind::StepClock]),
        Missed::CollectorDown => touched(&collectors) || at_the_start,
        Missed::NoAgent => {
            nobody_lives_there || touched(&agents) || touched(&collectors) || at_the_start
        }
        Missed::AgentLost => touched(&agents) || touched(&collectors),
        Missed::AgentSuspect => ledger.was_suspected(key.vantage, window),
        // What was found under suspicion is asked for again, and an order may come when the window has closed.
        Missed::Overloaded => {
            let reopened = ledger.was_suspected(key.vantage, window);
            touched(&agents) || touched(&collectors) || reopened
        }
        Missed::BufferFull => {
            world.is_buffer_scarce() && (touched(&agents) || touched(&collectors))
        }
        Missed::AgentFault | Missed::Refused | Missed::NotReported => false,
    }
}

fn concerns(world: &World, who: Who, vantage: &str) -> bool {
    match who {
        Who::Collector => true,
        Who::Agent(n) => world.nodes[n].vantage == vantage,
    }
}

/// Where an instant of the world's was on the collector's clock, nearly: steps are faults of their own.
fn clock_of(world: &World, at: Timestamp) -> Timestamp {
    world.clock_at(at)
}

fn touches(world: &World, unwell: &Unwell, window: Window) -> bool {
    let (from, to) = (clock_of(world, unwell.from), clock_of(world, unwell.to));
    from < window.closes + LEASE && window.opens < to + AFTER + LEASE
}

/// How many agents of the vantage were not heard of for a lease, in the window or so shortly before it that what they left was not
/// given to others yet.
fn lost(world: &World, vantage: &str, window: Window) -> u32 {
    let gone = world.books.unwell.iter().filter(|unwell| {
        let long = unwell.kind == Kind::KillAgent || unwell.to.since(unwell.from) >= LEASE;
        let (from, to) = (clock_of(world, unwell.from), clock_of(world, unwell.to));
        long && from < window.closes && window.opens < to.max(from + LEASE) + AFTER
    });
    let agents: BTreeSet<usize> = gone
        .filter_map(|unwell| match unwell.who {
            Who::Agent(n) if world.nodes[n].vantage == vantage => Some(n),
            _ => None,
        })
        .collect();
    u32::try_from(agents.len()).expect("a few")
}

/// The longest time inside the window in which the collector and one agent of the vantage were well without a break.
fn free_time(world: &World, vantage: &str, window: Window) -> Duration {
    let nodes = (0..world.nodes.len()).filter(|n| world.nodes[*n].vantage == vantage);
    nodes.map(|n| free_time_of(world, n, window)).max().unwrap_or(Duration::ZERO)
}

fn free_time_of(world: &World, n: usize, window: Window) -> Duration {
    let began = clock_of(world, Timestamp::from_millis(START)) + AFTER;
    let mut cuts: BTreeSet<(Timestamp, Timestamp)> = BTreeSet::new();
    for unwell in &world.books.unwell {
        if matches!(unwell.who, Who::Collector) || unwell.who == Who::Agent(n) {
            let (from, to) = (clock_of(world, unwell.from), clock_of(world, unwell.to));
            // It has to find back first.
            cuts.insert((from, to + Duration::from_secs(10)));
        }
    }
    let mut free = Duration::ZERO;
    let mut from = window.opens.max(began);
    for (start, end) in cuts {
        free = free.max(start.min(window.closes).since(from));
        from = from.max(end);
    }
    free.max(window.closes.since(from))
}
