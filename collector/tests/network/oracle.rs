//! The oracle: what must be true when faults are over, counted from the log and from what the world saw.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Missed, Timestamp};

use crate::agents::Place;
use crate::books::{Account, Books, Key, START, Says, Seen};
use crate::faults::Trouble;
use crate::ledger::{Ledger, Window};
use crate::world::AT_REST;

/// An agent's idea of the collector's time is no further off, whatever the network does.
const CLOCK_OFF: Duration = Duration::from_secs(4);
/// What is found is in the log after so long, when nothing is wrong.
const DELIVERY: Duration = Duration::from_secs(20);
/// Whoever is well for so long on end runs what is due: a dead stream is noticed in 15 s, tried again within 10 s with
/// 10 s of patience, and what another one left is run within lease + 10 s.
const ENOUGH: Duration = Duration::from_secs(80);

pub fn check(
    books: &Books,
    places: &[Place],
    troubles: &[Trouble],
    rest: &Says,
    account: &Account,
) {
    let ledger = Ledger::of(&account.records);
    let due = ledger.due(account.says.at);
    the_books_balance(&ledger, &due, account);
    what_counts_was_probed(books, &ledger);
    what_was_acknowledged_counts(books, &ledger, account);
    what_was_missed_nobody_could_run(places, troubles, &ledger, &due, account);
    it_is_at_rest(places, rest, &account.says);
    once_at_rest_every_slot_is_probed_once(books, &ledger, &due, account);
    agents_that_stop_have_nothing_left(books, places);
}

/// The collector counts what the recount counts, and every target is up.
fn the_books_balance(ledger: &Ledger, due: &BTreeMap<Key, Window>, account: &Account) {
    let slots = &account.summary.slots;
    let missed = slots.missed.as_ref().expect("no zone was asked for");
    let open = slots.open.expect("no zone was asked for");
    for key in ledger.attempts.keys() {
        assert!(due.contains_key(key), "{key:?} counts, and was not due");
    }
    assert_eq!(slots.expected, Some(due.len() as u64), "expected is what was due");
    assert_eq!(slots.received, ledger.attempts.len() as u64, "received is what has a result");
    let sum = slots.received + missed.values().sum::<u64>() + open;
    assert_eq!(slots.expected, Some(sum), "the books balance: {slots:?}");
    for (key, attempts) in &ledger.attempts {
        assert!(attempts.iter().all(|attempt| attempt.outcome.is_up()), "{key:?}: {attempts:?}");
    }
    let summary = &account.summary;
    assert!(summary.failures.is_empty(), "every target is up: {:?}", summary.failures);
    assert_eq!(summary.targets.down + summary.targets.partial, 0, "every target is up");
}

/// Each result is a probe that somebody saw.
fn what_counts_was_probed(books: &Books, ledger: &Ledger) {
    let seen = by_slot(books);
    for (key, attempts) in &ledger.attempts {
        for attempt in attempts {
            let probes = seen.get(key).map_or(&[][..], Vec::as_slice);
            let fits = |seen: &&Seen| {
                seen.agent == attempt.agent && apart(seen.started, attempt.started) <= CLOCK_OFF
            };
            assert!(probes.iter().any(fits), "{key:?} {attempt:?}: nobody probed that: {probes:?}");
        }
    }
}

/// An agent keeps what is not acknowledged. So of what a process that still lives found and no longer holds, every slot has a
/// result: this one, or one that the log had already and that is better.
fn what_was_acknowledged_counts(books: &Books, ledger: &Ledger, account: &Account) {
    for seen in &books.seen {
        let lives = books.lives[&seen.agent] == seen.life;
        if !lives || seen.ended + DELIVERY > account.says.at {
            continue;
        }
        let counts = ledger.attempts.contains_key(&seen.key);
        assert!(counts, "{seen:?} is nowhere: neither kept nor counted");
    }
}

