//! What is told of faults, message by message: what a tired person would want, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use collector::view::history;
use collector::view::incidents;
use collector::view::strip::strip;
use collector::view::summary::Question;
use proto::{IncidentKind, Uid};

use crate::tale::{Tale, target};

fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n / 65_536, n / 256 % 256, n % 256)
}

/// So many targets, each at an address of its own, probed by an agent at each of two vantages; a quarter of an hour has passed.
fn calm(count: usize, seconds: u64) -> Tale {
    let list = (0..count).map(|n| target(n, &address(n), seconds)).collect();
    let mut tale = Tale::new(list, &["eu", "us"], 600);
    tale.agent("a1", "eu", "eu-a");
    tale.agent("b1", "us", "us-a");
    tale.run(900);
    assert_eq!(tale.messages, [], "nothing is wrong");
    tale
}

#[test]
fn three_thousand_targets_behind_one_address_that_die_and_return_are_one_incident() {
    let place = |n: usize| if n < 3000 { "10.9.9.9".to_owned() } else { address(n) };
    let list = (0..3200).map(|n| target(n, &place(n), 600)).collect();
    let mut tale = Tale::new(list, &["eu", "us"], 600);
    tale.agent("a1", "eu", "eu-a");
    tale.agent("b1", "us", "us-a");
    tale.run(900);
    assert_eq!(tale.messages, []);
    tale.down = (1..=3000).map(Uid).collect();
    tale.run(1300);
    let incident = tale.core.state().incidents.open().next().expect("it is open");
    assert_eq!((incident.cause.value.as_str(), incident.members.len()), ("10.9.9.9", 3000));
    assert_eq!(tale.core.state().incidents.open_count(), 1);
    tale.down.clear();
    tale.run(1300);
    let kinds = tale.kinds();
    let (first, last) = (kinds.first().copied(), kinds.last().copied());
    assert_eq!((first, last), (Some("opened"), Some("closed")), "{:?}", tale.messages);
    assert!(kinds.len() <= 8, "{:?}", tale.messages);
    assert!(kinds[1..kinds.len() - 1].iter().all(|kind| *kind == "grown" || *kind == "worse"));
    assert_eq!(tale.core.state().incidents.count(), 1);
    let (_, _, title) = &tale.messages[tale.messages.len() - 1];
    assert_eq!(title, "3000 targets at 10.9.9.9: not well (connect)");
}

#[test]
fn an_agent_whose_uplink_dies_is_no_incident_of_any_target() {
    let list = (0..300).map(|n| target(n, &address(n), 60)).collect();
    let mut tale = Tale::new(list, &["eu"], 60);
    tale.agent("a1", "eu", "eu-a");
    tale.agent("a2", "eu", "eu-b");
    tale.run(300);
    tale.sees("a1", false);
    tale.run(600);
    tale.sees("a1", true);
    tale.run(300);
    let told: Vec<_> =
        tale.messages.iter().filter(|(_, _, title)| title.contains("down")).collect();
    assert!(told.is_empty(), "{told:?}");
    let incidents = &tale.core.state().incidents;
    let failing = incidents.open().chain(incidents.closed());
    assert_eq!(failing.filter(|i| i.kind == IncidentKind::Failing).count(), 0);
}

#[test]
fn a_target_that_flaps_for_an_hour_is_told_four_times_and_then_no_more() {
    let mut tale = calm(20, 60);
    for _ in 0..10 {
        tale.down = BTreeSet::from([Uid(7)]);
        tale.run(180);
        tale.down.clear();
        tale.run(180);
    }
    assert_eq!(tale.kinds(), ["opened", "closed", "opened"], "{:?}", tale.messages);
    let incident = tale.core.state().incidents.open().next().expect("it is open");
    assert!(incident.flaps >= 8, "{}", incident.flaps);
    tale.run(3700);
    assert_eq!(tale.kinds(), ["opened", "closed", "opened", "closed"], "{:?}", tale.messages);
}

