//! The oracle: what must be true of the books, counted in its own way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::leader;
use collector::parts;
use collector::state::{Changes, State, snapshot};
use collector::store::Store;
use collector::verdict::Verdict;
use collector::view::summary::{Question, Summary, summary};
use proto::{HourManifest, Kind, Missed, Timestamp, Uid, wire};

use super::world::{HOUR, KEEP, World};

type Key = (Uid, String, Timestamp);

fn state(world: &World) -> &State {
    world.collector.as_ref().expect("the collector lives").state()
}

fn ask(world: &World, window: Duration) -> Summary {
    let question = Question {
        window,
        round: Duration::from_secs(60),
        vantage: None,
        zone: None,
        category: None,
    };
    summary(state(world), world.now, &question)
}

/// Every slot that has a result, as the collector counts it.
fn counted(world: &World) -> BTreeMap<Key, proto::Outcome> {
    let state = state(world);
    let mut counted = BTreeMap::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            for entry in series.received(Timestamp::EPOCH, Timestamp::MAX) {
                let key = (target.uid, v.name.clone(), entry.planned);
                assert!(counted.insert(key, entry.outcome).is_none(), "a key counts once");
            }
        }
    }
    counted
}

/// Every slot that the plan names up to now, found by walking through each millisecond's grid in its own way.
fn due(world: &World) -> BTreeSet<Key> {
    let state = state(world);
    let mut due = BTreeSet::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            for stretch in &series.stretches {
                let (interval, phase) =
                    (stretch.interval.as_millis() as i64, stretch.phase.as_millis() as i64);
                // A target that comes back within an interval has no regular slot up to then: it has one when it comes.
                if stretch.extra && stretch.loaded < stretch.until && stretch.loaded <= world.now {
                    due.insert((target.uid, v.name.clone(), stretch.loaded));
                }
                let first = (stretch.from.millis() - phase) / interval - 1;
                for k in first.. {
                    let planned = k * interval + phase;
                    if planned > world.now.millis() || planned >= stretch.until.millis() {
                        break;
                    }
                    if planned >= stretch.from.millis() {
                        let planned = Timestamp::from_millis(planned);
                        let new = due.insert((target.uid, v.name.clone(), planned));
                        assert!(
                            new,
                            "two stretches plan the same slot: {} {planned}",
                            target.entry.name
                        );
                    }
                }
            }
        }
    }
    due
}

pub fn check(world: &mut World) {
    let (counted, due) = (counted(world), due(world));
    let mut probed: BTreeSet<Key> = BTreeSet::new();
    for seen in &world.seen {
        if !seen.disturbed {
            probed.insert((seen.uid, seen.vantage.clone(), seen.planned));
        }
    }
    for seen in world.seen.iter().filter(|seen| !seen.disturbed) {
        assert_eq!(seen.outcome, world.truth(seen.uid, seen.planned), "the world is consistent");
    }
    for (key, outcome) in &counted {
        assert!(probed.contains(key), "{key:?} counts, and nobody probed it undisturbed");
        assert!(due.contains(key), "{key:?} counts, and was not due");
        assert_eq!(*outcome, world.truth(key.0, key.2), "{key:?} is not what was found");
    }
    if !world.list_changed() {
        for key in &world.acknowledged {
            assert!(counted.contains_key(key), "{key:?} was acknowledged and is not there");
        }
    }
    let whole = ask(world, Duration::from_secs(24 * 3600));
    let missed: u64 = whole.slots.missed.iter().flatten().map(|(_, count)| count).sum();
    let open = whole.slots.open.expect("no zone was asked for");
    assert_eq!(whole.slots.expected, Some(due.len() as u64), "expected is what was due");
    assert_eq!(whole.slots.received, counted.len() as u64);
    assert_eq!(due.len() as u64, whole.slots.received + missed + open, "the books balance");
    let not_reported = Missed::NotReported.name();
    let missed = whole.slots.missed.expect("no zone was asked for");
    assert!(!missed.contains_key(not_reported), "nobody knows why: {missed:?}");
    // After ten minutes of peace only what is due right now may be open.
    let recent = ask(world, Duration::from_secs(200));
    assert_eq!(recent.slots.open, Some(open), "old slots are settled");
    history(world);
    is_quiet(world);
}

