//! How several vantages become one: every target counts once, and every route says the same of it.

use std::collections::BTreeMap;

use collector::state::{State, VantageIdx};
use collector::verdict::Verdict;
use collector::view::first::{self, Counts};
use collector::view::target::full;
use collector::view::targets::{Page, Question, Sort, list};
use collector::view::websites::{Ready, Websites};
use collector::view::{summary, targets};
use proto::{Outcome, Timestamp, VantageState};

use crate::story::{BLOCKED, MINUTE, Story, TIMEOUT, answer, at, target};

/// Everything is listed at the start; the slots of minute 1 get results, and now is the beginning of minute 2.
const NOW: i64 = 120;

fn latest(state: &State, now: Timestamp, only: Option<VantageIdx>) -> Counts {
    let mut counts = Counts::new();
    // In two parts: whoever counts does so in parts.
    first::latest(state, now, only, 0..1, &mut counts);
    first::latest(state, now, only, 1..usize::MAX, &mut counts);
    counts
}

/// A target as `/websites-status` has it.
#[derive(serde::Deserialize)]
struct Site {
    #[serde(rename = "Status")]
    status: Option<u16>,
    #[serde(rename = "Error")]
    error: Option<String>,
}

fn websites(state: &State, now: Timestamp, only: Option<VantageIdx>) -> BTreeMap<String, Site> {
    let mut text = Vec::new();
    match only.map(Websites::new) {
        Some(mut websites) => {
            while let Some(piece) = websites.go_on(state, now, 2) {
                text.extend(piece.into_bytes());
            }
        }
        None => {
            let mut ready = Ready::default();
            while !ready.renew(state, now, 2) {}
            text = ready.text().concat();
        }
    }
    serde_json::from_slice(&text).expect("JSON")
}

/// A target whose slot of minute 1 came to this, vantage by vantage.
fn seen(from: &[(&str, Outcome)]) -> Story {
    let mut story = Story::listed(&["eu", "us", "ap"], vec![target(1, "shop")], 0);
    for (vantage, outcome) in from {
        story.result(vantage, "shop", 1, *outcome);
    }
    // By now nobody waits for a second attempt any more.
    let idx = story.idx("shop");
    story.state.age_verdict(idx, at(NOW));
    story
}

fn page(story: &Story, now: Timestamp, question: Question) -> Page {
    list(&story.state, now, &Question { limit: 1000, ..question }).0
}

/// What the first routes count the target under, what the list shows, and its verdict.
#[track_caller]
fn check(from: &[(&str, Outcome)], verdict: Verdict, label: &str) {
    check_listed(from, verdict, label, label);
}

/// The list has another result to show: of a target that is partial, what is wrong with it.
#[track_caller]
fn check_listed(from: &[(&str, Outcome)], verdict: Verdict, label: &str, listed: &str) {
    let story = seen(from);
    let now = at(NOW);
    let state = &story.state;
    assert_eq!(state.judge(story.idx("shop"), now, None), verdict, "{from:?}");
    let counts = latest(state, now, None);
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(label.to_owned(), 1)], "{from:?}");
    let site = &websites(state, now, None)["shop"];
    let shown = site.status.map(|status| status.to_string()).or_else(|| site.error.clone());
    let expected = if label == "unknown" { "pending" } else { label };
    assert_eq!(shown.as_deref(), Some(expected), "/websites-status, {from:?}");
    let row = &page(&story, now, Question::default()).targets[0];
    let shown = row.status.map(|status| status.to_string()).or(row.error.map(str::to_owned));
    let expected = Some(listed).filter(|label| *label != "unknown");
    assert_eq!(shown.as_deref(), expected, "/api/v1/targets, {from:?}");
    assert_eq!(row.verdict, verdict.name(), "/api/v1/targets, {from:?}");
}

#[test]
fn a_target_that_is_not_down_counts_by_its_best_vantage() {
    check(&[("eu", answer(200))], Verdict::Up, "200");
    let two = [("eu", answer(200)), ("us", TIMEOUT)];
    check_listed(&two, Verdict::Partial, "200", "timeout");
    let two = [("eu", TIMEOUT), ("us", answer(204))];
    check_listed(&two, Verdict::Partial, "204", "timeout");
    let three = [("eu", answer(500)), ("us", answer(200)), ("ap", answer(200))];
    check_listed(&three, Verdict::Partial, "200", "500");
}

