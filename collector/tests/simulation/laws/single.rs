//! One kind of fault at a time, with a minute of peace between two: then nothing at all may be missed.

use std::time::Duration;

use crate::oracle;
use crate::scale::MINUTES;
use crate::seeds::check;
use crate::world::World;
use crate::world::faults::{Faults, Kind};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn ten_minutes_and_nothing_missed(world: &mut World) {
    world.run(TEN_MINUTES);
    world.heal_and_converge();
    oracle::nothing_missed(world);
}

#[test]
fn without_faults_every_slot_is_probed_exactly_once() {
    let law = "without_faults_every_slot_is_probed_exactly_once";
    check(law, 3, MINUTES, &Faults::none(), |world| {
        world.run(TEN_MINUTES);
        oracle::nothing_missed(world);
        oracle::nothing_probed_twice(world);
        oracle::was_trimmed(world);
    });
}

#[test]
fn killed_agents_lose_nothing_while_the_window_outlasts_the_lease() {
    let law = "killed_agents_lose_nothing_while_the_window_outlasts_the_lease";
    check(law, 3, MINUTES, &Faults::only(&[Kind::KillAgent]), ten_minutes_and_nothing_missed);
}

#[test]
fn a_killed_collector_comes_back_to_what_it_acknowledged_and_loses_nothing() {
    let law = "a_killed_collector_comes_back_to_what_it_acknowledged_and_loses_nothing";
    let faults = Faults::only(&[Kind::KillCollector]);
    check(law, 6, MINUTES, &faults, ten_minutes_and_nothing_missed);
}

#[test]
fn a_collector_that_is_away_for_an_hour_loses_nothing_and_its_agents_stay_small() {
    let law = "a_collector_that_is_away_for_an_hour_loses_nothing_and_its_agents_stay_small";
    check(law, 3, MINUTES, &Faults::none(), |world| {
        world.run(TEN_MINUTES);
        world.collector_goes_away(TEN_MINUTES * 6);
        world.run(TEN_MINUTES * 6 - Duration::from_secs(1));
        let held = world.nodes.iter().filter_map(|node| node.core.as_ref());
        let most = held.map(|core| core.outbox_bytes()).max().unwrap_or(0);
        // A result takes some 20 bytes; the busiest agent has a few thousand.
        assert!((1000..256 << 10).contains(&most), "an agent holds {most} bytes");
        world.heal_and_converge();
        oracle::nothing_missed(world);
    });
}

#[test]
fn a_collector_that_stands_still_or_whose_log_does_loses_nothing() {
    let law = "a_collector_that_stands_still_or_whose_log_does_loses_nothing";
    let faults = Faults::only(&[Kind::PauseCollector, Kind::StallLog, Kind::FailLog]);
    check(law, 6, MINUTES, &faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        // Of an agent's few targets most may fail by chance at one time: then it is doubted, rightly as far as anyone can know.
        oracle::nothing_missed_but_in_doubt(world);
    });
}

#[test]
fn a_cut_off_agent_delivers_later_and_nothing_counts_twice() {
    let law = "a_cut_off_agent_delivers_later_and_nothing_counts_twice";
    let faults = Faults::only(&[Kind::Cut, Kind::CutUp, Kind::CutDown]);
    check(law, 6, MINUTES, &faults, |world| {
        world.run(TEN_MINUTES);
        world.heal_and_converge();
        oracle::nothing_missed_but_in_doubt(world);
    });
}

#[test]
fn a_paused_agent_never_makes_a_target_look_bad() {
    let law = "a_paused_agent_never_makes_a_target_look_bad";
    check(law, 3, MINUTES, &Faults::only(&[Kind::PauseAgent]), ten_minutes_and_nothing_missed);
}

#[test]
fn an_agent_that_reaches_nothing_never_makes_a_target_look_bad() {
    let law = "an_agent_that_reaches_nothing_never_makes_a_target_look_bad";
    check(law, 3, MINUTES, &Faults::only(&[Kind::DeadUplink]), |world| {
        ten_minutes_and_nothing_missed(world);
        oracle::no_verdict_ever_fell(world);
    });
}

#[test]
fn a_list_that_changes_at_any_moment_is_accounted_for_to_the_last_slot() {
    let law = "a_list_that_changes_at_any_moment_is_accounted_for_to_the_last_slot";
    let faults = Faults::at_once(&[Kind::ChangeList, Kind::KillAgent]);
    check(law, 6, MINUTES, &faults, |world| world.run(TEN_MINUTES));
}
