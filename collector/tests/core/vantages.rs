//! Which vantages there are, and what `all` means (accounting rule 10), clause by clause.

use std::time::Duration;

use collector::target_file::Target;
use proto::{Missed, Timestamp};

use crate::count;
use crate::rig::{Rig, targets};

const HOUR: Duration = Duration::from_secs(3600);

/// The vantages from which the first target is due now.
fn due_from(rig: &Rig) -> Vec<&str> {
    let state = rig.core.state();
    let (first, _) = state.targets().next().expect("there is one");
    let due = state.vantages().filter(|(idx, _)| {
        state.series(*idx, first).is_some_and(|series| series.current().is_some())
    });
    let mut names: Vec<&str> = due.map(|(_, vantage)| vantage.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn expected(rig: &Rig, vantage: &str, from: Timestamp, to: Timestamp) -> u64 {
    let state = rig.core.state();
    let vantage = state.vantage_idx(vantage).expect("it is known");
    state.vantage(vantage).series.iter().map(|series| series.expected(from, to)).sum()
}

fn naming(vantages: &[&str]) -> Vec<Target> {
    let mut list = targets(1, 60);
    list[0].vantages = vantages.iter().map(|name| (*name).to_owned()).collect();
    list
}

#[test]
fn all_means_the_vantages_that_are_given_whoever_comes() {
    let mut rig = Rig::with_vantages(targets(1, 60), Some(&["eu", "us"]));
    rig.run(2, &[]);
    assert_eq!(due_from(&rig), ["eu", "us"], "before any agent");
    rig.hello(1, "a1", 1, "mars");
    rig.run(5, &[1]);
    assert_eq!(due_from(&rig), ["eu", "us"], "mars is idle");
}

#[test]
fn a_given_vantage_that_nobody_was_ever_at_misses_for_want_of_agents_and_is_filled_from_nowhere() {
    let mut rig = Rig::with_vantages(targets(3, 60), Some(&["eu", "us"]));
    rig.hello(1, "a1", 1, "eu");
    for _ in 0..300 {
        rig.run(1, &[1]);
    }
    let missed = rig.core.counters().missed;
    assert!(count(Missed::NoAgent, &missed) >= 3, "{missed:?}");
    let us = rig.core.state().vantage_idx("us").expect("it was given");
    let series = &rig.core.state().vantage(us).series;
    let received = |s: &collector::state::Series| s.received(Timestamp::EPOCH, rig.now()).count();
    assert_eq!(series.iter().map(received).sum::<usize>(), 0);
    assert!(rig.runs.iter().all(|(session, _)| *session == 1));
}

#[test]
fn default_stands_in_while_no_vantage_was_ever_seen_and_leaves_nothing_behind() {
    let mut rig = Rig::new(targets(1, 60));
    rig.run(30, &[]);
    assert_eq!(due_from(&rig), ["default"]);
    rig.hello(1, "a1", 1, "eu");
    rig.run(5, &[1]);
    assert_eq!(due_from(&rig), ["eu"]);
    assert_eq!(expected(&rig, "default", Timestamp::EPOCH, rig.now() + HOUR), 0);
}

#[test]
fn without_a_list_of_vantages_all_means_those_seen_in_the_last_day() {
    let mut rig = Rig::new(targets(1, 600));
    rig.hello(1, "a1", 1, "eu");
    rig.hello(2, "b1", 2, "us");
    rig.run(5, &[1, 2]);
    rig.close(2);
    // It was there until now; so it is logged once an hour.
    rig.stand_still(HOUR * 23);
    rig.run(5, &[1]);
    assert_eq!(due_from(&rig), ["eu", "us"]);
    rig.stand_still(HOUR * 2);
    rig.run(5, &[1]);
    assert_eq!(due_from(&rig), ["eu"]);
}

#[test]
fn seen_lately_outlasts_a_restart() {
    let mut rig = Rig::new(targets(1, 600));
    rig.hello(1, "a1", 1, "eu");
    rig.run(5, &[1]);
    rig.restart(targets(1, 600), None);
    rig.run(30, &[]);
    assert_eq!(due_from(&rig), ["eu"], "not default: one was seen");
}

#[test]
fn a_vantage_that_a_target_names_and_that_was_never_seen_misses_for_want_of_agents() {
    let mut rig = Rig::new(naming(&["mars"]));
    rig.hello(1, "a1", 1, "eu");
    rig.run(300, &[1]);
    assert_eq!(due_from(&rig), ["mars"]);
    let missed = rig.core.counters().missed;
    assert!(count(Missed::NoAgent, &missed) >= 3, "{missed:?}");
    assert_eq!(missed.iter().sum::<u64>(), count(Missed::NoAgent, &missed), "{missed:?}");
}

#[test]
fn a_vantage_that_is_no_longer_given_has_its_keys_retired_from_then_on_and_its_past_counted() {
    let mut rig = Rig::with_vantages(targets(5, 60), Some(&["eu", "us"]));
    rig.run(180, &[]);
    let (before, past) = (rig.now(), expected(&rig, "us", Timestamp::EPOCH, rig.now()));
    assert!(past >= 15, "{past}");
    rig.restart(targets(5, 60), Some(&["eu"]));
    rig.run(180, &[]);
    assert_eq!(due_from(&rig), ["eu"]);
    assert_eq!(expected(&rig, "us", Timestamp::EPOCH, before), past, "what was due stays due");
    let after = before + Duration::from_secs(1);
    assert_eq!(expected(&rig, "us", after, rig.now()), 0, "and nothing is from then on");
    assert!(expected(&rig, "eu", after, rig.now()) >= 10);
    // Given again, it begins again.
    rig.restart(targets(5, 60), Some(&["eu", "us"]));
    rig.run(70, &[]);
    assert_eq!(due_from(&rig), ["eu", "us"]);
}
