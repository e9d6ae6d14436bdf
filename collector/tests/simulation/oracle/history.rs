//! What was written into parts is what the log says, and a snapshot with the log behind it is as good as the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use collector::leader;
use collector::parts;
use collector::state::{Changes, State, snapshot};
use collector::store::Store;
use collector::verdict::Verdict;
use proto::{HourManifest, Kind, Timestamp, wire};

use crate::world::{KEEP, World};

/// What was written into parts is what the log says, and the log behind a snapshot is as good as the whole.
pub fn check(world: &World) {
    let hour_length = world.scale.hour;
    let mut whole = State::with_hours_of(hour_length);
    let mut revisions: BTreeMap<Timestamp, HourManifest> = BTreeMap::new();
    for record in &world.log.archive {
        let record = wire::decode_record(record.clone()).expect("it was decoded before");
        if let Kind::Hour(manifest) = &record.kind {
            final_hours_change_by_revision(&mut revisions, manifest);
        }
        whole.replay(record).expect("it was applied before");
    }
    let mut found =
        leader::read(&world.log.store, KEEP, hour_length).expect("the log can be read").state;
    assert_eq!(found.hours().length(), hour_length);
    for (start, hour) in found.hours().range(Timestamp::EPOCH, Timestamp::MAX) {
        let Some(manifest) = hour.clean() else { continue };
        let parts = world.log.store.parts();
        let totals = parts::hour::totals(parts.as_ref(), manifest).expect("it is there");
        assert_eq!(
            totals,
            recount(&whole, start, hour_length),
            "the hour at {start} is what it came to"
        );
    }
    for state in [&mut whole, &mut found] {
        state.settle_all(world.clock());
        state.forget(world.clock(), KEEP);
        settle_at_the_next_slot(state);
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
fn recount(state: &State, start: Timestamp, hour_length: Duration) -> parts::hour::Groups {
    let mut groups = parts::hour::Groups::new();
    for (vantage, v) in state.vantages() {
        for (idx, target) in state.targets() {
            let Some(series) = state.series(vantage, idx) else { continue };
            let mut at = start;
            while let Some((planned, _)) = series.next(at).filter(|(p, _)| *p < start + hour_length)
            {
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

/// Where settling stands between two slots is a matter of when somebody looked, and means the same.
fn settle_at_the_next_slot(state: &mut State) {
    let targets: Vec<_> = state.targets().map(|(idx, _)| idx).collect();
    let vantages: Vec<_> = state.vantages().map(|(idx, _)| idx).collect();
    for vantage in vantages {
        for target in &targets {
            let Some(series) = state.series_mut(vantage, *target) else { continue };
            let next = series.next(series.settled_to).map(|(planned, _)| planned);
            series.settled_to = next
                .or(series.stretches.last().map(|last| last.until))
                .unwrap_or(series.settled_to);
        }
    }
}
