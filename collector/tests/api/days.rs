//! Summaries beside a naive recount of raw slots: over hours and a midnight, while the list changes, before and after a restart,
//! from slots and from parts. The recount knows the story and the plan's formula, and nothing of the state.

use std::time::Duration;

use collector::parts::{SKETCH_ERROR, Totals, hour};
use collector::state::{State, snapshot};
use collector::store::{Memory, Store};
use collector::view::hours::Filter;
use collector::view::summary::{Counting, Question};
use proptest::prelude::*;
use proto::{Timestamp, phase_of};
use serde_json::{Value, json};

use crate::history::{HOUR, HOURS, VANTAGES, fate, seal, told, zone};
use crate::recount::{Fate, recount};
use crate::story::{MINUTE, at};

/// A raw slot: whose it is, and what it came to.
struct Raw {
    vantage: &'static str,
    category: &'static str,
    zone: String,
    planned: Timestamp,
    fate: Fate,
}

/// From when to when, and how often, in seconds.
type Due = (i64, i64, u64);

/// When each target of the story is due, in seconds: name, category, and stretches of (from, until, interval).
const LIST: [(&str, &str, &[Due]); 3] = [
    ("a", "x", &[(-60, HOURS * 3600, 60)]),
    // It leaves the list, and comes back: what ran when it did is its first slot again.
    ("b", "x", &[(-60, 8_000, 60), (8_940, HOURS * 3600, 60)]),
    // Its interval changes.
    ("c", "y", &[(-60, 6_000, 60), (6_000, HOURS * 3600, 45)]),
];

/// Every slot, in the order in which the story tells of them.
fn raw(codes: &[u8]) -> Vec<Raw> {
    let mut codes = codes.iter().copied().cycle();
    let mut slots = Vec::new();
    for vantage in VANTAGES {
        for (name, category, stretches) in LIST {
            for (from, until, interval) in stretches {
                let interval = Duration::from_secs(*interval);
                let mut planned =
                    at(*from).floor(interval) - interval + phase_of(name, vantage, interval);
                while planned < at(*until) {
                    if planned >= at(*from) {
                        let code = codes.next().expect("they go round");
                        let (zone, fate) = (zone(vantage, code), fate(code, planned));
                        slots.push(Raw { vantage, category, zone, planned, fate });
                    }
                    planned = planned + interval;
                }
            }
        }
    }
    slots
}

/// A question, and when it is asked.
#[derive(Clone, Debug)]
struct Asked {
    now: Timestamp,
    window: Duration,
    vantage: Option<&'static str>,
    category: Option<&'static str>,
    zone: Option<&'static str>,
    part: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    let end = HOURS * 3_600_000;
    let instant = (0..=end).prop_map(|ms| at(0) + Duration::from_millis(ms as u64));
    let window = (1..(end + 600_000) as u64).prop_map(Duration::from_millis);
    let one_of = |names: &[&'static str]| prop::option::of(prop::sample::select(names.to_vec()));
    let filters = (one_of(&VANTAGES), one_of(&["x", "y", "none"]), one_of(&["eu-1", "us-0"]));
    (instant, window, filters, 1_usize..4).prop_map(
        |(now, window, (vantage, category, zone), part)| Asked {
            now,
            window,
            vantage,
            category,
            zone,
            part,
        },
    )
}

impl Asked {
    fn is_of(&self, slot: &Raw) -> bool {
        self.vantage.is_none_or(|only| only == slot.vantage)
            && self.category.is_none_or(|only| only == slot.category)
    }

    /// What the raw slots planned in `[from, now)` come to. With a zone, what never ran is nobody's.
    fn recounted(&self, slots: &[Raw], from: Timestamp) -> Value {
        let inside =
            |slot: &&Raw| self.is_of(slot) && slot.planned >= from && slot.planned < self.now;
        let inside = slots.iter().filter(inside);
        let Some(zone) = self.zone else { return recount(inside.map(|slot| &slot.fate)) };
        let found = inside.filter(|s| s.zone == zone && matches!(s.fate, Fate::Found(..)));
        let mut naive = recount(found.map(|slot| &slot.fate));
        let received = naive["slots"]["received"].clone();
        naive["slots"] =
            json!({"expected": null, "received": received, "missed": null, "open": null});
        naive["uptime"] = Value::Null;
        naive
    }

