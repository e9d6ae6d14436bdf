//! `/websites-status` is kept written: what it says is what would be written anew, whatever happens, and as time passes.

use std::time::Duration;

use collector::state::State;
use collector::view::websites::{Ready, Websites};
use proptest::prelude::*;
use proto::{Missed, TargetEntry, Timestamp, VantageState};
use serde_json::{Map, Value};

use crate::story::{BLOCKED, Story, TIMEOUT, answer, at, target};

const VANTAGES: [&str; 2] = ["eu", "us"];
/// More than one piece of the text.
const TARGETS: u64 = 600;

fn name(n: u64) -> String {
    format!("t{n}")
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Result {
        vantage: usize,
        target: u64,
        minute: i64,
        found: usize,
    },
    Missed {
        target: u64,
        minute: i64,
    },
    Listed {
        target: u64,
        paused: bool,
        category: u8,
    },
    Removed(u64),
    Added,
    Vantage(usize, bool),
    /// So many seconds in which nothing happens.
    Silence(i64),
}

fn step() -> impl Strategy<Value = Step> {
    // Often of the same few.
    let target = || prop_oneof![1..=4_u64, 1..=TARGETS];
    prop_oneof![
        8 => (0..2_usize, target(), 0..3_i64, 0..4_usize).prop_map(|(vantage, target, minute, found)| {
            Step::Result { vantage, target, minute, found }
        }),
        1 => (target(), 0..3_i64).prop_map(|(target, minute)| Step::Missed { target, minute }),
        2 => (target(), any::<bool>(), 0..3_u8).prop_map(|(target, paused, category)| {
            Step::Listed { target, paused, category }
        }),
        1 => target().prop_map(Step::Removed),
        1 => Just(Step::Added),
        1 => (0..2_usize, any::<bool>()).prop_map(|(vantage, due)| Step::Vantage(vantage, due)),
        3 => (1..200_i64).prop_map(Step::Silence),
    ]
}

struct World {
    story: Story,
    second: i64,
    targets: u64,
}

impl World {
    fn new() -> Self {
        let targets = (1..=TARGETS).map(|uid| target(uid, &name(uid))).collect();
        Self { story: Story::listed(&VANTAGES, targets, 0), second: 200, targets: TARGETS }
    }

    fn now(&self) -> Timestamp {
        at(self.second)
    }

    fn take(&mut self, step: &Step) {
        let story = &mut self.story;
        // The slots of the last minutes.
        let minute = |back: i64| self.second / 60 - back;
        match *step {
            Step::Result { vantage, target, minute: back, found } => {
                let outcome = [answer(200), answer(503), TIMEOUT, BLOCKED][found];
                story.result(VANTAGES[vantage], &name(target), minute(back), outcome);
            }
            Step::Missed { target, minute: back } => {
                story.missed(VANTAGES[0], &name(target), minute(back), Missed::NoAgent);
            }
            Step::Listed { target: uid, paused, category } => {
                let category = format!("of {category}");
                let entry = TargetEntry { paused, category, ..target(uid, &name(uid)) };
                story.list(vec![entry], &[], self.second);
            }
            Step::Removed(uid) => story.list(Vec::new(), &[uid], self.second),
            Step::Added => {
                self.targets += 1;
                story.list(vec![target(self.targets, &name(self.targets))], &[], self.second);
            }
            Step::Vantage(vantage, due) => {
                let state = if due { VantageState::Active } else { VantageState::Retired };
                story.vantage(VANTAGES[vantage], state, self.second);
            }
            Step::Silence(seconds) => self.second += seconds,
        }
    }
}

/// Renewed a few targets at a time.
fn renewed(ready: &mut Ready, state: &State, now: Timestamp) -> String {
    while !ready.renew(state, now, 100) {}
    String::from_utf8(ready.text().concat()).expect("text")
}

fn parsed(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("an object")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_kept_written_says_what_would_be_written_anew(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        let mut kept = Ready::default();
        for step in &steps {
            world.take(step);
            // What is begun before something else happens is finished after it.
            kept.renew(&world.story.state, world.now(), 50);
            let now = world.now();
            let text = renewed(&mut kept, &world.story.state, now);
            let anew = renewed(&mut Ready::default(), &world.story.state, now);
            prop_assert_eq!(parsed(&text), parsed(&anew), "after {:?}", step);
            prop_assert_eq!(text, anew, "after {:?}", step);
        }
    }
}

#[test]
fn of_two_vantages_that_find_the_same_the_whole_says_what_one_says() {
    let mut world = World::new();
    for uid in 1..=TARGETS {
        let outcome = [answer(200), answer(503), TIMEOUT, BLOCKED][uid as usize % 4];
        for vantage in VANTAGES {
            world.story.result(vantage, &name(uid), 2, outcome);
        }
    }
    let (state, now) = (&world.story.state, world.now());
    let only = world.story.at_vantage("us").expect("it is known");
    let (mut text, mut one) = (String::new(), Websites::new(only));
    while let Some(piece) = one.go_on(state, now, 7) {
        text.push_str(&piece);
    }
    assert_eq!(renewed(&mut Ready::default(), state, now), text);
    assert_eq!(parsed(&text).len(), TARGETS as usize);
}

#[test]
fn a_text_of_nothing_is_an_empty_object() {
    let mut story = Story::listed(&VANTAGES, vec![target(1, "gone")], 0);
    story.list(Vec::new(), &[1], 10);
    assert_eq!(renewed(&mut Ready::default(), &story.state, at(20)), "{}");
    assert_eq!(renewed(&mut Ready::default(), &State::default(), at(20)), "{}");
}

#[test]
fn what_is_forgotten_is_not_told_any_longer() {
    let mut story = Story::listed(&["eu"], vec![target(1, "old")], 0);
    for minute in -1..=2 {
        story.result("eu", "old", minute, answer(200));
    }
    let now = at(180);
    let mut kept = Ready::default();
    assert_eq!(parsed(&renewed(&mut kept, &story.state, now))["old"]["Status"], 200);
    // Slots may be kept for less than two intervals.
    story.state.settle_all(now);
    let (days, kept_for) = (Duration::from_secs(2 * 86_400), Duration::ZERO);
    story.state.forget(now + days, kept_for);
    assert_eq!(parsed(&renewed(&mut kept, &story.state, now))["old"]["Error"], "unknown");
}

#[test]
fn a_state_that_was_read_again_is_followed_as_the_one_before_was() {
    let mut world = World::new();
    let mut kept = Ready::default();
    renewed(&mut kept, &world.story.state, world.now());
    world.story.result("eu", "t7", 2, answer(204));
    // It knows what happened since its snapshot, and no more.
    let parts = collector::state::snapshot::write(&world.story.state);
    let hour = Duration::from_secs(3600);
    let read = collector::state::snapshot::read(&parts, hour).expect("just written");
    let text = renewed(&mut kept, &read, world.now());
    assert_eq!(parsed(&text)["t7"]["Status"], 204);
}