#[test]
fn a_collector_that_is_killed_while_an_incident_is_open_opens_it_once_and_ends_it_once() {
    let mut tale = calm(50, 60);
    tale.down = BTreeSet::from([Uid(3)]);
    tale.run(200);
    assert_eq!(tale.kinds(), ["opened"]);
    for _ in 0..3 {
        tale.kill();
        tale.run(150);
    }
    assert_eq!(tale.kinds(), ["opened"], "{:?}", tale.messages);
    tale.down.clear();
    tale.run(300);
    assert_eq!(tale.kinds(), ["opened", "closed"], "{:?}", tale.messages);
    assert_eq!(tale.core.state().incidents.count(), 1);
}

#[test]
fn a_collector_that_is_killed_while_failures_are_gathered_loses_none() {
    let mut tale = calm(50, 60);
    tale.down = (1..=50).map(Uid).filter(|uid| uid.0 % 10 == 0).collect();
    for _ in 0..40 {
        tale.run(7);
        tale.kill();
    }
    tale.run(200);
    let incidents = &tale.core.state().incidents;
    let members: BTreeSet<Uid> =
        incidents.open().flat_map(|incident| incident.members.keys().copied()).collect();
    assert_eq!(members, tale.down);
}

#[test]
fn a_clock_that_jumps_ends_no_incident_and_begins_none() {
    let mut tale = calm(50, 60);
    tale.down = BTreeSet::from([Uid(3)]);
    tale.run(200);
    assert_eq!(tale.kinds(), ["opened"]);
    tale.jump(7200);
    tale.run(1500);
    let failing = tale.core.state().incidents.open().filter(|i| i.kind == IncidentKind::Failing);
    assert_eq!(failing.map(|incident| incident.number).collect::<Vec<_>>(), [1]);
    let of_targets = tale.messages.iter().filter(|(_, _, title)| title.starts_with("t2 "));
    assert_eq!(of_targets.count(), 1, "{:?}", tale.messages);
    tale.down.clear();
    tale.run(300);
    assert!(tale.core.state().incidents.open().all(|i| i.kind != IncidentKind::Failing));
}

#[test]
fn a_monitor_without_agents_is_blind_and_says_so_once_and_no_target_is_down_for_it() {
    let mut tale = calm(50, 60);
    tale.lose("a1");
    tale.lose("b1");
    tale.run(1800);
    let (_, kind, title) = &tale.messages[0];
    assert_eq!((tale.messages.len(), *kind), (1, "opened"), "{:?}", tale.messages);
    assert!(title.starts_with("the monitor is blind: no agent is connected"), "{title}");
    tale.reconnect("a1");
    tale.reconnect("b1");
    tale.run(2500);
    assert_eq!(tale.kinds(), ["opened", "closed"], "{:?}", tale.messages);
}

#[test]
fn a_round_with_too_few_results_is_an_incident_until_a_good_one() {
    let mut tale = calm(50, 60);
    tale.lose("b1");
    tale.run(2700);
    assert_eq!(tale.kinds(), ["opened"], "{:?}", tale.messages);
    assert!(tale.messages[0].2.starts_with("the monitor sees too little: of the round from"));
    tale.reconnect("b1");
    tale.run(2500);
    assert_eq!(tale.kinds(), ["opened", "closed"], "{:?}", tale.messages);
}

#[test]
fn a_target_that_is_taken_off_the_list_or_paused_ends_its_incident() {
    let mut tale = calm(50, 60);
    tale.down = BTreeSet::from([Uid(3), Uid(9)]);
    tale.run(200);
    assert_eq!(tale.kinds(), ["opened", "opened"]);
    tale.relist(|list| {
        list.retain(|target| target.name != "t2");
        list.iter_mut().filter(|t| t.name == "t8").for_each(|target| target.paused = true);
    });
    tale.run(60);
    assert_eq!(tale.kinds(), ["opened", "opened", "closed", "closed"], "{:?}", tale.messages);
}

