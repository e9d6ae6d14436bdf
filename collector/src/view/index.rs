//! Every listed target in the order of names, and the text that words are looked for in: made once for each state of the list,
//! so that neither a page nor a search has to go over a million targets in the core's time.

mod letters;
mod matches;
mod search;

use std::sync::Arc;

pub use matches::Matches;

use self::letters::Letters;
use crate::state::{State, TargetIdx};
use crate::target_file::mask_url;

/// Which list an index is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    epoch: u64,
    revision: u64,
    targets: usize,
}

impl Edition {
    /// The list as it is.
    pub fn of(state: &State) -> Self {
        let (epoch, revision) = (state.epoch, state.catalog_revision);
        Self { epoch, revision, targets: state.targets().len() }
    }
}

/// See the module. A million targets of 30 bytes each are some 70 MB.
#[derive(Debug)]
pub struct Index {
    edition: Edition,
    order: Arc<[TargetIdx]>,
    /// Of each target in turn its name and masked URL in lower case, a line each; the name alone is not said again if the URL
    /// has it.
    text: String,
    /// Where the text of each ends.
    ends: Vec<usize>,
    /// What is in each text.
    letters: Vec<Letters>,
}

impl Index {
    /// Which list it is of.
    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// Every listed target, by name.
    pub fn order(&self) -> &Arc<[TargetIdx]> {
        &self.order
    }

    /// The targets that have each of the words, in lower case and without spaces, in the name or the masked URL; by name.
    pub fn search(&self, words: &[String]) -> Matches {
        match words {
            [] => Matches::all(self.order.clone()),
            words => Matches::new(self.order.clone(), search::search(self, words)),
        }
    }
}

/// An index that is being made, part by part.
#[derive(Debug)]
pub struct Indexing {
    edition: Edition,
    order: Vec<TargetIdx>,
    text: String,
    ends: Vec<usize>,
    after: Option<String>,
}

impl Indexing {
    /// Begins with the list as it is. What changes while it is made may be in it or not: its edition is that of the beginning.
    pub fn new(state: &State) -> Self {
        let (order, ends) = (Vec::new(), Vec::new());
        Self { edition: Edition::of(state), order, text: String::new(), ends, after: None }
    }

    /// Takes in so many names more. Says whether there are others.
    pub fn go_on(&mut self, state: &State, most: usize) -> bool {
        let Self { edition: _, order, text, ends, after } = self;
        let (mut seen, mut last) = (0, None);
        for (name, idx) in state.after_name(after.as_deref()).take(most) {
            (seen, last) = (seen + 1, Some(name));
            let target = state.target(idx);
            if !target.listed {
                continue;
            }
            order.push(idx);
            let (name, url) = (name.to_lowercase(), &target.entry.spec.url);
            let url = match url.contains('@') {
                true => mask_url(url).to_lowercase(),
                false => url.to_lowercase(),
            };
            if !url.contains(&name) {
                text.push_str(&name);
                text.push('\n');
            }
            text.push_str(&url);
            text.push('\n');
            ends.push(text.len());
        }
        *after = last.map(str::to_owned).or(after.take());
        seen == most
    }

    /// The index, on any thread.
    pub fn finish(self) -> Index {
        let Self { edition, order, text, ends, after: _ } = self;
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let texts = begins.zip(&ends).map(|(begin, end)| &text.as_bytes()[begin..*end]);
        let letters = texts.map(Letters::of).collect();
        Index { edition, order: order.into(), text, ends, letters }
    }
}
