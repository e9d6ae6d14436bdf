//! The schedule by example, and its evenness.

use proto::{ProbeSpec, phase_of};

use super::*;
use crate::admit::AdmitAll;

const TEN_MIN: Duration = Duration::from_secs(600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn shard(number: u32) -> ShardId {
    ShardId::new(number).unwrap()
}

fn target(uid: u64, interval: u64, phase: u64) -> ScheduledTarget {
    ScheduledTarget {
        uid: Uid(uid),
        revision: 1,
        interval: Duration::from_secs(interval),
        phase: Duration::from_secs(phase),
        from: Timestamp::EPOCH,
        spec: ProbeSpec::get("http://a/"),
    }
}

fn grant(from: i64, targets: Vec<ScheduledTarget>) -> Grant {
    Grant { shard: shard(7), from: at(from), content_hash: 42, targets, more: false }
}

/// Admits all but the targets whose URL is empty.
struct Picky;

impl Admit for Picky {
    type Handle = ();
    fn admit(&mut self, target: &ScheduledTarget) -> Result<(), String> {
        if target.spec.url.is_empty() { Err("no URL".into()) } else { Ok(()) }
    }
}

/// The planned starts, in seconds, that come out at each of `times`.
#[track_caller]
fn slots(schedule: &mut Schedule<()>, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut planned = Vec::new();
    for time in times {
        while let Some(due) = schedule.pop_due(at(time)) {
            match due {
                Due::Slot { planned: slot, .. } => planned.push(slot.millis() / 1000),
                other => panic!("at {time}: {other:?}"),
            }
        }
    }
    planned
}

#[test]
fn a_target_is_due_at_its_phase_in_every_interval_from_the_grant_on() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(schedule.next(), Some(at(1_025)));
    assert_eq!(slots(&mut schedule, 900..1_150), [1_025, 1_085, 1_145]);
}

#[test]
fn a_target_starts_at_its_own_from_when_that_is_later() {
    let mut schedule = Schedule::default();
    let late = ScheduledTarget { from: at(1_100), ..target(1, 60, 5) };
    schedule.grant(grant(1_000, vec![late]), &mut Picky);
    assert_eq!(slots(&mut schedule, 1_000..1_160), [1_145]);
}

#[test]
fn granting_everything_twice_issues_no_slot_twice() {
    let mut schedule = Schedule::default();
    let mut issued = Vec::new();
    for time in 1_000..2_000 {
        schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
        issued.extend(slots(&mut schedule, [time]));
    }
    assert_eq!(issued, (0..17).map(|n| 1_025 + 60 * n).filter(|t| *t < 2_000).collect::<Vec<_>>());
    assert!(schedule.heap.len() <= 2 + STALE_MAX, "stale entries are dropped");
}

#[test]
fn a_clock_that_steps_back_repeats_nothing() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(
        slots(&mut schedule, [1_030, 1_090, 1_000, 1_030, 1_090, 1_146]),
        [1_025, 1_085, 1_145]
    );
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(slots(&mut schedule, [1_030, 1_146, 1_206]), [1_205]);
}

#[test]
fn a_revoked_shard_is_probed_up_to_its_end_and_then_forgotten() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5), target(2, 60, 25)]), &mut Picky);
    schedule.revoke(shard(7), at(1_086));
    assert_eq!(schedule.held(), []);
    assert_eq!(slots(&mut schedule, 1_000..1_200), [1_025, 1_045, 1_085]);
    assert_eq!(schedule.targets(), 0);
    assert!(schedule.shards.is_empty());
}

#[test]
fn a_shard_that_comes_back_before_it_went_has_neither_gap_nor_repeat() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(slots(&mut schedule, [1_030]), [1_025]);
    schedule.revoke(shard(7), at(1_100));
    schedule.grant(grant(1_200, vec![target(1, 60, 5)]), &mut Picky);
    // 1145 belongs to somebody else.
    assert_eq!(slots(&mut schedule, 1_031..1_300), [1_085, 1_205, 1_265]);
}

#[test]
fn a_grant_from_a_later_instant_leaves_what_is_planned_before_it() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5), target(2, 60, 6)]), &mut Picky);
    schedule.grant(grant(1_100, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(slots(&mut schedule, 1_000..1_210), [1_025, 1_026, 1_085, 1_086, 1_145, 1_205]);
}

#[test]
fn a_new_interval_starts_at_its_own_from_and_the_old_one_ends_there() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(slots(&mut schedule, 1_000..1_090), [1_025, 1_085]);
    let changed = ScheduledTarget { revision: 2, from: at(1_150), ..target(1, 20, 3) };
    schedule.grant(grant(1_000, vec![changed]), &mut Picky);
    assert_eq!(slots(&mut schedule, 1_090..1_210), [1_145, 1_163, 1_183, 1_203]);
}