#[test]
fn who_fails_at_the_instant_at_which_an_incident_would_end_keeps_it_open() {
    let mut tale = Tale::new((0..20).map(|n| target(n, "10.1.1.1", 60)).collect(), &["eu"], 60);
    tale.agent("a1", "eu", "eu-a");
    tale.agent("a2", "eu", "eu-b");
    tale.run(300);
    // An end comes 15 seconds after the last was well, a failure is gathered for 10: some pairs of phases meet.
    for first in 1..=20 {
        tale.down = BTreeSet::from([Uid(first)]);
        tale.run(150);
        tale.down = BTreeSet::from([Uid(first % 20 + 1)]);
        tale.run(150);
        let incidents = &tale.core.state().incidents;
        let ended: Vec<_> = incidents.closed().filter(|i| !i.members.is_empty()).collect();
        assert!(ended.is_empty(), "over, and somebody has it: {ended:?}");
        let open = incidents.of(IncidentKind::Failing, Uid(first % 20 + 1));
        assert!(open.is_some(), "{first} is followed by a failure without an incident");
        tale.down.clear();
        tale.run(4000);
    }
}

/// Who is together in which incident after some faults.
fn told_in_disorder(seed: Option<u64>) -> BTreeSet<(String, Vec<u64>)> {
    let place = |n: usize| if n < 40 { format!("10.8.8.{}", n / 10) } else { address(n) };
    let list = (0..80).map(|n| target(n, &place(n), 60)).collect();
    let mut tale = Tale::new(list, &["eu", "us"], 60);
    tale.disorder = seed;
    tale.agent("a1", "eu", "eu-a");
    tale.agent("b1", "us", "us-a");
    tale.run(300);
    tale.down = (1..=20).map(Uid).collect();
    tale.run(200);
    tale.down.extend([Uid(50)]);
    tale.down.remove(&Uid(1));
    tale.run(200);
    let incidents = &tale.core.state().incidents;
    let shown = incidents.open().map(|incident| {
        let members = incident.members.keys().map(|uid| uid.0).collect();
        (format!("{} {}", incident.cause.kind, incident.cause.value), members)
    });
    shown.collect()
}

#[test]
fn incidents_depend_on_the_results_and_not_on_the_order_in_which_they_come() {
    let expected = told_in_disorder(None);
    assert_eq!(expected.len(), 3, "{expected:?}");
    for seed in 1..8 {
        assert_eq!(told_in_disorder(Some(seed)), expected, "seed {seed}");
    }
}

/// A window for some, from so many seconds from now until so many.
fn window(tale: &Tale, who: &str, from: u64, to: u64) -> String {
    let at = |seconds| (tale.now + Duration::from_secs(seconds)).rfc3339();
    format!("[[window]]\n{who}\nfrom = \"{}\"\nto = \"{}\"\n", at(from), at(to))
}

#[test]
fn what_fails_during_its_maintenance_is_told_when_that_is_over_and_not_before() {
    let mut tale = calm(50, 60);
    tale.maintain(&window(&tale, "targets = [\"t2\", \"t3\"]", 60, 1260));
    tale.run(120);
    tale.down = [3, 4, 5].map(Uid).into();
    tale.run(600);
    assert_eq!(tale.kinds(), ["opened"], "{:?}", tale.messages);
    assert!(tale.messages[0].2.starts_with("t4 is down"), "{:?}", tale.messages);
    tale.kill();
    tale.run(60);
    tale.down.remove(&Uid(3));
    tale.run(700);
    let titles: Vec<&str> = tale.messages.iter().map(|(_, _, title)| title.as_str()).collect();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(titles[1].starts_with("t3 is down"), "{titles:?}");
}

