//! A page of targets, however it is found: by an index, part by part, in any order, is that of a naive look at each of them.

use collector::state::State;
use collector::view::index::{Edition, Index, Indexing};
use collector::view::targets::{After, Finding, Page, Question, Sort};
use proptest::prelude::*;
use proto::{ProbeSpec, TargetEntry, Timestamp};

use crate::story::{Story, TIMEOUT, answer, at, target};

const PIECES: [&str; 7] = ["shop", "SHOP", "a", "é", "É", "example", "x-y"];

fn index(state: &State, part: usize) -> Index {
    let mut indexing = Indexing::new(state);
    while indexing.go_on(state, part) {}
    indexing.finish()
}

fn page(state: &State, now: Timestamp, question: Question, part: usize) -> (Page, After) {
    let mut finding = Finding::new(&index(state, part), question);
    while finding.go_on(state, now, part) {}
    finding.sorted().page(state, now)
}

/// Names of a few pieces, URLs with or without them, a password now and then, three categories; every third fails.
fn told(names: &[(Vec<&'static str>, bool, bool)]) -> Story {
    let entry = |(n, (pieces, own_url, secret)): (usize, &(Vec<&'static str>, bool, bool))| {
        let name = format!("{}-{n}", pieces.concat());
        let credentials = if *secret { "user:shop-password@" } else { "" };
        let path = if *own_url { name.as_str() } else { "elsewhere" };
        TargetEntry {
            spec: ProbeSpec::get(format!("https://{credentials}h{n}.test/{path}")),
            category: ["x", "y", ""][n % 3].into(),
            paused: n % 7 == 6,
            ..target(n as u64 + 1, &name)
        }
    };
    let entries: Vec<TargetEntry> = names.iter().enumerate().map(entry).collect();
    let mut story = Story::listed(&["eu", "us"], entries.clone(), 0);
    for (n, entry) in entries.iter().enumerate().filter(|(n, entry)| n % 5 != 4 && !entry.paused) {
        let outcome = if n % 3 == 0 { TIMEOUT } else { answer(200) };
        let planned = Story::slot("eu", &entry.name, 1);
        story.result_at("eu", &entry.name, planned, outcome, 1000 * (n as u32 % 4));
    }
    // Every eleventh has left the list.
    let gone: Vec<u64> = (1..=entries.len() as u64).filter(|uid| uid % 11 == 0).collect();
    story.list(Vec::new(), &gone, 100);
    story
}

/// The names that are asked for, in their order, by a look at each target.
fn naive(state: &State, now: Timestamp, question: &Question) -> Vec<String> {
    let masked = |url: &str| collector::target_file::mask_url(url).to_lowercase();
    let mut found: Vec<(String, i64)> = Vec::new();
    for (idx, target) in state.targets().filter(|(_, target)| target.listed) {
        let entry = &target.entry;
        let (name, url) = (entry.name.to_lowercase(), masked(&entry.spec.url));
        let verdict = match entry.paused {
            true => "paused",
            false => target.verdict.name(),
        };
        let fits = question.words.iter().all(|word| name.contains(word) || url.contains(word))
            && question.category.as_ref().is_none_or(|only| *only == entry.category)
            && question.verdict.as_ref().is_none_or(|only| only == verdict);
        let newest = state.fresh(idx, now, None, true).next().map(|(_, entry)| *entry);
        let answered =
            newest.filter(|entry| matches!(entry.outcome, proto::Outcome::Answered { .. }));
        let key = match question.sort {
            Sort::Name => None,
            Sort::Since => target.since.map(Timestamp::millis),
            Sort::Latency => answered.map(|entry| i64::from(entry.latency_us)),
        };
        found.extend(fits.then(|| (entry.name.clone(), key.unwrap_or(i64::MIN))));
    }
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.into_iter().map(|(name, _)| name).collect()
}

fn names() -> impl Strategy<Value = Vec<(Vec<&'static str>, bool, bool)>> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..4);
    prop::collection::vec((pieces, any::<bool>(), any::<bool>()), 1..40)
}

proptest! {
    #[test]
    fn pages_together_are_what_a_look_at_each_target_finds(
        names in names(),
        words in prop::collection::vec(prop::sample::select(
            vec!["shop", "e", "é", "example", "-1", "test/", "password", "elsewhere", "nowhere"]), 0..3),
        verdict in prop::option::of(prop::sample::select(vec!["up", "down", "unknown", "paused"])),
        category in prop::option::of(prop::sample::select(vec!["x", ""])),
        sort in prop::sample::select(vec![Sort::Name, Sort::Since, Sort::Latency]),
        (limit, part) in (1_usize..9, 1_usize..9),
    ) {
        let story = told(&names);
        let (state, now) = (&story.state, at(120));
        let mut question = Question {
            verdict: verdict.map(str::to_owned),
            category: category.map(str::to_owned),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            sort,
            limit,
            ..Question::default()
        };
        let expected = naive(state, now, &question);
        let mut seen = Vec::new();
        loop {
            let (page, after) = page(state, now, question.clone(), part);
            prop_assert_eq!(page.total, expected.len());
            prop_assert!(page.targets.len() <= limit);
            seen.extend(page.targets.into_iter().map(|row| row.name));
            if matches!(after, After::Nothing) {
                break;
            }
            question.after = after;
        }
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn a_list_that_changed_has_another_edition_and_what_is_not_on_it_is_not_found() {
    let mut story = Story::listed(&["eu"], vec![target(1, "shop-a"), target(2, "shop-b")], 0);
    let words = ["shop".to_owned()];
    let before = index(&story.state, 1);
    assert_eq!(before.search(&words).len(), 2);
    story.result("eu", "shop-a", 1, answer(200));
    assert_eq!(before.edition(), Edition::of(&story.state), "results change no list");
    story.list(vec![target(3, "shop-c")], &[1], 120);
    assert_ne!(before.edition(), Edition::of(&story.state));
    let after = index(&story.state, 1);
    let found: Vec<&str> = after
        .search(&words)
        .onwards(0)
        .map(|(_, idx)| story.state.target(idx).entry.name.as_str())
        .collect();
    assert_eq!(found, ["shop-b", "shop-c"]);
    assert_eq!(after.search(&[]).len(), 2);
}
