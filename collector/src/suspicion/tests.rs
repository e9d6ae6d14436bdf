//! Tables: who sees what, and who is suspected.

use std::time::Duration;

use proto::Timestamp;

use super::*;

const TURNED: Seen = Seen::Turned { deaf: true };
const NEW: Seen = Seen::New { deaf: true };

fn view(sights: &[(std::ops::Range<u64>, Seen)]) -> View {
    let mut view = View::default();
    for (places, seen) in sights {
        places.clone().for_each(|place| view.add(place, *seen));
    }
    view
}

fn witness(
    id: u32,
    place: &'static str,
    sights: &[(std::ops::Range<u64>, Seen)],
) -> Witness<'static, u32> {
    let (vantage, zone) = place.split_once('/').expect("vantage/zone");
    let view = view(sights);
    Witness { id, vantage, zone, local: false, suspect: false, view, places_min: PLACES_MIN }
}

#[track_caller]
fn suspects(witnesses: &[Witness<'_, u32>], expected: &[(u32, Circle)]) {
    let found: Vec<_> = judge(witnesses).into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn an_agent_alone_is_suspect_when_it_hears_nothing_over_five_places_and_not_over_four() {
    suspects(&[witness(1, "eu/a", &[(0..5, NEW)])], &[(1, Circle::Vantage)]);
    suspects(&[witness(1, "eu/a", &[(0..4, NEW)])], &[]);
    suspects(&[witness(1, "eu/a", &[(0..9, TURNED), (9..10, Seen::Up)])], &[]);
    suspects(&[witness(1, "eu/a", &[(0..9, Seen::Turned { deaf: false })])], &[]);
    suspects(&[witness(1, "eu/a", &[(0..9, Seen::Old)])], &[]);
}

#[test]
fn an_agent_that_fails_while_the_others_of_its_vantage_do_not_is_suspect() {
    let well = |id, place| witness(id, place, &[(100..120, Seen::Up)]);
    let ill = witness(1, "eu/a", &[(0..6, TURNED), (6..8, Seen::Up)]);
    suspects(&[ill.clone(), well(2, "eu/b")], &[(1, Circle::Zone)]);
    suspects(&[ill.clone(), well(2, "eu/a")], &[(1, Circle::Agent)]);
    suspects(&[ill, well(2, "us/a")], &[(1, Circle::Vantage)]);
}

#[test]
fn a_zone_that_fails_together_is_judged_together() {
    let ill = |id| witness(id, "eu/a", &[(u64::from(id) * 10..u64::from(id) * 10 + 6, TURNED)]);
    let well = witness(3, "eu/b", &[(100..120, Seen::Up)]);
    suspects(&[ill(1), ill(2), well], &[(1, Circle::Zone), (2, Circle::Zone)]);
}

#[test]
fn an_outage_that_another_vantage_sees_too_is_the_targets() {
    let ill = |id, place| witness(id, place, &[(0..10, TURNED)]);
    suspects(&[ill(1, "eu/a"), ill(2, "us/a")], &[]);
    let some = witness(2, "us/a", &[(0..10, TURNED), (20..60, Seen::Up)]);
    suspects(&[ill(1, "eu/a"), some], &[]);
}

#[test]
fn places_that_both_saw_decide() {
    let ill = witness(1, "eu/a", &[(0..10, TURNED)]);
    let sees_them = witness(2, "us/a", &[(0..8, Seen::Up), (20..40, TURNED)]);
    suspects(&[ill, sees_them], &[(1, Circle::Vantage)]);
}

#[test]
fn vantages_that_one_process_plays_do_not_confirm_each_other() {
    let local = |id, place| Witness { local: true, ..witness(id, place, &[(0..10, NEW)]) };
    let (eu, us) = (local(1, "eu/local-a"), local(2, "us/local-b"));
    suspects(&[eu, us], &[(1, Circle::Process), (2, Circle::Process)]);
}

#[test]
fn who_is_suspect_is_no_witness() {
    let ill = witness(1, "eu/a", &[(0..5, NEW)]);
    let other = Witness { suspect: true, ..witness(2, "us/a", &[(100..140, NEW)]) };
    suspects(&[ill, other], &[(1, Circle::Vantage)]);
}

#[test]
fn a_list_with_many_dead_sites_is_no_suspicion_at_the_start() {
    suspects(&[witness(1, "eu/a", &[(0..6, NEW), (6..9, Seen::Up)])], &[]);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn seen(sights: &[(i64, u64, Seen)]) -> Sightings {
    let mut sightings = Sightings::default();
    for (second, place, seen) in sights {
        sightings.add(at(*second), at(*second - 1), *place, *place, *seen);
    }
    sightings
}

#[test]
fn many_targets_behind_one_address_count_once() {
    let sights: Vec<_> = (0..100).map(|n| (n / 10, 7, TURNED)).collect();
    assert!(!seen(&sights).view(at(11)).hears_nothing(PLACES_MIN));
}

#[test]
fn lately_is_a_minute_or_as_long_as_five_places_take() {
    let often: Vec<_> = (0..100).map(|n| (n * 2, n as u64, TURNED)).collect();
    assert_eq!(seen(&often).view(at(200)).iter().count(), 30);
    let seldom: Vec<_> = (0..20).map(|n| (n * 120, n as u64, TURNED)).collect();
    assert_eq!(seen(&seldom).view(at(2_281)).iter().count(), 5);
}

#[test]
fn three_places_that_are_up_again_end_a_suspicion_at_the_first_of_them() {
    let mut sights =
        vec![(100, 1, TURNED), (101, 2, TURNED), (110, 1, Seen::Up), (111, 2, Seen::Up)];
    assert_eq!(seen(&sights).well_since(at(50), at(112)), None);
    sights.push((112, 3, Seen::Up));
    assert_eq!(seen(&sights).well_since(at(50), at(112)), Some(at(109)));
    assert_eq!(seen(&sights).well_since(at(110), at(112)), None, "what began before says nothing");
    assert_eq!(seen(&sights).well_since(at(50), at(112) + Duration::from_secs(60)), None);
}

#[test]
fn a_suspicion_begins_with_the_first_failure() {
    let sights =
        [(10, 1, Seen::Up), (80, 1, TURNED), (81, 2, TURNED), (82, 3, Seen::Up), (83, 4, TURNED)];
    assert_eq!(seen(&sights).failing_since(at(90)), Some(at(79)));
}

#[test]
fn what_a_target_was_found_last_is_what_counts_and_a_place_is_up_while_one_of_its_targets_is() {
    let mut sights: Vec<_> = (0..6).map(|place| (10, place, Seen::Up)).collect();
    sights.extend((0..6).map(|place| (15, place, TURNED)));
    let turned = seen(&sights).view(at(16));
    assert_eq!((turned.ups(), turned.failing().count()), (0, 6), "they were up five seconds ago");
    let mut shared = Sightings::default();
    shared.add(at(10), at(9), 1, 7, Seen::Up);
    shared.add(at(12), at(11), 2, 7, TURNED);
    assert_eq!(shared.view(at(13)).ups(), 1);
}

#[test]
fn failures_of_an_earlier_time_do_not_make_a_suspicion_begin_before_its_own() {
    let early = (0..6).map(|place| (10, place, NEW));
    let up = (0..6).map(|place| (12, place, Seen::Up));
    let late = (0..6).map(|place| (30, place, TURNED));
    let sightings = seen(&early.chain(up).chain(late).collect::<Vec<_>>());
    assert_eq!(sightings.failing_since(at(31)), Some(at(29)));
    assert_eq!(sightings.well_since(at(27), at(31)), None, "what was up before it says nothing");
}

#[test]
fn a_suspicion_ends_after_its_failures_and_not_with_what_was_up_before_them() {
    let before = (0..4).map(|place| (10 + place as i64, place, Seen::Up));
    let cut = (4..12).map(|place| (15, place, TURNED));
    let canaries = (0..9).map(|place| (25, place, Seen::Up));
    let sights: Vec<_> = before.chain(cut).collect();
    assert_eq!(seen(&sights).well_since(at(14), at(16)), None);
    let well: Vec<_> = sights.into_iter().chain(canaries).collect();
    assert_eq!(seen(&well).well_since(at(14), at(26)), Some(at(24)));
    assert_eq!(seen(&well).well_since(at(12), at(26)), Some(at(24)), "after the last failure");
}

#[test]
fn a_site_that_is_down_all_the_same_holds_up_no_end_of_a_suspicion() {
    let cut = (0..8).map(|place| (15, place, TURNED));
    let canaries = [(25, 0, Seen::Up), (26, 7, TURNED), (27, 1, Seen::Up), (28, 2, Seen::Up)];
    let more = (3..7).map(|place| (29, place, Seen::Up));
    let sights: Vec<_> = cut.chain(canaries).chain(more).collect();
    assert_eq!(seen(&sights).well_since(at(14), at(30)), Some(at(26)));
}

#[test]
fn what_began_before_an_agent_was_well_again_says_nothing_when_it_comes_late() {
    let mut sightings = seen(&[(20, 1, Seen::Up)]);
    sightings.forget_before(at(19));
    for place in 0..6 {
        sightings.add(at(21), at(18), place, place, TURNED);
    }
    assert!(!sightings.are_bad(at(22)));
    assert_eq!(sightings.view(at(22)).failing().count(), 0);
}
