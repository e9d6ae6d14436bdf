//! Verdicts over time: what changed, when, and what the last hour looks like.

use std::time::Duration;

use collector::view::changes::{Change, Question, changes};
use collector::view::strip::strip;
use collector::view::target::full;
use proto::{Missed, Timestamp};

use crate::rig::shared;
use crate::shape::check;
use crate::story::{BLOCKED, MINUTE, Story, TIMEOUT, answer, at, target};

fn all() -> Question {
    let (from, to) = (Timestamp::EPOCH, Timestamp::MAX);
    Question { from, to, target: None, before: None, limit: 1000 }
}

fn told(change: &Change) -> (&str, &'static str, &'static str) {
    (change.name.as_str(), change.from, change.to)
}

/// Two vantages; shop is up, then fails from one, then from both, then from none.
fn story() -> Story {
    let mut story = Story::listed(&["eu", "us"], vec![target(1, "shop")], 0);
    for minute in 1..8 {
        for (vantage, fails) in [("eu", minute == 3 || minute == 4), ("us", minute == 4)] {
            let outcome = if fails { TIMEOUT } else { answer(200) };
            story.result(vantage, "shop", minute, outcome);
        }
    }
    story
}

#[test]
fn every_change_of_a_verdict_is_told_with_what_failed_where() {
    let story = story();
    let found = changes(&story.state, &all());
    let order: Vec<_> = found.changes.iter().rev().map(told).collect();
    // Results come one by one: from both vantages down is first one, then two of two.
    let mut expected =
        vec![("shop", "up", "partial"), ("shop", "partial", "down"), ("shop", "down", "partial")];
    expected.push(("shop", "partial", "up"));
    assert_eq!(order, expected);
    let down = &found.changes[2];
    assert_eq!((down.fresh, down.failing.len()), (2, 2));
    assert_eq!((down.failing[0].vantage.as_str(), down.failing[0].error), ("eu", Some("timeout")));
    let starts: Vec<_> = found.changes.iter().rev().map(|change| &change.at).collect();
    let since: Vec<_> = found.changes.iter().rev().map(|c| c.since.as_ref()).collect();
    assert_eq!(since[1..], starts[..3].iter().map(|at| Some(*at)).collect::<Vec<_>>());
    assert!(starts.is_sorted() && found.next_cursor.is_none() && found.complete_from.is_none());
}

#[test]
fn that_a_new_target_is_up_is_no_change_and_that_it_is_down_is_one() {
    let mut story = Story::listed(&["eu"], vec![target(1, "well"), target(2, "ill")], 0);
    story.result("eu", "well", 1, answer(200));
    story.result("eu", "ill", 1, answer(500));
    let found = changes(&story.state, &all());
    assert_eq!(found.changes.iter().map(told).collect::<Vec<_>>(), [("ill", "unknown", "down")]);
    assert_eq!((found.changes[0].failing[0].status, &found.changes[0].since), (Some(500), &None));
}

#[test]
fn evidence_that_grew_old_did_so_at_its_own_instant_however_late_the_next_result_comes() {
    let mut story = Story::listed(&["eu"], vec![target(1, "shop")], 0);
    story.result("eu", "shop", 1, answer(200));
    story.result("eu", "shop", 30, answer(200));
    let found = changes(&story.state, &all());
    let order: Vec<_> = found.changes.iter().rev().map(told).collect();
    assert_eq!(order, [("shop", "up", "unknown"), ("shop", "unknown", "up")]);
    let old = Story::slot("eu", "shop", 1) + MINUTE * 2 + Duration::from_millis(1);
    assert_eq!(found.changes[1].at, old.rfc3339());
}

#[test]
fn pages_of_changes_together_are_the_list_while_new_ones_come() {
    let mut story = story();
    let mut found = Vec::new();
    let mut before = None;
    for _page in 0..10 {
        let page = changes(&story.state, &Question { limit: 1, before, ..all() });
        found.extend(page.changes.iter().map(|change| change.id));
        // Meanwhile something happens: it belongs to no later page.
        story.result("eu", "shop", 8 + found.len() as i64, TIMEOUT);
        before = page.next_cursor.map(|cursor| cursor.parse().expect("a number"));
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, [4, 3, 2, 1]);
}

