//! Faults of many kinds, over each other.

use std::time::Duration;

use crate::scale::MINUTES;
use crate::seeds::{all_of_them, check_one, seeds};
use crate::world::World;
use crate::world::faults::{Census, Faults, Kind, Moment};

const TEN_MINUTES: Duration = Duration::from_secs(600);

#[test]
fn under_every_fault_at_once_the_books_balance_and_what_was_acknowledged_is_there() {
    let law = "under_every_fault_at_once_the_books_balance_and_what_was_acknowledged_is_there";
    let mut census = Census::new();
    let mut judged = (0, 0);
    for seed in seeds(12) {
        let world = check_one(law, seed, MINUTES, &Faults::any(), |world| world.run(TEN_MINUTES));
        for (cell, count) in world.plan.census {
            *census.entry(cell).or_default() += count;
        }
        judged = (judged.0 + world.books.judged.0, judged.1 + world.books.judged.1);
    }
    println!("targets that had to have an incident at the end, and that must not: {judged:?}");
    assert!(judged.0 > 10 && judged.1 > 10 || !all_of_them(), "incidents: {judged:?}");
    every_kind_hit_at_every_moment(&census);
}

/// A census of which a cell is empty says that something was not tried.
fn every_kind_hit_at_every_moment(census: &Census) {
    let names: Vec<String> = Moment::ALL.iter().map(|moment| format!("{moment:?}")).collect();
    println!("hits of each fault: {}", names.join(", "));
    let mut never = Vec::new();
    for kind in Kind::ALL {
        let mut counts = Vec::new();
        for moment in Moment::ALL {
            let count = census.get(&(kind, moment)).copied().unwrap_or(0);
            counts.push(count.to_string());
            if count == 0 {
                never.push((kind, moment));
            }
        }
        println!("{kind:?}: {}", counts.join(", "));
    }
    assert!(never.is_empty() || !all_of_them(), "these were never tried: {never:?}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let run = |seed| {
        let mut world = World::new(seed, MINUTES, Faults::any());
        world.trace = Some(Default::default());
        world.run(Duration::from_secs(300));
        world.heal_and_converge();
        (world.story().to_owned(), world.trace.unwrap_or_default())
    };
    let (once, again, other) = (run(3), run(3), run(4));
    assert_eq!(once.0, again.0, "the story");
    let differs = once.1.differs(&again.1);
    assert_eq!(differs, None, "the first event that is another");
    assert!(once.1.differs(&other.1).is_some(), "two seeds are one");
}
