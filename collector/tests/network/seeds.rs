//! Which seeds are run, two at a time, and what is said of those that break a law.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::faults::Census;
use crate::world::World;

/// A run is one thread.
const AT_ONCE: usize = 2;

thread_local! {
    /// Something panicked on this thread, and with it in its run: a task's panic is not its host's end.
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// The one in `SIM_SEED`; or, from `SIM_FROM` on, as many as `SIM_SEEDS` says; or 1 to `count`.
fn seeds(count: u64) -> Vec<u64> {
    let number = |name| Some(std::env::var(name).ok()?.parse::<u64>().expect("a number"));
    if let Some(seed) = number("SIM_SEED") {
        return vec![seed];
    }
    let from = number("SIM_FROM").unwrap_or(1);
    (from..from + number("SIM_SEEDS").unwrap_or(count)).collect()
}

/// Runs a world for each seed and holds it against the oracle; together they must have met every kind of fault.
pub fn check(count: u64) {
    // Whoever looks for something turns the programs' log on.
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
    }
    let told = take_hook();
    set_hook(Box::new(move |panic| {
        PANICKED.set(true);
        told(panic);
    }));
    let seeds = seeds(count);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let census = Mutex::new(Census::default());
    let work = || {
        while let Some(seed) =
            usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|n| seeds.get(n))
        {
            match run(*seed) {
                Some(met) => census.lock().unwrap_or_else(PoisonError::into_inner).add(&met),
                None => failed.lock().unwrap_or_else(PoisonError::into_inner).push(*seed),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let census = census.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{census}");
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "of {} seeds these broke a law: {failed:?}", seeds.len());
    if seeds.len() as u64 >= count {
        assert!(census.missing().is_empty(), "never met: {:?}", census.missing());
    }
}

/// What the seed met; none if it broke a law.
fn run(seed: u64) -> Option<Census> {
    let mut world = World::new(seed);
    PANICKED.set(false);
    let caught = catch_unwind(AssertUnwindSafe(|| world.run()));
    if caught.is_err() || PANICKED.get() {
        eprintln!("{}", world.story());
        eprintln!("replay: SIM_SEED={seed} cargo test -p collector --test network");
        return None;
    }
    Some(world.census())
}
