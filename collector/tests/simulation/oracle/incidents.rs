//! Incidents: each opened once and ended once, by evidence that is in the log; who fails has one, who is well has none; and
//! whoever is to be told of them was told all of it.
//!
//! Their facts are read again here with code of its own, record by record beside the recount of the slots, so that what each
//! fact stands on is what the log had before it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use proto::{
    CauseKind, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, Kind, Timestamp, Uid, wire,
};

use super::failures::Failed;
use super::ledger::Ledger;
use crate::world::World;
use crate::world::receiver::SINK;
use crate::world::{LEASE, TIMEOUT};

/// A verdict waits so long for a second attempt, but for a tick.
const CONFIRMED_AFTER: Duration = TIMEOUT;
/// What is still in the log's queue when something is decided may stand before it in the log.
const QUEUE: Duration = LEASE;
/// A verdict waits seven seconds, failures are gathered for ten; a tick and the log take the rest.
const SETTLED: Duration = Duration::from_secs(25);

/// Some messages are told in this time.
const TELLING: Duration = Duration::from_secs(60);

/// What the log says of one incident.
struct Told {
    kind: IncidentKind,
    store: bool,
    members: BTreeMap<Uid, IncidentMember>,
    closed: bool,
}

/// The log's incidents.
#[derive(Default)]
struct Facts {
    incidents: Vec<Told>,
    /// Of which incident a target is.
    of: BTreeMap<Uid, usize>,
}

impl Facts {
    fn take(&mut self, at: Timestamp, fact: IncidentFact, ledger: &Ledger) {
        let number = fact.incident;
        let index = usize::try_from(number - 1).expect("a few");
        if let IncidentWhat::Opened { kind, cause, .. } = fact.what {
            assert_eq!(
                index,
                self.incidents.len(),
                "incident {number} is opened once, in its turn"
            );
            let (store, members) = (cause.kind == CauseKind::Store, BTreeMap::new());
            self.incidents.push(Told { kind, store, members, closed: false });
            return;
        }
        let incident = self.incidents.get_mut(index).expect("it was opened before");
        assert!(!incident.closed, "incident {number} is over: {:?}", fact.what);
        let failing = incident.kind == IncidentKind::Failing;
        match fact.what {
            IncidentWhat::Joined(member) => {
                let before = incident.members.insert(member.uid, member.clone());
                let worse = before.as_ref().is_some_and(|before| !before.down && member.down);
                assert!(before.is_none() || worse, "{} joins {number} twice", member.uid);
                if failing {
                    let other = self.of.insert(member.uid, index).filter(|other| *other != index);
                    assert_eq!(other, None, "{} has two incidents", member.uid);
                    // Who has it already becomes worse by one attempt: only a turn from well waits for a second.
                    stands_on_evidence(at, number, &member, ledger, before.is_none());
                }
            }
            IncidentWhat::Left { uid, .. } => {
                let member = incident.members.remove(&uid);
                assert!(member.is_some(), "{uid} leaves {number} and was not there");
                self.of.remove(&uid);
            }
            IncidentWhat::Closed => {
                let left: Vec<_> = incident.members.keys().collect();
                assert!(left.is_empty(), "incident {number} is over and {left:?} have it");
                incident.closed = true;
            }
            IncidentWhat::Opened { .. } | IncidentWhat::Caused(_) | IncidentWhat::Grown => {}
        }
    }
}

/// A member brings a failure that an agent found, which nobody doubts, and not that of one attempt alone unless nobody
/// answered in time who was asked to try again.
fn stands_on_evidence(
    at: Timestamp,
    number: u64,
    member: &IncidentMember,
    ledger: &Ledger,
    new: bool,
) {
    let IncidentMember { uid, vantage, planned, outcome, .. } = member;
    let failed = ledger.failed(*uid, at, QUEUE);
    let own: Vec<&Failed> = failed
        .iter()
        .filter(|f| f.vantage == vantage && f.planned == *planned && Some(f.outcome) == *outcome)
        .collect();
    assert!(!own.is_empty(), "{uid} joins {number} by {outcome:?} of {planned}: {failed:?}");
    let doubted = |f: &Failed| f.suspected_at.is_some_and(|since| since + QUEUE <= at);
    assert!(!own.iter().all(|f| doubted(f)), "{uid} joins {number} by what is suspect: {own:?}");
    let waited = failed.iter().any(|f| f.logged + CONFIRMED_AFTER <= at);
    assert!(
        !new || failed.len() > 1 || waited,
        "{uid} joins {number} at {at} by one attempt: {failed:?}"
    );
}