#[test]
fn a_target_that_is_down_counts_by_its_worst_vantage() {
    check(&[("eu", answer(503))], Verdict::Down, "503");
    check(&[("eu", answer(200)), ("us", answer(503)), ("ap", TIMEOUT)], Verdict::Down, "timeout");
    check(&[("eu", answer(503)), ("us", TIMEOUT), ("ap", answer(404))], Verdict::Down, "timeout");
    check(&[("eu", answer(503)), ("us", answer(503)), ("ap", answer(200))], Verdict::Down, "503");
}

#[test]
fn a_blocked_probe_says_nothing_where_another_says_something() {
    check(&[("eu", BLOCKED), ("us", answer(200)), ("ap", BLOCKED)], Verdict::Up, "200");
    check(&[("eu", BLOCKED), ("us", answer(503)), ("ap", BLOCKED)], Verdict::Down, "503");
    check(&[("eu", TIMEOUT), ("us", BLOCKED), ("ap", BLOCKED)], Verdict::Down, "timeout");
    check(&[("eu", BLOCKED), ("us", TIMEOUT), ("ap", BLOCKED)], Verdict::Down, "timeout");
    check(&[("eu", BLOCKED), ("us", BLOCKED), ("ap", TIMEOUT)], Verdict::Down, "timeout");
    check(&[("eu", BLOCKED)], Verdict::Unknown, "blocked");
    check(&[], Verdict::Unknown, "unknown");
}

#[test]
fn one_vantage_alone_is_what_it_saw_itself() {
    let story = seen(&[("eu", answer(200)), ("us", TIMEOUT), ("ap", BLOCKED)]);
    for (vantage, label, verdict) in
        [("eu", "200", "up"), ("us", "timeout", "down"), ("ap", "blocked", "unknown")]
    {
        let only = story.at_vantage(vantage);
        let counts = latest(&story.state, at(NOW), only);
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(label.to_owned(), 1)]);
        let question = Question { vantage: only, ..Question::default() };
        assert_eq!(page(&story, at(NOW), question).targets[0].verdict, verdict);
    }
}

#[test]
fn a_result_is_fresh_for_two_intervals_after_its_planned_start() {
    let story = seen(&[("eu", answer(200))]);
    let planned = Story::slot("eu", "shop", 1);
    let label = |now: Timestamp| latest(&story.state, now, None).into_keys().next();
    let last = planned + MINUTE * 2;
    assert_eq!(label(last).as_deref(), Some("200"));
    let old = last + std::time::Duration::from_millis(1);
    assert_eq!(label(old).as_deref(), Some("unknown"));
    // It had results: it is not waiting for its first one.
    assert_eq!(websites(&story.state, old, None)["shop"].error.as_deref(), Some("unknown"));
    assert_eq!(story.state.judge(story.idx("shop"), old, None), Verdict::Unknown);
}

#[test]
fn the_newest_planned_start_speaks_however_late_an_older_one_arrives() {
    let mut story = seen(&[("eu", answer(200))]);
    story.result("eu", "shop", 0, TIMEOUT);
    assert_eq!(latest(&story.state, at(NOW), None).into_keys().next().as_deref(), Some("200"));
    story.result("eu", "shop", 2, TIMEOUT);
    let now = at(180);
    assert_eq!(latest(&story.state, now, None).into_keys().next().as_deref(), Some("timeout"));
}

