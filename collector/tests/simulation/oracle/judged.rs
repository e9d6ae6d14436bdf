//! When a collector may judge slots missed: not before it has led for a minute, and not while a living agent is about to
//! deliver them (rule 7).

use std::time::Duration;

use proto::{Kind, Record, Timestamp, wire};

use crate::world::World;
use crate::world::books::{Seen, place};

/// Agents come back first.
const LEADS_FOR: Duration = Duration::from_secs(60);
/// A slot waits for an agent at most so long.
const WAITS: Duration = Duration::from_secs(15 * 60);
/// A judgement takes so long into the log, at most, while nothing is wrong with it; and a stream to be known at both ends.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// What started later was no start of a schedule: whom the sweep asked is not waited for as long.
const PUNCTUAL: Duration = Duration::from_secs(1);

/// A record has come into the log.
pub fn is_time(world: &World, record: &Record) {
    let Kind::Results(batch) = &record.kind else { return };
    if !batch.agent_id.is_empty() {
        return;
    }
    let led = world.books.leaders.iter().rev().find(|from| **from <= record.at);
    let led = led.expect("whoever judges leads");
    let time = record.at.since(*led);
    assert!(time >= LEADS_FOR, "a collector judged after {time:?}");
    if !world.books.refused.is_empty() || world.is_buffer_scarce() {
        // It may be one of those, or have been given up.
        return;
    }
    let vantage = place(&batch.vantage);
    let judged = wire::decode_batch(&batch.columns).expect("the collector logs what it reads");
    for range in &judged.missed {
        let held = world
            .books
            .found_in(vantage, range)
            .find(|seen| is_about_to_come(world, record.at, seen));
        assert!(
            held.is_none(),
            "{range:?} was judged at {}, and an agent was about to deliver {held:?}",
            record.at
        );
    }
}

/// Whether the agent that found this, on time, has been connected for long enough, and has yet to deliver it.
fn is_about_to_come(world: &World, judged: Timestamp, seen: &Seen) -> bool {
    let punctual = world.clock_at(seen.began).since(seen.planned) < PUNCTUAL;
    let connected = world.connected_since(seen.boot);
    punctual
        && connected.is_some_and(|since| since + ON_ITS_WAY < judged)
        && judged.since(seen.planned) < WAITS
        && !world.books.logged.contains_key(&seen.key())
}