/// Everything that the log says of incidents holds, and so it is in the collector; receivers were told.
pub fn check(world: &mut World) {
    let (facts, ledger) = read(&world.log.archive);
    as_the_collector_has_them(world, &facts);
    let failing = facts.incidents.iter().filter(|i| i.kind == IncidentKind::Failing).count();
    assert!(!world.targets_are_up || failing == 0, "{failing} incidents, and all was up");
    who_fails_has_one(world, &facts, &ledger);
}

/// The log's facts, one after the other, each beside the recount of what is before it.
fn read(archive: &[Bytes]) -> (Facts, Ledger) {
    let (mut facts, mut ledger) = (Facts::default(), Ledger::empty(None));
    for bytes in archive {
        let record = wire::decode_record(bytes.clone()).expect("it was decoded before");
        match record.kind {
            Kind::Incidents(all) => {
                all.into_iter().for_each(|fact| facts.take(record.at, fact, &ledger));
            }
            _ => ledger.take(record),
        }
    }
    (facts, ledger)
}

fn as_the_collector_has_them(world: &World, facts: &Facts) {
    let known = &world.state().incidents;
    assert_eq!(known.count(), facts.incidents.len() as u64, "as many as the log opened");
    for (number, told) in (1..).zip(&facts.incidents) {
        let incident = known.get(number).expect("so few are kept");
        assert_eq!(incident.is_closed(), told.closed, "incident {number}");
        let (members, logged) = (incident.members.keys(), told.members.keys());
        assert!(members.eq(logged), "incident {number} has the members of the log");
    }
}

/// What has been so for long enough: whoever fails from somewhere has an incident, whoever is well has none.
fn who_fails_has_one(world: &mut World, facts: &Facts, ledger: &Ledger) {
    let now = world.clock();
    let (mut failing, mut well) = (0, 0);
    for (uid, fails) in ledger.settled_verdicts(now, SETTLED) {
        let has = facts.of.contains_key(&uid);
        assert_eq!(has, fails, "{uid} fails: {fails}; it has an incident: {has}");
        *(if fails { &mut failing } else { &mut well }) += 1;
    }
    for uid in facts.of.keys() {
        assert!(ledger.is_probed(*uid), "{uid} is not probed and has one");
    }
    world.books.judged = (failing, well);
}

/// Once nothing happens any more, the receiver has every message; each came as often as it had to, and was the same.
pub fn all_is_told(world: &mut World) {
    // Targets fail and return in peace, too: there may be something new at any time, and it takes some seconds to be told.
    let newest = |world: &World| world.state().incidents.messages.count();
    let until = world.now + TELLING;
    while world.receiver.cursor() != Some(newest(world)) {
        assert!(world.now < until, "{:?} of {} is told", world.receiver.cursor(), newest(world));
        world.run(Duration::from_millis(100));
    }
    let messages = &world.state().incidents.messages;
    let mut got = BTreeMap::new();
    for message in &world.receiver.got {
        let before = got.insert(message.number, *message);
        assert!(before.is_none_or(|before| before == *message), "one number, two messages");
    }
    let first = world.log.archive.iter().find_map(|bytes| {
        let record = wire::decode_record(bytes.clone()).expect("it was decoded before");
        match record.kind {
            Kind::Told { sink: SINK, up_to } => Some(up_to),
            _ => None,
        }
    });
    let first = first.expect("it is told since when") + 1;
    let missing: Vec<u64> = (first..=messages.count()).filter(|n| !got.contains_key(n)).collect();
    assert!(missing.is_empty(), "never told: {missing:?}");
    let (facts, _) = read(&world.log.archive);
    for (number, told) in (1..).zip(&facts.incidents).filter(|(_, told)| !told.store) {
        let of: Vec<_> =
            got.values().filter(|m| m.incident == number).map(|m| m.what.name()).collect();
        let count = |name| of.iter().filter(|what| **what == name).count();
        let whole = got.values().next().is_some_and(|m| m.number == 1);
        assert!(count("opened") == 1 || !whole, "incident {number}: {of:?}");
        assert_eq!(count("closed"), usize::from(told.closed), "incident {number}: {of:?}");
        let ends: BTreeSet<_> = of.first().into_iter().collect();
        assert!(ends.contains(&"opened") || !whole, "incident {number} begins so: {of:?}");
    }
}
