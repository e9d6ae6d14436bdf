//! What one agent saw lately, by place.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::Timestamp;

use super::PLACES_MIN;

/// Sightings kept of an agent, at some 40 bytes each: a busy one fills that in a second, which is "lately" enough.
pub const SIGHTINGS_MAX: usize = 256;
/// Sightings that a glance takes in, however old.
const GLANCE: usize = 16;
/// What is older is not lately …
const LATELY: Duration = Duration::from_secs(60);
/// … unless there are not even five places since then; but nothing is that is older than this.
const LATELY_MAX: Duration = Duration::from_secs(20 * 60);
/// Somebody suspected has to see so many places up …
const UP_AGAIN_MIN: usize = 3;
/// … within this time.
const UP_AGAIN_WITHIN: Duration = Duration::from_secs(30);

/// What a probe says about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It answered.
    Up,
    /// It answered before, and not now. `deaf`: for want of a name, a connection or time.
    Turned {
        /// See above.
        deaf: bool,
    },
    /// It did not answer, and nobody knows of a time when it did.
    New {
        /// As above.
        deaf: bool,
    },
    /// It did not answer the last time either.
    Old,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    target: u64,
    place: u64,
    seen: Seen,
    /// When the result came.
    at: Timestamp,
    /// When the probe began.
    began: Timestamp,
}

/// The last sightings of an agent, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Sightings {
    kept: VecDeque<Sighting>,
    /// What began before says nothing any more.
    from: Timestamp,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { kept: VecDeque::new(), from: Timestamp::EPOCH }
    }
}

impl Sightings {
    /// A result came.
    pub fn add(&mut self, at: Timestamp, began: Timestamp, target: u64, place: u64, seen: Seen) {
        if began < self.from {
            return;
        }
        if self.kept.len() == SIGHTINGS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Sighting { target, place, seen, at, began });
    }

    /// The agent is well since this instant: what it began before says nothing, even if it comes only now.
    pub fn forget_before(&mut self, began: Timestamp) {
        self.from = began;
        self.kept.retain(|sighting| sighting.began >= began);
    }

    /// Whether so much fails lately that a closer look is worth its time.
    pub fn are_bad(&self, now: Timestamp) -> bool {
        let newest = self.kept.iter().rev().enumerate();
        let lately = newest
            .take_while(|(nth, sighting)| *nth < GLANCE || now.since(sighting.at) <= LATELY)
            .filter(|(_, s)| matches!(s.seen, Seen::Turned { .. } | Seen::New { .. }));
        lately.take(PLACES_MIN).count() == PLACES_MIN
    }

    /// What was seen lately: the newest of every target; a place is up if one of its targets is.
    pub fn view(&self, now: Timestamp) -> View {
        let mut view = View::default();
        let mut targets = BTreeSet::new();
        for sighting in self.kept.iter().rev() {
            let age = now.since(sighting.at);
            if age > LATELY_MAX || (age > LATELY && view.places.len() >= PLACES_MIN) {
                break;
            }
            if targets.insert(sighting.target) {
                view.add(sighting.place, sighting.seen);
            }
        }
        view
    }

    /// When the first of the failures began that last: of every target those since it was up.
    pub fn failing_since(&self, now: Timestamp) -> Option<Timestamp> {
        let lately = self.kept.iter().rev().take_while(|s| now.since(s.at) <= LATELY_MAX);
        let mut ended = BTreeSet::new();
        let mut first: Option<Timestamp> = None;
        for sighting in lately {
            match sighting.seen {
                Seen::Up | Seen::Old => {
                    ended.insert(sighting.target);
                }
                Seen::Turned { .. } | Seen::New { .. } if !ended.contains(&sighting.target) => {
                    first = Some(first.map_or(sighting.began, |known| known.min(sighting.began)));
                }
                Seen::Turned { .. } | Seen::New { .. } => {}
            }
        }
        first
    }

    /// When an agent whose first failure began at `since` was well again, if it is: by the newest of every target since then.
    /// That is the first probe that found something up after the last that failed, but for failures among the newest few
    /// ups: those are sites that are down.
    pub fn well_since(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut view = View::default();
        let (mut targets, mut places) = (BTreeSet::new(), BTreeSet::new());
        let mut back: Option<Timestamp> = None;
        let lately = self.kept.iter().rev().take_while(|s| now.since(s.at) <= UP_AGAIN_WITHIN);
        let lately: Vec<&Sighting> = lately.filter(|sighting| sighting.began >= since).collect();
        for sighting in &lately {
            if !targets.insert(sighting.target) {
                continue;
            }
            view.add(sighting.place, sighting.seen);
            if sighting.seen == Seen::Up && places.len() < UP_AGAIN_MIN {
                places.insert(sighting.place);
                back = Some(back.map_or(sighting.began, |known| known.min(sighting.began)));
            }
        }
        let back = back.filter(|_| view.ups() >= UP_AGAIN_MIN)?;
        if view.ups() <= view.failing().count() {
            return None;
        }
        let fails = |s: &&&Sighting| s.seen != Seen::Up && s.began < back;
        let last_failure = lately.iter().filter(fails).map(|s| s.began).max();
        let up = |s: &&&Sighting| s.seen == Seen::Up && last_failure.is_none_or(|at| s.began > at);
        lately.iter().filter(up).map(|s| s.began).min()
    }
}

/// Places with what was seen of each: up, if one of its targets is; else the newest.
#[derive(Clone, Debug, Default)]
pub struct View {
    places: BTreeMap<u64, Seen>,
}

impl View {
    /// What is older is added later.
    pub(super) fn add(&mut self, place: u64, seen: Seen) {
        let known = self.places.entry(place).or_insert(seen);
        if seen == Seen::Up {
            *known = Seen::Up;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (place, seen) in other.iter() {
            self.add(place, seen);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Seen)> {
        self.places.iter().map(|(place, seen)| (*place, *seen))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Places that are up.
    pub fn ups(&self) -> usize {
        self.places.values().filter(|seen| **seen == Seen::Up).count()
    }

    /// Places that fail and did not always.
    pub fn failing(&self) -> impl Iterator<Item = u64> {
        let failing = |seen: &Seen| matches!(seen, Seen::Turned { .. } | Seen::New { .. });
        self.iter().filter(move |(_, seen)| failing(seen)).map(|(place, _)| place)
    }

    /// Most of what was up is not.
    pub(super) fn suddenly_fails(&self) -> bool {
        let turned = self.places.values().filter(|seen| matches!(seen, Seen::Turned { .. }));
        let turned = turned.count();
        turned >= PLACES_MIN && turned > self.ups()
    }

    /// Nothing at all answers, and that for reasons which a dead network has.
    pub(super) fn hears_nothing(&self, places_min: usize) -> bool {
        let deaf =
            |seen: &&Seen| matches!(seen, Seen::Turned { deaf: true } | Seen::New { deaf: true });
        let deaf = self.places.values().filter(deaf).count();
        deaf >= places_min && deaf == self.failing().count() && self.ups() == 0
    }
}
