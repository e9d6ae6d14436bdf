//! `/past-hour-summary`: which rounds it shows, and what a slot of several vantages counts under.

use collector::view::first::Counts;
use collector::view::past_hour::{PastRound, past_hour};
use proto::{Missed, Timestamp};

use crate::rig::Rig;
use crate::shape::check;
use crate::story::{BLOCKED, MINUTE, Story, TIMEOUT, answer, at, target};

fn rounds(story: &Story, now: Timestamp) -> Vec<PastRound> {
    past_hour(&story.state, now, MINUTE, None)
}

/// `label=count …` of a round.
fn told(counts: &Counts) -> String {
    counts.iter().map(|(label, count)| format!("{label}={count}")).collect::<Vec<_>>().join(" ")
}

fn starts(rounds: &[PastRound]) -> Vec<&str> {
    rounds.iter().map(|round| round.time_stamp.as_str()).collect()
}

/// Two targets at one vantage, with results for these minutes.
fn answered(listed_at: i64, minutes: std::ops::Range<i64>) -> Story {
    let mut story = Story::listed(&["eu"], vec![target(1, "a"), target(2, "b")], listed_at);
    for minute in minutes {
        story.result("eu", "a", minute, answer(200));
        story.result("eu", "b", minute, TIMEOUT);
    }
    story
}

#[test]
fn rounds_come_newest_first_with_their_start_in_utc() {
    let rounds = rounds(&answered(0, 0..4), at(240));
    let expected = [
        "2023-11-14 22:03:00",
        "2023-11-14 22:02:00",
        "2023-11-14 22:01:00",
        "2023-11-14 22:00:00",
    ];
    assert_eq!(starts(&rounds), expected);
    assert!(rounds.iter().all(|round| told(&round.counts) == "200=1 timeout=1"));
}

#[test]
fn a_round_that_is_not_over_is_not_shown() {
    let story = answered(0, 0..4);
    assert_eq!(rounds(&story, at(239)).len(), 3);
    assert_eq!(rounds(&story, at(240)).len(), 4);
}

#[test]
fn a_round_that_began_before_the_first_load_is_not_shown() {
    assert_eq!(rounds(&answered(1, 0..4), at(240)).len(), 3);
    assert!(rounds(&Story::new(), at(240)).is_empty());
}

#[test]
fn a_round_with_an_open_slot_is_left_out_and_those_around_it_are_shown() {
    let mut story = answered(0, 0..1);
    story.result("eu", "a", 1, answer(200));
    for minute in 2..4 {
        story.result("eu", "a", minute, answer(200));
        story.result("eu", "b", minute, answer(301));
    }
    let open = rounds(&story, at(240));
    assert_eq!(
        starts(&open),
        ["2023-11-14 22:03:00", "2023-11-14 22:02:00", "2023-11-14 22:00:00"]
    );
    story.missed("eu", "b", 1, Missed::AgentLost);
    let settled = rounds(&story, at(240));
    assert_eq!(settled.len(), 4);
    assert_eq!(told(&settled[2].counts), "200=1 missed=1");
    // A result that comes after all makes it received.
    story.result("eu", "b", 1, answer(200));
    assert_eq!(told(&rounds(&story, at(240))[2].counts), "200=2");
}

#[test]
fn only_rounds_of_the_past_hour_are_shown() {
    let story = answered(0, 0..70);
    // From 00:10:30 on, the round that began at 00:10 lies partly outside.
    let past = rounds(&story, at(70 * 60 + 30));
    assert_eq!(past.len(), 59);
    assert_eq!(starts(&past)[58], "2023-11-14 22:11:00");
    assert_eq!(rounds(&story, at(70 * 60)).len(), 60);
}

/// One target with these outcomes at three vantages in minute 1, and what the round then counts.
#[track_caller]
fn check_round(from: &[(&str, Option<proto::Outcome>)], expected: &str) {
    let mut story = Story::listed(&["eu", "us", "ap"], vec![target(1, "shop")], 0);
    for (vantage, outcome) in from {
        match outcome {
            Some(outcome) => story.result(vantage, "shop", 1, *outcome),
            None => story.missed(vantage, "shop", 1, Missed::NoAgent),
        }
    }
    let shown: Vec<PastRound> = rounds(&story, at(120));
    let round = shown.iter().find(|round| round.time_stamp == "2023-11-14 22:01:00");
    assert_eq!(told(&round.expect("every slot of it is settled").counts), expected, "{from:?}");
}

#[test]
fn the_slots_of_one_planned_minute_at_all_vantages_count_once() {
    let (ok, odd) = (Some(answer(200)), Some(answer(503)));
    check_round(&[("eu", ok), ("us", ok), ("ap", ok)], "200=1");
    check_round(&[("eu", ok), ("us", Some(TIMEOUT)), ("ap", ok)], "200=1");
    check_round(&[("eu", Some(TIMEOUT)), ("us", odd), ("ap", ok)], "timeout=1");
    check_round(&[("eu", ok), ("us", None), ("ap", None)], "200=1");
    check_round(&[("eu", None), ("us", Some(TIMEOUT)), ("ap", None)], "timeout=1");
    check_round(&[("eu", None), ("us", None), ("ap", None)], "missed=1");
    check_round(&[("eu", Some(BLOCKED)), ("us", ok), ("ap", None)], "200=1");
    check_round(&[("eu", Some(BLOCKED)), ("us", None), ("ap", None)], "blocked=1");
}

#[test]
fn a_slot_that_is_open_at_one_vantage_leaves_the_round_out_but_not_at_the_others() {
    let mut story = Story::listed(&["eu", "us"], vec![target(1, "shop")], 0);
    story.result("eu", "shop", 0, answer(200));
    let shown = |vantage| past_hour(&story.state, at(60), MINUTE, vantage).len();
    assert_eq!(shown(None), 0);
    assert_eq!(shown(story.at_vantage("eu")), 1);
    assert_eq!(shown(story.at_vantage("us")), 0);
}

#[test]
fn a_target_that_is_probed_twice_a_round_counts_twice() {
    let twice = proto::TargetEntry { interval: MINUTE / 2, ..target(1, "shop") };
    let mut story = Story::listed(&["eu", "us"], vec![twice], 0);
    for vantage in ["eu", "us"] {
        let phase = proto::phase_of("shop", vantage, MINUTE / 2);
        for half in 0..4 {
            story.result_at(vantage, "shop", at(half * 30) + phase, answer(200), 1);
        }
    }
    let shown = rounds(&story, at(120));
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|round| told(&round.counts) == "200=2"));
}

#[test]
fn a_running_collector_shows_rounds_as_they_settle() {
    let rig = Rig::start(
        "a,http://{origin}/status/200\nb,http://{origin}/status/404\n",
        &["--local-agents", "1"],
    );
    let rounds = rig.until("/past-hour-summary", |rounds| {
        let of_two = |round: &serde_json::Value| round["200"] == 1 && round["404"] == 1;
        rounds.as_array().expect("a list").iter().filter(|round| of_two(round)).count() >= 2
    });
    let rounds = rounds.as_array().expect("a list");
    for round in rounds {
        let mut round = round.as_object().expect("a round").clone();
        let start = round.remove("time_stamp").expect("each has its start");
        let parsed =
            jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", start.as_str().expect("a text"));
        assert!(parsed.is_ok(), "{start}");
        check(&round.into(), r#"{"*":"positive"}"#);
    }
    let starts: Vec<_> = rounds.iter().map(|round| round["time_stamp"].as_str()).collect();
    assert!(starts.is_sorted_by(|a, b| a > b), "newest first: {starts:?}");
}