/// Missed for a reason that is one of a network's, and only where nobody was well for long enough to run it.
fn what_was_missed_nobody_could_run(
    places: &[Place],
    troubles: &[Trouble],
    ledger: &Ledger,
    due: &BTreeMap<Key, Window>,
    account: &Account,
) {
    let network = [Missed::CollectorDown, Missed::NoAgent, Missed::AgentLost, Missed::Overloaded];
    for (key, window) in due.iter().filter(|(key, _)| !ledger.attempts.contains_key(key)) {
        let judged = ledger.judged(key);
        let fits = judged.is_none_or(|reason| network.contains(&reason));
        assert!(fits, "{key:?} {window:?} was missed for {judged:?}");
        // Settled at the end of its window + timeout + lease + 5 s, or while somebody had yet to deliver.
        let late = window.closes + Duration::from_secs(60) < account.says.at;
        assert!(judged.is_some() || !late, "{key:?} {window:?} was never settled");
        let so_far = Window { closes: window.closes.min(account.says.at), ..*window };
        let free = places.iter().enumerate().filter(|(_, place)| place.vantage == key.vantage);
        let free = free.map(|(n, _)| free_time(n, troubles, so_far)).max();
        assert!(
            free.is_some_and(|free| free < ENOUGH),
            "{key:?} {window:?} has no result ({judged:?}), and for {free:?} somebody well could have run it"
        );
    }
}

/// The longest time in the window in which agent `n` and the collector were well.
fn free_time(n: usize, troubles: &[Trouble], window: Window) -> Duration {
    let clock = |at: Duration| Timestamp::from_millis(START) + at;
    let mut hits: Vec<(Timestamp, Timestamp)> = troubles
        .iter()
        .filter(|trouble| trouble.agent.is_none_or(|agent| agent == n))
        .map(|trouble| (clock(trouble.from), clock(trouble.to)))
        .collect();
    hits.sort_unstable();
    let (mut free, mut from) = (Duration::ZERO, window.opens);
    for (begins, ends) in hits {
        free = free.max(begins.min(window.closes).since(from));
        from = from.max(ends);
    }
    free.max(window.closes.since(from))
}

/// Nobody comes, goes or moves, and nothing has to be swept up.
fn it_is_at_rest(places: &[Place], rest: &Says, end: &Says) {
    let mut connected = rest.connected.clone();
    connected.sort_unstable();
    let all: Vec<String> = places.iter().map(|place| place.id.clone()).collect();
    assert_eq!(connected, all, "all are back");
    assert_eq!(end.connected.len(), places.len(), "all stay");
    assert_eq!(end.sessions, rest.sessions, "connected in peace");
    assert_eq!(end.moves, rest.moves, "moved in peace");
    assert_eq!(end.swept, rest.swept, "swept in peace");
}

fn once_at_rest_every_slot_is_probed_once(
    books: &Books,
    ledger: &Ledger,
    due: &BTreeMap<Key, Window>,
    account: &Account,
) {
    let since = Timestamp::from_millis(START) + AT_REST;
    let seen = by_slot(books);
    for key in due.keys().filter(|key| key.planned >= since) {
        if key.planned + DELIVERY > account.says.at {
            continue;
        }
        assert!(ledger.attempts.contains_key(key), "{key:?} was due in peace, and is not received");
        let probes = &seen[key];
        assert_eq!(probes.len(), 1, "{key:?} was probed again in peace: {probes:?}");
    }
}

fn agents_that_stop_have_nothing_left(books: &Books, places: &[Place]) {
    assert_eq!(books.drained.len(), places.len(), "all stopped: {:?}", books.drained);
    for (agent, report) in &books.drained {
        assert!(report.complete, "{agent}: {report:?}");
    }
}

fn by_slot(books: &Books) -> BTreeMap<&Key, Vec<&Seen>> {
    let mut slots: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for seen in &books.seen {
        slots.entry(&seen.key).or_default().push(seen);
    }
    slots
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}
