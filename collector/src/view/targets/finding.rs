//! Which targets a page shows, found part by part: a million of them never hold up the core.

use std::cmp::Reverse;

use proto::Timestamp;

use super::{
    After, Listed, Page, Question, Sort, answered, is_asked_for, listed, matches, newest_shown,
    verdict_of,
};
use crate::state::{State, TargetIdx};
use crate::view::index::{Index, Matches};

/// How a page is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By name, narrowed by words alone: the index says which targets there are, and none is looked at but for the page.
    Plain,
    /// By name.
    ByName,
    /// In an order that is made now, and kept.
    Sorted,
    /// In an order that was made for a page before, from this place on.
    Resumed(usize),
}

impl Question {
    fn way(&self) -> Way {
        let Self { verdict, category, vantage, labels, words: _, sort, limit: _, after } = self;
        let words_alone =
            verdict.is_none() && category.is_none() && vantage.is_none() && labels.is_empty();
        match (after, sort) {
            (After::Place(_, place), _) => Way::Resumed(*place),
            (_, Sort::Name) if words_alone => Way::Plain,
            (_, Sort::Name) => Way::ByName,
            (_, Sort::Since | Sort::Latency) => Way::Sorted,
        }
    }
}

/// The targets that are asked for, while they are being found.
#[derive(Debug)]
pub struct Finding {
    question: Question,
    /// Those that have the words: by name, or in the order of the page before.
    candidates: Matches,
    /// Up to which place of the order they were looked at.
    looked: usize,
    found: Vec<Found>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    /// In the order of the list.
    place: usize,
    idx: TargetIdx,
    verdict: &'static str,
    /// What it is sorted by, the greatest first.
    key: i64,
}

impl Finding {
    /// Looks for the words, on any thread.
    pub fn new(index: &Index, question: Question) -> Self {
        let candidates = match &question.after {
            After::Place(order, _) => Matches::all(order.clone()),
            After::Nothing | After::Name(_) => index.search(&question.words),
        };
        Self { question, candidates, looked: 0, found: Vec::new() }
    }

    /// Looks at so many candidates more. Says whether there are others.
    pub fn go_on(&mut self, state: &State, now: Timestamp, most: usize) -> bool {
        let Self { question, candidates, looked, found } = self;
        let way = question.way();
        if way == Way::Plain {
            return false;
        }
        let mut seen = 0;
        for (place, idx) in candidates.onwards(*looked).take(most) {
            (seen, *looked) = (seen + 1, place + 1);
            // A URL may have changed since the order was made.
            let resumed = matches!(way, Way::Resumed(_));
            if !is_known(state, idx)
                || resumed && !matches(&state.target(idx).entry, &question.words)
            {
                continue;
            }
            if let Some(verdict) = is_asked_for(state, now, question, idx) {
                let key = if resumed { 0 } else { key(state, now, question, idx) };
                found.push(Found { place, idx, verdict, key });
            }
        }
        seen == most
    }

    /// Brings them into their order, on any thread.
    pub fn sorted(self) -> Sorted {
        let Self { question, candidates, looked: _, mut found } = self;
        let mut matches = candidates;
        if question.way() == Way::Sorted {
            // Stable: among equals the names decide.
            found.sort_by_key(|found| Reverse(found.key));
            matches = Matches::all(found.iter().map(|found| found.idx).collect());
            found.iter_mut().enumerate().for_each(|(place, found)| found.place = place);
        }
        Sorted { question, matches, found }
    }
}

/// All targets that are asked for, in their order.
#[derive(Debug)]
pub struct Sorted {
    question: Question,
    /// Of the order that a cursor goes on in.
    matches: Matches,
    /// Unless the matches are all there is to say.
    found: Vec<Found>,
}

impl Sorted {
    /// The page, with what there is to say of its targets now, and what is after it.
    pub fn page(self, state: &State, now: Timestamp) -> (Page, After) {
        let Self { question, matches, found } = self;
        let order = matches.order();
        let show = |idx: TargetIdx, verdict| listed(state, now, &question, (idx, verdict));
        let limit = question.limit;
        let (targets, total, next): (Vec<Listed>, usize, Option<usize>) = match question.way() {
            Way::Plain => {
                let first = order.partition_point(|idx| is_before(state, &question, *idx));
                let mut rest = matches.onwards(first);
                let page = rest.by_ref().take(limit).filter(|(_, idx)| is_known(state, *idx));
                let shown = page.map(|(_, idx)| show(idx, verdict_of(state, now, &question, idx)));
                (shown.collect(), matches.len(), rest.next().map(|(place, _)| place))
            }
            way => {
                let first = found.partition_point(|found| match way {
                    Way::Resumed(place) => found.place < place,
                    _ => is_before(state, &question, found.idx),
                });
                let page = found.iter().skip(first).take(limit);
                let page = page.filter(|found| is_known(state, found.idx));
                let shown = page.map(|found| show(found.idx, found.verdict));
                let next = found.get(first + limit).map(|found| found.place);
                (shown.collect(), found.len(), next)
            }
        };
        let after = match (question.way(), next, targets.last()) {
            (Way::Plain | Way::ByName, Some(_), Some(last)) => After::Name(last.name.clone()),
            (Way::Sorted | Way::Resumed(_), Some(place), _) => After::Place(order.clone(), place),
            _ => After::Nothing,
        };
        (Page { targets, total, next_cursor: None }, after)
    }
}

/// Names never change: after the last one shown comes the next greater one.
fn is_before(state: &State, question: &Question, idx: TargetIdx) -> bool {
    match &question.after {
        After::Name(last) => is_known(state, idx) && state.target(idx).entry.name <= *last,
        After::Nothing | After::Place(..) => false,
    }
}

/// Whether there is such a target; a collector that follows another one's log may have begun anew since the index was made.
fn is_known(state: &State, idx: TargetIdx) -> bool {
    idx.index() < state.targets().len()
}

/// What a target is sorted by, the greatest first; those without any last.
fn key(state: &State, now: Timestamp, question: &Question, idx: TargetIdx) -> i64 {
    let key = match question.sort {
        Sort::Name => None,
        Sort::Since => state.target(idx).since.map(Timestamp::millis),
        Sort::Latency => {
            let newest = newest_shown(state, now, question, idx).filter(|entry| answered(entry));
            newest.map(|entry| i64::from(entry.latency_us))
        }
    };
    key.unwrap_or(i64::MIN)
}
