//! When faults are over it converges, and is quiet.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Kind, Record, Timestamp, wire};

use super::ledger::Ledger;
use crate::mutants::Mutant;
use crate::world::World;
use crate::world::books::Key;

/// Quiet is watched for at least so long, and for two intervals.
const WATCHED: Duration = Duration::from_secs(200);
/// Everything that was found is delivered and acknowledged in this time.
const DELIVERY: Duration = Duration::from_secs(10);

/// What a suspicion set aside is run again by then.
const SUSPECTED: Duration = Duration::from_secs(60);

/// Exactly one probe a key, by its owner, but for confirmations, which are counted; nothing swept, moved, or left to
/// deliver.
pub fn check(world: &mut World) {
    let from = world.clock();
    let before = world.counters().clone();
    world.run(WATCHED.max(world.scale.interval() * 2));
    let after = world.counters();
    let swept = after.swept - before.swept;
    if !was_suspected(world, from) {
        assert_eq!(swept, 0, "swept in peace");
        assert_eq!(after.moves, before.moves, "moved in peace");
    }
    assert_eq!(after.sessions, before.sessions, "connected in peace");
    let confirmed = after.confirmations - before.confirmations;
    let confirmed = confirmed + after.canaries - before.canaries + swept;
    // That one runs everything twice on purpose.
    if world.mutant != Some(Mutant::RunEverythingTwice) {
        once_each(world, from, confirmed);
    }
    everything_is_delivered(world);
}

/// Targets fail by chance, here one in six: of an agent's few most may fail at one time. It is doubted for some seconds then,
/// others run what it found, and its shards move; that it is doubted may still be on its way into the log.
fn was_suspected(world: &World, from: Timestamp) -> bool {
    let agents = world.core().fleet().agents();
    if agents.iter().any(|(_, agent)| agent.suspect.is_some()) {
        return true;
    }
    let mut records = world
        .log
        .archive
        .iter()
        .rev()
        .map(|bytes| wire::decode_record(bytes.clone()).expect("it was decoded before"));
    let lately = |record: &Record| record.at + SUSPECTED >= from;
    records.any(|record| lately(&record) && matches!(record.kind, Kind::Suspicion(_)))
}

fn once_each(world: &World, from: Timestamp, confirmed: u64) {
    let mut probes: BTreeMap<Key, u32> = BTreeMap::new();
    for seen in world.books.seen.iter().filter(|seen| seen.planned >= from) {
        *probes.entry(seen.key()).or_default() += 1;
    }
    let twice: Vec<_> = probes.iter().filter(|(_, count)| **count > 1).collect();
    let again: u64 = twice.iter().map(|(_, count)| u64::from(**count - 1)).sum();
    assert!(again <= confirmed, "probed again in peace, {confirmed} to confirm: {twice:?}");
    let ended = world.clock() - Duration::from_secs(10);
    let due = Ledger::of(&world.log.archive, None).due(world.clock());
    let lost: Vec<_> = due
        .into_keys()
        .filter(|key| key.planned >= from && key.planned < ended && !probes.contains_key(key))
        .collect();
    assert!(lost.is_empty(), "not probed in peace: {lost:?}");
}

/// Every agent holds nothing at some instant of the next few seconds.
fn everything_is_delivered(world: &mut World) {
    let mut waiting: Vec<usize> = (0..world.nodes.len()).collect();
    let step = Duration::from_millis(50);
    let mut left = DELIVERY;
    while !waiting.is_empty() && left > Duration::ZERO {
        waiting.retain(|n| world.nodes[*n].core.as_ref().is_some_and(|c| c.outbox_bytes() > 0));
        world.run(step);
        left = left.saturating_sub(step);
    }
    assert!(waiting.is_empty(), "agents {waiting:?} are left with what they found");
}