    fn counting(&self, state: &State, window: Duration) -> Counting {
        let question = Question {
            window,
            round: MINUTE * 10,
            vantage: self.vantage.map(|name| state.vantage_idx(name).expect("known")),
            zone: self.zone.map(str::to_owned),
            category: self.category.map(str::to_owned),
        };
        let mut counting = Counting::new(self.now, question);
        for first in (0..LIST.len()).step_by(self.part) {
            counting.count(state, first..first + self.part);
        }
        counting
    }

    /// From slots.
    fn summary(&self, state: &State) -> Value {
        let summary = self.counting(state, self.window).finish();
        serde_json::to_value(summary).expect("plain JSON")
    }

    /// From parts, by whole hours, and slots that are still there; and from when on.
    fn long_summary(&self, state: &State, store: &Memory) -> (Value, Timestamp) {
        let begin = state.hours().start_of(self.now - self.window);
        let mut totals = Totals::default();
        let filter = Filter {
            vantage: self.vantage.map(|name| state.vantage_idx(name).expect("known")),
            zone: self.zone.map(str::to_owned),
            category: self.category.map(str::to_owned),
        };
        for (_, hour) in state.hours().range(begin, state.forgotten()) {
            let Some(manifest) = &hour.sealed else { continue };
            let groups = hour::totals(store.parts().as_ref(), manifest).expect("it is there");
            totals.merge(&filter.of_groups(self.vantage, &groups));
        }
        let counting = self.counting(state, self.now.since(state.forgotten()));
        let summary = counting.finish_with(Some((begin, totals)));
        (serde_json::to_value(summary).expect("plain JSON"), begin)
    }
}

/// A percentile from a sketch is within its stated error of the exact one.
fn is_close(sketched: &Value, exact: &Value) -> bool {
    match (sketched.as_f64(), exact.as_f64()) {
        (Some(sketched), Some(exact)) => (sketched - exact).abs() <= exact * SKETCH_ERROR + 0.001,
        (sketched, exact) => sketched == exact,
    }
}

const COUNTS: [&str; 4] = ["slots", "status_codes", "failures", "uptime"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn every_number_of_a_summary_over_hours_and_midnight_is_that_of_the_raw_slots(
        codes in prop::collection::vec(0..10_u8, 50..400),
        questions in prop::collection::vec(asked(), 30),
    ) {
        let slots = raw(&codes);
        let mut story = told(&codes);
        let mut store = Memory::default();
        let end = at(HOURS * 3600);
        let now = end + MINUTE * 30;
        seal(&mut story, &mut store, now);
        let written = snapshot::write(&story.state);
        // A restart reads the snapshot, and the slots of the hours that it knows.
        let mut again = snapshot::read(&written, HOUR).expect("just written");
        let sealed: Vec<_> = again.hours().range(Timestamp::EPOCH, Timestamp::MAX)
            .filter_map(|(_, hour)| hour.clean().cloned()).collect();
        for manifest in &sealed {
            hour::load_slots(store.parts().as_ref(), manifest, &mut again).expect("it is there");
        }
        for asked in &questions {
            let naive = asked.recounted(&slots, asked.now - asked.window);
            for state in [&story.state, &again] {
                let summary = asked.summary(state);
                for part in COUNTS.iter().chain(&["latency_ms"]) {
                    prop_assert_eq!(&summary[part], &naive[part], "{} of {:?}", part, asked);
                }
            }
        }
        // Later the slots are gone, and hours are what is left of them.
        let mut forgotten = snapshot::read(&written, HOUR).expect("just written");
        forgotten.forget(now, Duration::ZERO);
        prop_assert_eq!(forgotten.forgotten(), end);
        for asked in questions {
            // An hour counts whole.
            let asked = Asked { now: end, ..asked };
            let (summary, begin) = asked.long_summary(&forgotten, &store);
            let naive = asked.recounted(&slots, begin);
            for part in COUNTS {
                prop_assert_eq!(&summary[part], &naive[part], "{} of {:?}", part, asked);
            }
            for (name, exact) in naive["latency_ms"].as_object().expect("by name") {
                let sketched = &summary["latency_ms"][name];
                prop_assert!(is_close(sketched, exact), "{name}: {sketched} for {exact}, {asked:?}");
            }
        }
    }
}

#[test]
fn the_story_goes_over_a_midnight() {
    assert_eq!(at(0).rfc3339(), "2023-11-14T22:00:00.000Z");
    assert_eq!(at(7_200).rfc3339(), "2023-11-15T00:00:00.000Z");
    const { assert!(HOURS * 3600 > 7_200) };
}
