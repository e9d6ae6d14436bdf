//! Mistakes made on purpose, which the oracle must notice; and those that are wasteful only, which it must not.
//!
//! `SIM_MEASURE=40 cargo test … the_oracle_notices -- --nocapture` prints how many seeds each mutant takes, or those whose name
//! has the text in `SIM_MUTANT`, from the seed `SIM_FROM` on.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::Duration;

use crate::mutants::{Mutant, Wrong};
use crate::oracle;
use crate::scale::MINUTES;
use crate::world::World;
use crate::world::faults::{Faults, Kind};

const TEN_MINUTES: Duration = Duration::from_secs(600);

thread_local! {
    static EXPECTS_A_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// The faults under which a mistake shows: any, unless it hardly ever does then.
fn faults(mutant: Mutant) -> Faults {
    match mutant {
        // Agents that cannot deliver for long run out of room.
        Mutant::DroppedRangesUnreported => {
            Faults::at_once(&[Kind::CutAll, Kind::CutUp, Kind::FailLog])
        }
        // What is acknowledged too early is lost with the collector that has yet to log it.
        Mutant::OldAckHonoured => {
            Faults::at_once(&[Kind::KillCollector, Kind::StallLog, Kind::FailLog])
        }
        // What never became part of the log comes again, unless its agent dies, too.
        Mutant::Counts(Wrong::DeposedCounted) => {
            Faults::at_once(&[Kind::KillAgent, Kind::KillCollector, Kind::FailLog, Kind::StallLog])
        }
        _ => Faults::any(),
    }
}

/// What the oracle says of a run in which the mistake is made, if it notices.
fn caught(mutant: Mutant, seed: u64) -> Option<String> {
    static QUIETLY: Once = Once::new();
    QUIETLY.call_once(|| {
        let loudly = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTS_A_PANIC.get() {
                loudly(panic);
            }
        }));
    });
    let mut world = World::new(seed, MINUTES, faults(mutant));
    world.mutant = Some(mutant);
    EXPECTS_A_PANIC.set(true);
    let run = catch_unwind(AssertUnwindSafe(|| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::check(&mut world);
    }));
    EXPECTS_A_PANIC.set(false);
    let panic = run.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default(),
    )
}

/// Each with a seed that shows it.
const CAUGHT: [(Mutant, u64); 33] = [
    (Mutant::AckBeforeAppend, 1),
    (Mutant::PausedProbeAsTimeout, 4),
    (Mutant::TakeoverWithNextSlot, 1),
    (Mutant::OffsetStep, 1),
    (Mutant::LateResultDroppedSilently, 3),
    (Mutant::TrimBeforeManifest, 1),
    (Mutant::AcksOutOfOrder, 1),
    (Mutant::UnknownAppendTakenAsDone, 1),
    (Mutant::PartTakenAsWritten, 1),
    (Mutant::RefusedNotAcknowledged, 2),
    (Mutant::DeltaAgainstSent, 11),
    (Mutant::StaleSpecificationAccepted, 1),
    (Mutant::Counts(Wrong::KeyBySlotNumber), 1),
    (Mutant::Counts(Wrong::LateNotCounted), 3),
    (Mutant::IncidentsForgotten, 1),
    (Mutant::IncidentsTwice, 1),
    (Mutant::ToldBeforeTaken, 1),
    (Mutant::Counts(Wrong::FirstWins), 1),
    (Mutant::Counts(Wrong::LastWins), 1),
    (Mutant::Counts(Wrong::DedupeByStartTime), 1),
    (Mutant::Counts(Wrong::HourByArrival), 1),
    (Mutant::Counts(Wrong::MissedOverwritesResult), 4),
    (Mutant::Counts(Wrong::RevisionThatAdds), 1),
    (Mutant::Counts(Wrong::LogAndHourBothCounted), 1),
    (Mutant::Counts(Wrong::ExpectedFromTodaysCatalog), 1),
    (Mutant::Counts(Wrong::UidReused), 16),
    (Mutant::FreeOnSend, 8),
    (Mutant::TakeoverWithoutClaim, 1),
    (Mutant::SettlesWithoutWaiting, 11),
    (Mutant::OldAckHonoured, 9),
    (Mutant::DroppedRangesUnreported, 1),
    (Mutant::Counts(Wrong::FloorOffByOne), 4),
    (Mutant::Counts(Wrong::DeposedCounted), 38),
];

/// A mistake that has no seed, because other rules make it good: what an agent has yet to deliver is in one batch with what it says it
/// has delivered, or is run once more and counts once.
const OTHERS: [Mutant; 1] = [Mutant::WatermarkBeforeDurable];

/// What is wasteful and not wrong.
const BENIGN: [Mutant; 2] = [Mutant::ResendEverything, Mutant::RunEverythingTwice];

#[test]
fn the_oracle_notices_every_mistake_at_its_seed() {
    if let Ok(seeds) = std::env::var("SIM_MEASURE") {
        return measure(seeds.parse().expect("a number"));
    }
    for (mutant, seed) in CAUGHT {
        let what = caught(mutant, seed);
        assert!(
            what.is_some(),
            "{mutant:?} went unnoticed with seed {seed}. If that seed tells another story now: \
             SIM_MEASURE=1000 SIM_MUTANT={mutant:?} finds one that shows it"
        );
    }
}

#[test]
fn what_is_wasteful_and_not_wrong_does_not_make_the_oracle_fail() {
    for mutant in BENIGN {
        let what = caught(mutant, 1);
        assert!(what.is_none(), "{mutant:?}: {what:?}");
    }
}

/// How many of the first seeds notice each mistake, and how many seeds that takes.
fn measure(seeds: u64) {
    let name = std::env::var("SIM_MUTANT").unwrap_or_default();
    let from: u64 = std::env::var("SIM_FROM").map_or(1, |from| from.parse().expect("a number"));
    let caught_ones = CAUGHT.iter().map(|(mutant, _)| *mutant);
    let all = caught_ones.chain(OTHERS).chain(BENIGN);
    for mutant in all.filter(|mutant| format!("{mutant:?}").contains(&name)) {
        let (mut waits, mut last, mut first) = (Vec::new(), from - 1, String::new());
        for seed in from..from + seeds {
            let Some(what) = caught(mutant, seed) else { continue };
            if waits.is_empty() {
                first = format!("seed {seed}: {}", what.chars().take(110).collect::<String>());
            }
            waits.push(seed - last);
            last = seed;
        }
        waits.sort_unstable();
        let median = waits.get(waits.len() / 2).map_or("none".to_owned(), u64::to_string);
        println!("{mutant:?}: {} of {seeds}, median {median}; {first}", waits.len());
    }
}
