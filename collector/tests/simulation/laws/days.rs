//! Days as an installation has them: targets of ten minutes, hours of an hour, faults of every kind over each other.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::scale::DAY;
use crate::seeds::{check_one, seeds};
use crate::world::faults::Faults;

const HOURS_24: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_day_of_every_fault_at_once_is_accounted_for_to_the_last_slot() {
    let law = "a_day_of_every_fault_at_once_is_accounted_for_to_the_last_slot";
    let queue = Mutex::new(seeds(DAYS).into_iter());
    let next = || queue.lock().expect("nobody panics with it").next();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    check_one(law, seed, DAY, &Faults::any(), |world| world.run(HOURS_24));
                }
            });
        }
    });
}

/// Days that are tried every time: one takes half a minute without optimisation. `SIM_SEEDS` tries more of them.
const DAYS: u64 = 1;