/// What was written into parts is what the log says, and the log behind a snapshot is as good as the whole.
fn history(world: &World) {
    let mut whole = State::with_hours_of(HOUR);
    let mut revisions: BTreeMap<Timestamp, HourManifest> = BTreeMap::new();
    for record in &world.archive {
        let record = wire::decode_record(record.clone()).expect("it was decoded before");
        if let Kind::Hour(manifest) = &record.kind {
            final_hours_change_by_revision(&mut revisions, manifest);
        }
        whole.replay(record).expect("it was applied before");
    }
    let mut found = leader::read(&world.log, KEEP, HOUR).expect("the log can be read").state;
    assert_eq!(found.hours().length(), HOUR);
    for (start, hour) in found.hours().range(Timestamp::EPOCH, Timestamp::MAX) {
        let Some(manifest) = hour.clean() else { continue };
        let parts = world.log.parts();
        let totals = parts::hour::totals(parts.as_ref(), manifest).expect("it is there");
        assert_eq!(totals, recount(&whole, start), "the hour at {start} is what it came to");
    }
    for state in [&mut whole, &mut found] {
        state.settle_all(world.now);
        state.forget(world.now, KEEP);
        // From here on every slot is compared, not what parts there are.
        state.hours_mut().expire(Timestamp::MAX, Timestamp::MAX);
        // Evidence grows old without a record: a snapshot knows since when, a log read again does not.
        let all: Vec<_> = state.targets().map(|(idx, _)| idx).collect();
        for idx in all {
            let target = state.target_mut(idx);
            (target.verdict, target.since, target.stale_at) =
                (Verdict::Unknown, None, Timestamp::MAX);
            target.doubt = None;
        }
    }
    // So are its changes, for the same reason.
    whole.changes = Changes::default();
    found.changes = Changes::default();
    for (idx, target) in whole.targets() {
        assert_eq!(format!("{target:?}"), format!("{:?}", found.target(idx)));
        for (vantage, v) in whole.vantages() {
            let slots = |state: &State| {
                let all = state.series(vantage, idx).into_iter();
                let all = all.flat_map(|s| s.all_attempts(Timestamp::EPOCH, Timestamp::MAX));
                all.map(|e| (e.planned, e.outcome, e.suspect)).collect::<Vec<_>>()
            };
            assert_eq!(slots(&whole), slots(&found), "{} at {}", target.entry.name, v.name);
            let runs = |state: &State| {
                let series = state.series(vantage, idx);
                series.map(|s| s.missed_runs(Timestamp::EPOCH, Timestamp::MAX)).unwrap_or_default()
            };
            assert_eq!(runs(&whole), runs(&found), "{} at {}", target.entry.name, v.name);
            let due = |state: &State| {
                let series = state.series(vantage, idx).filter(|s| !s.stretches.is_empty())?;
                Some((series.settled_to, series.stretches.clone()))
            };
            assert_eq!(due(&whole), due(&found), "{} at {}", target.entry.name, v.name);
            let bad = |state: &State| {
                let detail = state.series(vantage, idx)?.last_not_up.as_ref()?;
                Some(format!("{:?} {:?} {:?}", detail.entry.planned, detail.phases, detail.note))
            };
            assert_eq!(bad(&whole), bad(&found), "{} at {}", target.entry.name, v.name);
        }
    }
    let (whole, found) = (snapshot::write(&whole), snapshot::write(&found));
    assert!(whole == found, "a snapshot and the log behind it say what the whole log says");
}

fn final_hours_change_by_revision(
    revisions: &mut BTreeMap<Timestamp, HourManifest>,
    manifest: &HourManifest,
) {
    let before = revisions.insert(manifest.start, manifest.clone());
    let Some(before) = before else {
        assert_eq!(manifest.revision, 1, "the first revision of an hour");
        return;
    };
    let same = HourManifest { as_of: manifest.as_of, ..before.clone() };
    let next = manifest.revision == before.revision + 1;
    assert!(next || same == *manifest, "{before:?} became {manifest:?}");
}

