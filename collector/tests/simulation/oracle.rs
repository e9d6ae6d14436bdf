//! The oracle: what must be true of the books, counted in its own way.
//!
//! Some laws are held at every step, in the world's own books ([`crate::world::books`]): what the log takes is a probe that
//! the world saw undisturbed; what is acknowledged is in the log or was refused with cause. The others are held here, when
//! faults are over. Another part of the collector gets a law here by a file of its own and a line in [`check`].

pub mod acknowledged;
mod delivered;
mod failures;
mod history;
mod incidents;
pub mod judged;
mod ledger;
mod missed;
mod peace;
mod says;

use std::collections::BTreeSet;
use std::time::Duration;

use collector::store::Store;
use proto::{Missed, Timestamp};

use crate::world::World;
use crate::world::books::Key;
use ledger::Ledger;
use says::{Says, WHOLE, ask, due_otherwise};

/// Everything that must hold once faults are over and all has come to rest.
pub fn check(world: &mut World) {
    let says = match world.mistake() {
        None => Says::of_collector(world),
        Some(wrong) => Says::of_mistaken(world, wrong),
    };
    let ledger = Ledger::of(&world.log.archive, None);
    the_books_balance(world, &ledger, &says);
    ledger.specifications_are_in_force(&world.books);
    missed::check(world, &ledger);
    delivered::check(world, &ledger);
    what_is_up_is_not_down(world, &says);
    let refused = &world.books.refused;
    assert!(!refused.contains_key("too_late"), "nothing here is a day late: {refused:?}");
    incidents::check(world);
    history::check(world);
    peace::check(world);
    incidents::all_is_told(world);
}

/// A window ends where now begins: what is planned at this very millisecond is not in it yet.
fn before_now(world: &World) -> Timestamp {
    world.clock() - Duration::from_millis(1)
}

/// The collector counts what an independent recount of the log counts.
fn the_books_balance(world: &World, ledger: &Ledger, says: &Says) {
    let due = ledger.due(before_now(world));
    let counted = ledger.counted();
    for (key, (_, outcome)) in &counted {
        assert_eq!(says.counted.get(key), Some(outcome), "{key:?} is in the log");
        assert!(due.contains_key(key), "{key:?} counts, and was not due");
    }
    for (key, outcome) in &says.counted {
        assert!(
            counted.contains_key(key),
            "{key:?} counts as {outcome:?}, and the log has no such result"
        );
    }
    assert_eq!(
        says.expected,
        due.len() as u64,
        "expected is what was due, but for {:?}",
        due_otherwise(world, &due)
    );
    assert_eq!(says.received, counted.len() as u64, "received is what has a result");
    let missed: u64 = says.missed.values().sum();
    assert_eq!(says.expected, says.received + missed + says.open, "the books balance");
    let nobody_knows = Missed::NotReported.name();
    let unknown = |key: &&Key| ledger.judged(key).contains(&Missed::NotReported);
    let unknown: Vec<_> = due.keys().filter(unknown).take(3).collect();
    let missed = &says.missed;
    assert!(!missed.contains_key(nobody_knows), "nobody knows why: {missed:?}, as of {unknown:?}");
    // After so much peace only what is due right now may be open.
    let recent = ask(world, world.scale.converged / 2);
    assert_eq!(recent.slots.open, Some(says.open), "old slots are settled");
    for key in due.keys().filter(|key| !counted.contains_key(key)) {
        let settled = key.planned + world.scale.converged < world.clock();
        assert!(!settled || !ledger.judged(key).is_empty(), "{key:?} was never settled");
    }
    for (start, (expected, received)) in &says.hours {
        let inside = |key: &&Key| key.planned >= *start && key.planned < *start + world.scale.hour;
        let due = due.keys().filter(inside).count() as u64;
        let counted = counted.keys().filter(inside).count() as u64;
        assert_eq!((*expected, *received), (due, counted), "the hour that begins at {start}");
    }
}

/// Where every target is up all the time, a failure that counts is one that an agent found which reached nothing.
fn what_is_up_is_not_down(world: &World, says: &Says) {
    if !world.targets_are_up {
        return;
    }
    let dead: BTreeSet<Key> = world.dead_failures();
    for (key, outcome) in says.counted.iter().filter(|(_, outcome)| !outcome.is_up()) {
        assert!(dead.contains(key), "{key:?} counts as {outcome:?}, and it was up");
    }
}

/// What the collector says was received, and missed for each reason.
fn received_and_missed(world: &World) -> (u64, std::collections::BTreeMap<&'static str, u64>) {
    let whole = ask(world, WHOLE);
    (whole.slots.received, whole.slots.missed.expect("no zone was asked for"))
}

pub fn nothing_missed(world: &World) {
    let (received, missed) = received_and_missed(world);
    assert!(missed.is_empty(), "missed without need: {missed:?}");
    assert!(received > 100, "the run did something: {received} received");
}

/// A cut agent that finds targets failing while it is away is doubted for that time: what it alone found is not held against
/// them. Anything else is missed without need.
pub fn nothing_missed_but_in_doubt(world: &World) {
    let (received, mut missed) = received_and_missed(world);
    let doubted = missed.remove("agent_suspect").unwrap_or(0);
    assert!(missed.is_empty(), "missed without need: {missed:?}");
    assert!(received > 100 && doubted * 50 < received, "{doubted} doubted, {received} received");
}

/// No slot is probed again, but to confirm a failure.
pub fn nothing_probed_twice(world: &World) {
    let mut keys = BTreeSet::new();
    let mut again = 0;
    for seen in &world.books.seen {
        again += u64::from(!keys.insert(seen.key()));
    }
    let confirmed = world.counters().confirmations + world.counters().canaries;
    assert!(again <= confirmed, "{again} probed again, {confirmed} of them to confirm a failure");
    assert!(confirmed > 0, "targets fail now and then here");
}

/// A target that was up all the time was never told to be anything else.
pub fn no_verdict_ever_fell(world: &World) {
    let changes = world.counters().verdict_changes;
    assert_eq!(changes, world.state().targets().len() as u64, "each became up, once");
    let whole = ask(world, WHOLE);
    assert_eq!(whole.failures.len() + usize::from(whole.unexpected.status > 0), 0, "{whole:?}");
}

/// The log was trimmed, and hours were written, or nothing about them was tried.
pub fn was_trimmed(world: &World) {
    assert!(world.log.store.head().expect("memory does not fail") > 0, "the log was never trimmed");
    let hours = world.state().hours().range(Timestamp::EPOCH, Timestamp::MAX);
    let sealed = hours.filter(|(_, hour)| hour.clean().is_some()).count();
    assert!(sealed >= 4, "{sealed} hours were written");
}
