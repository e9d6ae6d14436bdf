//! The summary beside a naive recount: whatever happened, whatever is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use collector::view::summary::{Counting, Question};
use proptest::prelude::*;
use proto::{Missed, Outcome, Timestamp};
use serde_json::{Value, json};

use crate::story::{MINUTE, Story, TIMEOUT, answer, at, target};

const VANTAGES: [&str; 2] = ["eu", "us"];
const NAMES: [&str; 3] = ["a", "b", "c"];
const MINUTES: i64 = 12;

/// What became of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Found(Outcome, u32),
    Missed(Missed),
    Open,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (1_u32..90_000).prop_map(|latency| Fate::Found(answer(200), latency)),
        1 => (1_u32..90_000).prop_map(|latency| Fate::Found(answer(503), latency)),
        1 => Just(Fate::Found(TIMEOUT, 10_000_000)),
        1 => Just(Fate::Missed(Missed::AgentLost)),
        1 => Just(Fate::Missed(Missed::NoAgent)),
        1 => Just(Fate::Open),
    ]
}

/// The numbers of a set of slots, each looked at once.
pub(crate) fn recount<'a>(slots: impl Iterator<Item = &'a Fate>) -> Value {
    let (mut expected, mut received, mut open, mut up) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut missed, mut codes, mut failures) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut latencies = Vec::new();
    for fate in slots {
        expected += 1;
        match fate {
            Fate::Open => open += 1,
            Fate::Missed(reason) => *missed.entry(reason.name()).or_insert(0_u64) += 1,
            Fate::Found(outcome, latency) => {
                received += 1;
                up += u64::from(outcome.is_up());
                match outcome {
                    Outcome::Answered { status, .. } => {
                        *codes.entry(status.to_string()).or_insert(0_u64) += 1;
                        latencies.push(*latency);
                    }
                    Outcome::Failed(kind) => *failures.entry(kind.name()).or_insert(0_u64) += 1,
                }
            }
        }
    }
    latencies.sort_unstable();
    let percentile = |percent: usize| {
        let rank = (latencies.len() * percent).div_ceil(100).max(1);
        latencies.get(rank - 1).map(|us| f64::from(*us) / 1000.0)
    };
    let lost: u64 = missed.values().sum();
    let settled = received + lost;
    let share = |part: u64| part as f64 / settled as f64;
    json!({
        "slots": {"expected": expected, "received": received, "missed": missed, "open": open},
        "status_codes": codes, "failures": failures,
        "latency_ms": {"p50": percentile(50), "p90": percentile(90), "p95": percentile(95),
            "p99": percentile(99), "max": percentile(100)},
        "uptime": (settled > 0).then(|| json!({
            "low": share(up), "high": share(up + lost), "coverage": share(received),
        })),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_number_of_a_summary_is_that_of_a_naive_recount(
        fates in prop::collection::vec(fate(), 2 * 3 * MINUTES as usize),
        window_ms in 1_i64..800_000,
        now_ms in 0_i64..(MINUTES * 60_000),
        vantage in prop::option::of(0_usize..2),
        category in prop::option::of(prop::sample::select(vec!["odd", "even", "none"])),
        part in 1_usize..4,
    ) {
        let category_of = |n: usize| if n.is_multiple_of(2) { "even" } else { "odd" };
        let listed = NAMES.iter().enumerate().map(|(n, name)| proto::TargetEntry {
            category: category_of(n).into(),
            ..target(n as u64 + 1, name)
        });
        let mut story = Story::listed(&VANTAGES, listed.collect(), 0);
        let mut slots: Vec<(usize, usize, Timestamp, Fate)> = Vec::new();
        let mut fates = fates.into_iter();
        for (v, place) in VANTAGES.iter().enumerate() {
            for (n, name) in NAMES.iter().enumerate() {
                // The slot that ran when the target was listed is its first.
                let before = Story::slot(place, name, -1);
                if before > at(0) - MINUTE {
                    slots.push((v, n, before, Fate::Open));
                }
                for (minute, fate) in (0..MINUTES).zip(fates.by_ref()) {
                    let planned = Story::slot(place, name, minute);
                    match fate {
                        Fate::Found(outcome, latency) => {
                            story.result_at(place, name, planned, outcome, latency);
                        }
                        Fate::Missed(reason) => story.missed(place, name, minute, reason),
                        Fate::Open => {}
                    }
                    slots.push((v, n, planned, fate));
                }
            }
        }
        let now = at(0) + Duration::from_millis(now_ms as u64);
        let window = Duration::from_millis(window_ms as u64);
        let only = vantage.map(|v| story.at_vantage(VANTAGES[v]).expect("it is known"));
        let category_asked = category.map(str::to_owned);
        let question =
            Question { window, round: MINUTE, vantage: only, zone: None, category: category_asked };
        // In parts of any size, as the API counts.
        let mut counting = Counting::new(now, question);
        for first in (0..NAMES.len()).step_by(part) {
            counting.count(&story.state, first..first + part);
        }
        let summary = serde_json::to_value(counting.finish()).expect("plain JSON");
        let asked_for = |(v, n, planned, _): &&(usize, usize, Timestamp, Fate)| {
            vantage.is_none_or(|only| only == *v)
                && category.is_none_or(|only| only == category_of(*n))
                && *planned >= now - window
                && *planned < now
        };
        let naive = recount(slots.iter().filter(asked_for).map(|(_, _, _, fate)| fate));
        for part in ["slots", "status_codes", "failures", "latency_ms", "uptime"] {
            prop_assert_eq!(&summary[part], &naive[part], "{}", part);
        }
        for round in summary["rounds"].as_array().expect("a list") {
            let in_round = |slot: &&(usize, usize, Timestamp, Fate)| {
                slot.2.floor(MINUTE).rfc3339() == round["start"].as_str().unwrap_or_default()
            };
            let slots = slots.iter().filter(asked_for).filter(in_round);
            let naive = recount(slots.map(|(_, _, _, fate)| fate));
            prop_assert_eq!(&round["expected"], &naive["slots"]["expected"]);
            prop_assert_eq!(&round["status_codes"], &naive["status_codes"]);
            prop_assert_eq!(&round["latency_ms"], &naive["latency_ms"]);
        }
    }
}
