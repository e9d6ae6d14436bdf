//! `/metrics/probes`: blackbox_exporter's names, fresh values only, and every target in exactly one part.

use std::collections::BTreeSet;

use collector::view::blackbox::{FAMILIES, Question, piece};

use crate::rig::shared;
use crate::story::{BLOCKED, Story, TIMEOUT, answer, at, target};

/// The samples of a text: name with labels, and value.
fn samples(text: &str) -> Vec<(&str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name, value.parse().expect("a number"))
        })
        .collect()
}

fn value(text: &str, name: &str, target: &str, more: &str) -> Option<f64> {
    let found = samples(text).into_iter().find(|(sample, _)| {
        sample.starts_with(&format!("{name}{{target=\"{target}\",")) && sample.contains(more)
    });
    found.map(|(_, value)| value)
}

#[test]
fn a_fresh_result_of_every_target_is_there_as_blackbox_exporter_would_tell_it() {
    let answer = shared().get("/metrics/probes");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = &answer.body;
    let get = |name, target| value(text, name, target, "");
    assert_eq!(get("probe_success", "ok"), Some(1.0));
    assert_eq!(get("probe_success", "gone"), Some(0.0));
    assert_eq!(get("probe_http_status_code", "gone"), Some(404.0));
    assert_eq!(get("probe_http_status_code", "refused"), Some(0.0));
    assert_eq!(get("probe_failed_due_to_regex", "odd-body"), Some(1.0));
    assert_eq!(get("probe_http_redirects", "moved"), Some(1.0));
    assert_eq!(get("probe_http_version", "ok"), Some(1.1));
    assert_eq!(get("probe_ip_protocol", "ok"), Some(4.0));
    assert_eq!(get("probe_http_ssl", "ok"), Some(0.0));
    assert!(get("probe_duration_seconds", "never") >= Some(0.9), "{text}");
    assert!(value(text, "probe_http_duration_seconds", "ok", "phase=\"processing\"").is_some());
    assert!(get("zonewatch_probe_age_seconds", "ok") < Some(61.0), "{text}");
    // What was refused says nothing of its target, and what is paused is not probed.
    assert_eq!((get("probe_success", "forbidden"), get("probe_success", "paused")), (None, None));
    let families = text.lines().filter(|line| line.starts_with("# TYPE "));
    assert_eq!(families.count(), FAMILIES.len());
    assert!(!text.contains("hunter2"), "no password is shown");
}

#[test]
fn filters_and_parts_together_are_the_whole() {
    let rig = shared();
    let of = |query: &str| -> BTreeSet<String> {
        let answer = rig.get(&format!("/metrics/probes{query}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let successes = answer.body.lines().filter(|line| line.starts_with("probe_success{"));
        successes.map(str::to_owned).collect()
    };
    let all = of("");
    assert_eq!(all.len(), 11, "{all:?}");
    let parts: Vec<_> = (0..3).map(|part| of(&format!("?shard={part}/3"))).collect();
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), all.len());
    assert_eq!(parts.into_iter().flatten().collect::<BTreeSet<_>>(), all);
    assert_eq!(of("?category=Bad").len(), 4);
    assert_eq!(of("?vantage=default"), all);
    for wrong in ["?shard=3/3", "?shard=0/0", "?shard=1", "?shard=0/5000", "?vantage=nowhere"] {
        assert_eq!(rig.get(&format!("/metrics/probes{wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn a_result_is_gone_two_intervals_after_it_was_planned() {
    let mut story = Story::listed(&["eu"], vec![target(1, "a"), target(2, "b")], 0);
    story.result("eu", "a", 1, answer(200));
    story.result("eu", "b", 1, TIMEOUT);
    story.result("eu", "b", 2, BLOCKED);
    let shown = |second| {
        let question = Question::default();
        let (text, next) = piece(&story.state, at(second), &question, &FAMILIES[0], 0);
        assert_eq!(next, None);
        ["a", "b"].map(|target| value(&text, "probe_success", target, ""))
    };
    assert_eq!(shown(125), [Some(1.0), Some(0.0)], "blocked says nothing, the one before does");
    assert_eq!(shown(240), [None, None]);
}
