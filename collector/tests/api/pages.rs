//! Pages while the list changes: a target that matches throughout is shown exactly once.

use std::collections::BTreeMap;

use collector::view::targets::{After, Question, Sort, list};
use proptest::prelude::*;

use crate::story::{Story, TIMEOUT, answer, at, target};

fn names(count: u64) -> Vec<String> {
    (0..count).map(|n| format!("t{n:02}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_target_that_matches_throughout_is_on_exactly_one_page(
        sort in prop::sample::select(vec![Sort::Name, Sort::Since, Sort::Latency]),
        limit in 1_usize..7,
        happens in prop::collection::vec((0_u64..20, any::<bool>(), any::<bool>()), 0..30),
    ) {
        let list_of = |names: &[String]| {
            names.iter().enumerate().map(|(n, name)| target(n as u64 + 1, name)).collect()
        };
        let all = names(20);
        let mut story = Story::listed(&["eu"], list_of(&all), 0);
        for name in &all {
            story.result("eu", name, 1, answer(200));
        }
        let (mut shown, mut removed, mut minute) = (BTreeMap::<String, u32>::new(), Vec::new(), 2);
        let mut happens = happens.into_iter();
        let mut after = After::Nothing;
        for page in 0.. {
            prop_assert!(page < 30, "it ends");
            let question = Question { sort, limit, after, ..Question::default() };
            let (found, next) = list(&story.state, at(minute * 60), &question);
            prop_assert!(found.targets.len() <= limit);
            for target in found.targets {
                *shown.entry(target.name).or_default() += 1;
            }
            // Between two pages verdicts and latencies change, and targets go.
            for (uid, fails, goes) in happens.by_ref().take(3) {
                let name = &all[uid as usize];
                if goes && !removed.contains(name) {
                    story.list(Vec::new(), &[uid + 1], minute * 60);
                    removed.push(name.clone());
                } else if !removed.contains(name) {
                    let planned = Story::slot("eu", name, minute);
                    let outcome = if fails { TIMEOUT } else { answer(200) };
                    story.result_at("eu", name, planned, outcome, 1000 * minute as u32);
                }
                minute += 1;
            }
            match next {
                After::Nothing => break,
                next => after = next,
            }
        }
        for name in &all {
            let count = shown.get(name).copied().unwrap_or(0);
            prop_assert!(count <= 1, "{name} was shown {count} times");
            prop_assert!(count == 1 || removed.contains(name), "{name} was left out");
        }
    }
}