#[test]
fn paused_and_removed_targets_are_not_counted() {
    let mut story = Story::listed(&["eu"], vec![target(1, "a"), target(2, "b"), target(3, "c")], 0);
    for name in ["a", "b", "c"] {
        story.result("eu", name, 1, answer(200));
    }
    story.list(vec![proto::TargetEntry { paused: true, ..target(2, "b") }], &[3], 125);
    let now = at(130);
    assert_eq!(
        latest(&story.state, now, None).into_iter().collect::<Vec<_>>(),
        [("200".into(), 1)]
    );
    let sites = websites(&story.state, now, None);
    assert_eq!(sites.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((sites["b"].status, sites["b"].error.as_deref()), (None, Some("paused")));
    let verdicts: Vec<_> = page(&story, now, Question::default())
        .targets
        .into_iter()
        .map(|row| (row.name, row.verdict))
        .collect();
    assert_eq!(verdicts, [("a".to_owned(), "up"), ("b".to_owned(), "paused")]);
    assert!(full(&story.state, now, "c").is_none());
    // What is gone is not shown; what it was is still counted.
    let question = summary::Question {
        window: MINUTE * 3,
        round: MINUTE,
        vantage: None,
        zone: None,
        category: None,
    };
    let summary = summary::summary(&story.state, now, &question);
    assert_eq!((summary.targets.total, summary.targets.up, summary.targets.paused), (2, 1, 1));
    assert_eq!(summary.status_codes.into_iter().collect::<Vec<_>>(), [(200, 3)]);
}

/// One target for all vantages, one for each, one of them paused; a late one for `us` alone, so that `eu` has a gap.
fn named() -> Story {
    let of = |uid, name, vantage: &str| proto::TargetEntry {
        vantages: vec![vantage.into()],
        ..target(uid, name)
    };
    let paused = proto::TargetEntry { paused: true, ..of(4, "us-paused", "us") };
    let targets = vec![
        target(1, "all"),
        of(2, "us-only", "us"),
        of(3, "eu-only", "eu"),
        paused,
        target(5, "last"),
    ];
    let mut story = Story::listed(&["eu", "us"], targets, 0);
    for (vantage, name) in [
        ("eu", "all"),
        ("us", "all"),
        ("us", "us-only"),
        ("eu", "eu-only"),
        ("eu", "last"),
        ("us", "last"),
    ] {
        story.result(vantage, name, 1, answer(200));
    }
    story
}

#[test]
fn a_vantage_shows_its_own_targets_and_no_others_on_every_route() {
    let story = named();
    let now = at(NOW);
    for (vantage, own, probed) in [
        ("eu", vec!["all", "eu-only", "last"], 3),
        ("us", vec!["all", "last", "us-only", "us-paused"], 3),
    ] {
        let only = story.at_vantage(vantage);
        let counts = latest(&story.state, now, only);
        assert_eq!(
            counts.into_iter().collect::<Vec<_>>(),
            [("200".to_owned(), probed)],
            "{vantage}"
        );
        let sites = websites(&story.state, now, only);
        assert_eq!(sites.keys().collect::<Vec<_>>(), own, "{vantage}");
        let rows = page(&story, now, Question { vantage: only, ..Question::default() }).targets;
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), own, "{vantage}");
        let question = summary::Question {
            window: MINUTE,
            round: MINUTE,
            vantage: only,
            zone: None,
            category: None,
        };
        let targets = summary::summary(&story.state, now, &question).targets;
        assert_eq!((targets.total, targets.up), (own.len() as u64, probed), "{vantage}");
        assert_eq!(targets.paused, own.len() as u64 - probed, "{vantage}");
    }
}

#[test]
fn a_vantage_that_has_no_result_of_its_own_yet_is_pending_there() {
    let mut story = Story::listed(&["eu"], vec![target(1, "shop")], 0);
    story.result("eu", "shop", 1, answer(200));
    story.vantage("us", VantageState::Active, 118);
    let error = |vantage: &str| {
        let sites = websites(&story.state, at(NOW), story.at_vantage(vantage));
        sites["shop"].error.clone()
    };
    assert_eq!(error("eu"), None);
    assert_eq!(error("us").as_deref(), Some("pending"));
}

#[test]
fn a_vantage_that_was_retired_has_no_say_in_a_verdict_any_more() {
    let mut story = seen(&[("eu", answer(200)), ("us", TIMEOUT), ("ap", TIMEOUT)]);
    let judge = |story: &Story| story.state.judge(story.idx("shop"), at(NOW), None);
    assert_eq!(judge(&story), Verdict::Down);
    story.vantage("us", VantageState::Retired, 119);
    story.vantage("ap", VantageState::Retired, 119);
    assert_eq!(judge(&story), Verdict::Up);
}

#[test]
fn the_slowest_come_first_and_what_never_answered_last() {
    let mut story = Story::listed(
        &["eu"],
        vec![target(1, "a"), target(2, "b"), target(3, "c"), target(4, "d")],
        0,
    );
    for (name, outcome, us) in [
        ("a", answer(200), 10),
        ("b", answer(200), 90),
        ("c", TIMEOUT, 5_000),
        ("d", answer(503), 50),
    ] {
        story.result_at("eu", name, Story::slot("eu", name, 1), outcome, us);
    }
    let sorted = |sort| {
        let rows = page(&story, at(NOW), Question { sort, ..Question::default() }).targets;
        rows.into_iter().map(|row| row.name).collect::<String>()
    };
    assert_eq!(sorted(Sort::Latency), "bdac");
    assert_eq!(sorted(Sort::Name), "abcd");
    let latencies: Vec<_> = page(&story, at(NOW), Question::default())
        .targets
        .into_iter()
        .map(|row| row.latency_ms)
        .collect();
    assert_eq!(latencies, [Some(0.01), Some(0.09), None, Some(0.05)]);
}

#[test]
fn what_may_be_asked_for_is_what_there_is() {
    assert_eq!(
        targets::verdict_names(),
        ["up", "degraded", "partial", "down", "unknown", "paused"]
    );
}
