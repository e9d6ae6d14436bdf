//! What living agents found, and what they gave up, is in the log once all has come to rest.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ledger::Ledger;
use crate::world::World;

/// What ended so shortly before is still on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// Holds what the world saw of agents against the log.
pub fn check(world: &World, ledger: &Ledger) {
    let refused = world.books.refused.values().sum::<u64>();
    // An agent whose room is scarce says what it gave up.
    if !world.is_buffer_scarce() {
        let lost = undelivered(world);
        assert!(
            lost.len() as u64 <= refused,
            "living agents found these, and the log has not: {lost:?}"
        );
    }
    if refused == 0 {
        everything_given_up_is_said(world, ledger);
    }
}

/// Probes that ended undisturbed, of processes that live, whose slot has no attempt in the log.
fn undelivered(world: &World) -> Vec<String> {
    let live = world.nodes.iter().filter(|node| node.core.is_some());
    let live: BTreeSet<u64> = live.map(|node| node.boot).collect();
    let found = world.books.seen.iter().filter(|seen| {
        !seen.disturbed && live.contains(&seen.boot) && seen.ended + ON_ITS_WAY < world.now
    });
    let lost = found.filter(|seen| !world.books.logged.contains_key(&seen.key()));
    lost.map(|seen| format!("{:?} at {}", seen.key(), seen.ended)).collect()
}

/// A slot without a result bears the reason that its agent gave, if it was told that this is safe.
fn everything_given_up_is_said(world: &World, ledger: &Ledger) {
    let due = ledger.due(world.clock());
    let counted = ledger.counted();
    for key in due.keys().filter(|key| !counted.contains_key(key)) {
        let ranges = world.books.given_up.iter().filter(|(vantage, range)| {
            *vantage == key.vantage
                && range.uid == key.uid
                && (range.from..range.to).contains(&key.planned)
        });
        for (_, range) in ranges {
            let said = ledger.reported(key).contains(&range.reason);
            assert!(
                said,
                "{key:?}: an agent gave it up ({:?}), and the log does not say so",
                range.reason
            );
        }
    }
}
