//! Which seeds a law is held for, and what is said of the one that breaks it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::oracle;
use crate::scale::Scale;
use crate::world::World;
use crate::world::faults::Faults;

/// The seeds of a law: 1 to `count`; the one in `SIM_SEED`; or, from `SIM_FROM` on, as many as `SIM_SEEDS` says.
pub fn seeds(count: u64) -> Vec<u64> {
    let number = |name| Some(std::env::var(name).ok()?.parse::<u64>().expect("a number"));
    if let Some(seed) = number("SIM_SEED") {
        return vec![seed];
    }
    let from = number("SIM_FROM").unwrap_or(1);
    (from..from + number("SIM_SEEDS").unwrap_or(count)).collect()
}

/// Whether a law is tried with all of its seeds, or only with some that somebody asked for.
pub fn all_of_them() -> bool {
    ["SIM_SEED", "SIM_FROM", "SIM_SEEDS"].iter().all(|name| std::env::var(name).is_err())
}

/// Runs a world for each seed, heals it, and holds it against the oracle.
#[track_caller]
pub fn check(law: &str, count: u64, scale: Scale, faults: &Faults, run: impl Fn(&mut World)) {
    for seed in seeds(count) {
        check_one(law, seed, scale, faults, &run);
    }
}

/// As [`check`], for one seed.
#[track_caller]
pub fn check_one(
    law: &str,
    seed: u64,
    scale: Scale,
    faults: &Faults,
    run: impl Fn(&mut World),
) -> World {
    let mut world = World::new(seed, scale, faults.clone());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        run(&mut world);
        world.heal_and_converge();
        oracle::check(&mut world);
    }));
    if let Err(panic) = caught {
        eprintln!("{}", world.last_of_story());
        eprintln!("replay: SIM_SEED={seed} cargo test -p collector --test simulation {law}");
        resume_unwind(panic);
    }
    world
}