#[test]
fn one_incident_can_be_asked_for_by_its_id() {
    let mut tale = calm(50, 60);
    tale.down = [3, 4].map(Uid).into();
    tale.run(200);
    let ask = |id: Option<&str>| {
        let question = incidents::Question {
            id: id.map(str::to_owned),
            open: None,
            kind: None,
            target: None,
            before: None,
            limit: 10,
            members: 1,
        };
        incidents::incidents(tale.core.state(), None, tale.now, &question).incidents
    };
    let all = ask(None);
    assert_eq!(all.len(), 2);
    for one in &all {
        assert_eq!(ask(Some(&one.id)), std::slice::from_ref(one));
    }
    assert_eq!(ask(Some("5c3a9f01-1")), []);
}

#[test]
fn an_incident_ends_for_whoever_is_under_maintenance_and_only_for_those() {
    let mut tale = calm(50, 60);
    tale.down = [3, 4].map(Uid).into();
    tale.run(200);
    assert_eq!(tale.kinds(), ["opened", "opened"]);
    tale.maintain(&window(&tale, "targets = [\"t2\"]", 0, 3600));
    tale.run(120);
    assert_eq!(tale.kinds(), ["opened", "opened", "closed"]);
    let over = tale.core.state().incidents.closed().next().expect("one is over");
    let left = over.past[&Uid(3)].left.expect("it left");
    assert_eq!(left.1, proto::LeftWhy::Maintenance);
    // The file is emptied: the window is over early.
    tale.maintain("");
    tale.run(120);
    assert_eq!(tale.kinds(), ["opened", "opened", "closed", "opened"], "{:?}", tale.messages);
}

/// The first target's slots inside its window of so many seconds are marked, and the cells of its strip; no other.
fn assert_marked(tale: &Tale, window: u64) {
    let state = tale.core.state();
    let target = state.by_uid(Uid(1)).expect("listed");
    let all = (tale.now - Duration::from_secs(1000), tale.now);
    let (slots, _) = history::slots(state, tale.now, target, None, all, None, 1000);
    let marked = slots.iter().filter(|slot| slot.maintenance).count() as u64;
    assert_eq!(marked, 2 * window / 60, "one a minute from each of two vantages");
    let strip = strip(state, target, tale.now, None);
    let marks = strip.maintenance.expect("a window was there");
    assert_eq!(marks.len(), strip.cells.len());
    let cells = marks.matches('w').count() as u64;
    assert!((window / 120..=window / 120 + 1).contains(&cells), "{marks}");
    let full = collector::view::target::full(state, tale.now, "t0").expect("listed");
    assert_eq!(full.maintenance, None, "the window is over");
}

#[test]
fn slots_under_maintenance_are_counted_and_left_out_of_uptime_also_after_the_file_has_changed() {
    let mut tale = calm(10, 60);
    tale.maintain(&window(&tale, "all = true", 60, 660));
    tale.run(60);
    tale.down = (1..=10).map(Uid).collect();
    tale.run(540);
    tale.down.clear();
    tale.run(300);
    tale.maintain("");
    tale.run(60);
    let summary = |tale: &Tale| {
        let question = Question {
            window: Duration::from_secs(1000),
            round: Duration::from_secs(600),
            vantage: None,
            zone: None,
            category: None,
        };
        collector::view::summary::summary(tale.core.state(), tale.now, &question)
    };
    let found = summary(&tale);
    // Ten targets, two vantages, ten minutes.
    let inside = found.in_maintenance.expect("no zone was asked for");
    assert!((190..=210).contains(&inside), "{inside}");
    let uptime = found.uptime.expect("slots are settled");
    assert_eq!((uptime.low, uptime.high, uptime.coverage), (1.0, 1.0, 1.0));
    assert!(found.failures["connect"] > 100, "they are in every count: {:?}", found.failures);
    assert_marked(&tale, 600);
    tale.kill();
    tale.run(1);
    assert_eq!(summary(&tale).in_maintenance, Some(inside), "what was is in the log");
}