#[test]
fn a_new_revision_takes_over_at_the_next_slot() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    assert_eq!(slots(&mut schedule, [1_026]), [1_025]);
    schedule
        .grant(grant(1_000, vec![ScheduledTarget { revision: 2, ..target(1, 60, 5) }]), &mut Picky);
    assert_eq!(
        schedule.pop_due(at(1_086)),
        Some(Due::Slot {
            uid: Uid(1),
            revision: 2,
            planned: at(1_085),
            start_before: at(1_145),
            handle: ()
        })
    );
    assert_eq!(schedule.targets(), 1);
}

#[test]
fn slots_whose_window_has_closed_come_as_one_range_and_the_open_one_as_a_slot() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    let late = Due::Late { uid: Uid(1), from: at(1_025), to: at(1_000_025) };
    assert_eq!(schedule.pop_due(at(1_000_030)), Some(late));
    assert_eq!(slots(&mut schedule, [1_000_030]), [1_000_025]);
}

#[test]
fn a_window_is_no_longer_than_ten_minutes_and_ends_exclusively() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(0, vec![target(1, 3_600, 0)]), &mut Picky);
    let slot = |planned| Due::Slot {
        uid: Uid(1),
        revision: 1,
        planned: at(planned),
        start_before: at(planned + 600),
        handle: (),
    };
    assert_eq!(schedule.pop_due(at(599)), Some(slot(0)));
    let late = Due::Late { uid: Uid(1), from: at(3_600), to: at(7_200) };
    assert_eq!(schedule.pop_due(at(4_200)), Some(late));
    assert_eq!(schedule.pop_due(at(4_200)), None);
    assert_eq!(schedule.pop_due(at(7_200)), Some(slot(7_200)));
}

#[test]
fn a_refused_target_is_said_at_the_grant_and_its_slots_as_they_become_due() {
    let mut schedule = Schedule::default();
    let bad = ScheduledTarget { spec: ProbeSpec::get(""), ..target(1, 60, 5) };
    let refused = schedule.grant(grant(1_000, vec![bad, target(2, 60, 5)]), &mut Picky);
    assert_eq!(refused, [RefusedTarget { uid: Uid(1), revision: 1, reason: "no URL".into() }]);
    let due: Vec<_> = std::iter::from_fn(|| schedule.pop_due(at(1_026))).collect();
    assert!(due.contains(&Due::Refused { uid: Uid(1), from: at(1_025), to: at(1_085) }), "{due:?}");
    assert_eq!(due.len(), 2);
}

#[test]
fn what_is_held_comes_back_with_its_hash() {
    let mut schedule = Schedule::default();
    schedule.grant(grant(1_000, vec![target(1, 60, 5)]), &mut Picky);
    let held = HeldShard { shard: shard(7), from: at(1_000), content_hash: 42 };
    assert_eq!(schedule.held(), [held]);
}

#[test]
fn six_thousand_targets_start_144_times_a_day_each_without_drift_and_without_a_crowd() {
    let mut schedule = Schedule::default();
    let targets = (0..6_000).map(|n| {
        let phase = phase_of(&format!("target-{n}"), "default", TEN_MIN);
        ScheduledTarget { phase, ..target(n, 600, 0) }
    });
    let targets: Vec<_> = targets.collect();
    let phases: Vec<_> = targets.iter().map(|t| t.phase).collect();
    let start = 1_700_000_400;
    schedule.grant(grant(start, targets), &mut AdmitAll);
    let mut starts = vec![0_u32; 6_000];
    let mut seconds = vec![0_u32; 86_400];
    let mut now = at(start);
    while now < at(start + 86_400) {
        while let Some(due) = schedule.pop_due(now) {
            let Due::Slot { uid, planned, .. } = due else { panic!("{due:?}") };
            let index = usize::try_from(uid.0).unwrap();
            assert_eq!(planned.floor(TEN_MIN) + phases[index], planned, "no drift");
            assert_eq!(planned, now, "on time");
            starts[index] += 1;
            seconds[usize::try_from((now.millis() - start * 1000) / 1000).unwrap()] += 1;
        }
        now = schedule.next().unwrap();
    }
    assert!(starts.iter().all(|count| *count == 144), "{starts:?}");
    let crowd = f64::from(*seconds.iter().max().unwrap());
    let mean = 6_000.0 / 600.0;
    assert!(crowd <= mean + 6.0 * f64::sqrt(mean), "{crowd} starts in one second");
}