/// The totals of an hour, slot by slot.
fn recount(state: &State, start: Timestamp) -> parts::hour::Groups {
    let mut groups = parts::hour::Groups::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            let mut at = start;
            while let Some((planned, _)) = series.next(at).filter(|(p, _)| *p < start + HOUR) {
                at = Timestamp::from_millis(planned.millis() + 1);
                let key = (v.name.clone(), target.entry.category.clone());
                let group = groups.entry(key).or_default();
                group.planned.tally.expected += 1;
                let mut others = series.attempts(planned);
                let doubted = others.any(|other| !other.suspect && !other.outcome.is_up());
                if let Some(entry) = series.entry(planned) {
                    let unconfirmed = doubted && entry.outcome.is_up();
                    group.planned.tally.unconfirmed += u64::from(unconfirmed);
                    let zone = state.reported_by(entry.reporter).zone.clone();
                    group.zones.entry(zone).or_default().receive(entry);
                } else {
                    let reason = series.missed_reason(planned).expect("final hours are settled");
                    *group.planned.tally.missed.entry(reason).or_default() += 1;
                }
            }
        }
    }
    groups
}

/// The log was trimmed, and hours were written, or nothing above was tried.
pub fn was_trimmed(world: &World) {
    assert!(world.log.head().expect("memory does not fail") > 0, "the log was never trimmed");
    let hours = state(world).hours().range(Timestamp::EPOCH, Timestamp::MAX);
    let sealed = hours.filter(|(_, hour)| hour.clean().is_some()).count();
    assert!(sealed >= 4, "{sealed} hours were written");
}

/// When faults are over, every slot is probed exactly once, by its owner: but for confirmations, which are counted.
fn is_quiet(world: &mut World) {
    let from = world.now;
    let confirmed = world.counters().confirmations;
    world.run(Duration::from_secs(200));
    let mut probes: BTreeMap<Key, u32> = BTreeMap::new();
    for seen in world.seen.iter().filter(|seen| seen.planned >= from) {
        *probes.entry((seen.uid, seen.vantage.clone(), seen.planned)).or_default() += 1;
    }
    let twice: Vec<_> = probes.iter().filter(|(_, count)| **count > 1).collect();
    let again: u64 = twice.iter().map(|(_, count)| u64::from(**count - 1)).sum();
    let confirmed = world.counters().confirmations - confirmed;
    assert!(again <= confirmed, "probed again in peace, {confirmed} to confirm: {twice:?}");
    let settled = world.now - Duration::from_secs(10);
    let lost: Vec<_> = due(world)
        .into_iter()
        .filter(|key| key.2 >= from && key.2 < settled && !probes.contains_key(key))
        .collect();
    assert!(lost.is_empty(), "not probed in peace: {lost:?}");
}

pub fn nothing_missed(world: &World) {
    let whole = ask(world, Duration::from_secs(24 * 3600));
    let received = whole.slots.received;
    let missed = whole.slots.missed.expect("no zone was asked for");
    assert!(missed.is_empty(), "missed without need: {missed:?}");
    assert!(received > 100, "the run did something: {received} received");
}

/// No slot is probed again, but to confirm a failure.
pub fn nothing_probed_twice(world: &World) {
    let mut keys = BTreeSet::new();
    let mut again = 0;
    for seen in &world.seen {
        let key = (seen.uid, seen.vantage.clone(), seen.planned);
        again += u64::from(!keys.insert(key));
    }
    let confirmed = world.counters().confirmations;
    assert!(again <= confirmed, "{again} probed again, {confirmed} of them to confirm a failure");
    assert!(confirmed > 0, "targets fail now and then here");
}

/// A target that was up all the time was never told to be anything else.
pub fn no_verdict_ever_fell(world: &World) {
    let state = world.collector.as_ref().expect("the collector lives").state();
    let changes = world.counters().verdict_changes;
    assert_eq!(changes, state.targets().len() as u64, "each became up, once");
    let whole = ask(world, Duration::from_secs(24 * 3600));
    assert_eq!(whole.failures.len() + usize::from(whole.unexpected.status > 0), 0, "{whole:?}");
}
