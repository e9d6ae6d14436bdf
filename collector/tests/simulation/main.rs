//! A collector and its agents, by seed: the real cores over a network, a log, clocks and targets that fail on purpose.
//!
//! Every fault is drawn from the seed, so a failure is replayed by it: `SIM_SEED=7 cargo test -p collector --test
//! simulation`; `SIM_SEEDS=1000` tries more of them. The oracle keeps its own books of what was really probed and recounts what was due in its own way.

mod oracle;
mod random;
mod world;

use std::time::Duration;

use world::{Faults, World};

/// The seeds of a test: 1 to `count`, or as many as `SIM_SEEDS` says, or the one in `SIM_SEED`.
fn seeds(count: u64) -> Vec<u64> {
    let number = |name| Some(std::env::var(name).ok()?.parse().expect("a number"));
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(count)).collect(),
    }
}

#[track_caller]
fn check(count: u64, faults: Faults, run: impl Fn(&mut World)) {
    for seed in seeds(count) {
        let mut world = World::new(seed, faults);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&mut world);
            world.heal_and_converge();
            oracle::check(&mut world);
        }));
        if let Err(panic) = caught {
            eprintln!("{}", world.story());
            eprintln!("replay: SIM_SEED={seed} cargo test -p collector --test simulation");
            std::panic::resume_unwind(panic);
        }
    }
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

#[test]
fn without_faults_every_slot_is_probed_exactly_once() {
    check(5, Faults::NONE, |world| {
        world.run(TEN_MINUTES);
        oracle::nothing_missed(world);
        oracle::nothing_probed_twice(world);
        oracle::was_trimmed(world);
    });
}

#[test]
fn killed_agents_lose_nothing_while_the_window_outlasts_the_lease() {
    let faults = Faults { kill_agents: true, ..Faults::NONE };
    check(10, faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed(world);
    });
}

#[test]
fn a_killed_collector_comes_back_to_what_it_acknowledged_and_loses_nothing() {
    let faults = Faults { kill_collector: true, slow_log: true, ..Faults::NONE };
    check(10, faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed(world);
    });
}

#[test]
fn a_cut_off_agent_delivers_later_and_nothing_counts_twice() {
    let faults = Faults { cut_links: true, ..Faults::NONE };
    check(10, faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed(world);
    });
}

#[test]
fn a_paused_agent_never_makes_a_target_look_bad() {
    let faults = Faults { pause_agents: true, ..Faults::NONE };
    check(10, faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed(world);
    });
}

#[test]
fn an_agent_that_reaches_nothing_never_makes_a_target_look_bad() {
    let faults = Faults { dead_uplinks: true, ..Faults::NONE };
    check(15, faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed(world);
        oracle::no_verdict_ever_fell(world);
    });
}

#[test]
fn a_list_that_changes_at_any_moment_is_accounted_for_to_the_last_slot() {
    let faults = Faults { change_list: true, kill_agents: true, ..Faults::NONE };
    check(10, faults, |world| world.run(TEN_MINUTES));
}

#[test]
fn under_every_fault_at_once_the_books_balance_and_what_was_acknowledged_is_there() {
    check(25, Faults::ALL, |world| world.run(TEN_MINUTES));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let mut world = World::new(seed, Faults::ALL);
        world.run(Duration::from_secs(200));
        world.story()
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}