#[test]
fn changes_can_be_asked_for_by_time_and_by_target() {
    let story = story();
    let from = Story::slot("eu", "shop", 4);
    let later = changes(&story.state, &Question { from, ..all() });
    assert_eq!(later.changes.len(), 3);
    let earlier = changes(&story.state, &Question { to: from, ..all() });
    assert_eq!(earlier.changes.len(), 1);
    let nobody = Question { target: Some(proto::Uid(77)), ..all() };
    assert_eq!(changes(&story.state, &nobody).changes.len(), 0);
}

#[test]
fn the_route_tells_changes_in_their_exact_shape() {
    let rig = shared();
    let found = rig.json("/api/v1/changes");
    check(
        &found,
        r#"{"changes":[{"id":"positive","name":"text","category":"text","from":"text","since":"time|null",
            "to":"text","at":"time","fresh":"count",
            "failing":[{"vantage":"text","status":"count|null","error":"text|null","unexpected":"text|null"}]}],
            "complete_from":"null","next_cursor":"text|null"}"#,
    );
    let of_one = rig.json("/api/v1/changes?target=gone");
    let change = &of_one["changes"][0];
    assert_eq!((&change["name"], &change["to"]), (&"gone".into(), &"down".into()));
    assert_eq!(change["failing"][0]["status"], 404);
    assert_eq!(
        rig.json("/api/v1/changes?to=2020-01-01T00:00:00Z&from=2019-01-01T00:00:00Z")["changes"],
        serde_json::json!([])
    );
    assert_eq!(rig.get("/api/v1/changes?target=nobody").status, 404);
    assert_eq!(rig.get("/api/v1/changes?from=yesterday").status, 400);
    assert_eq!(
        rig.get("/api/v1/changes?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z").status,
        400
    );
}

#[test]
fn missed_open_failed_and_well_look_different_in_the_last_hour() {
    let mut story = Story::listed(&["eu", "us"], vec![target(1, "shop")], -7200);
    // Cells are two minutes: minutes 0 and 1, 2 and 3, …
    for minute in 0..60 {
        for vantage in ["eu", "us"] {
            match minute {
                10 | 11 => story.result(vantage, "shop", minute, TIMEOUT),
                20 if vantage == "us" => story.missed(vantage, "shop", minute, Missed::AgentLost),
                30 if vantage == "us" => story.result(vantage, "shop", minute, answer(500)),
                58 | 59 => {}
                _ => story.result(vantage, "shop", minute, answer(200)),
            }
        }
    }
    let strip = strip(&story.state, story.idx("shop"), at(3600) - Duration::from_millis(1), None);
    assert_eq!((strip.cell_ms, strip.cells.as_str()), (120_000, "uuuuufuuuumuuuupuuuuuuuuuuuuuo"));
}

#[test]
fn a_vantage_says_since_when_it_finds_what_it_finds() {
    let mut story = Story::listed(&["eu"], vec![target(1, "shop")], 0);
    let find = |story: &Story, second| {
        let full = full(&story.state, at(second), "shop").expect("it is listed");
        let vantage = full.vantages.into_iter().next().expect("there is one");
        (vantage.verdict, vantage.since, vantage.changed.map(|changed| changed.status))
    };
    assert_eq!(find(&story, 60), ("unknown", None, None));
    for (minute, outcome) in [(1, answer(200)), (2, TIMEOUT), (3, BLOCKED), (4, answer(500))] {
        story.result("eu", "shop", minute, outcome);
    }
    let (verdict, since, changed) = find(&story, 4 * 60 + 90);
    assert_eq!((verdict, since), ("down", Some(Story::slot("eu", "shop", 2).rfc3339())));
    let status = changed.flatten().expect("it is another one");
    assert_eq!((status.success.as_str(), status.failure.as_str()), ("200", "500"));
    let old = (Story::slot("eu", "shop", 4) + MINUTE * 2).rfc3339();
    assert_eq!(find(&story, 3600), ("unknown", Some(old), Some(Some(status))));
}
