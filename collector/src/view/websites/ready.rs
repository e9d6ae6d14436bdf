//! `/websites-status` of all vantages, kept written in pieces: what an answer costs is what has changed since the one before.

use bytes::Bytes;
use proto::Timestamp;

use super::{BYTES, Shown, push};
use crate::state::{State, TargetIdx};

/// Targets in one piece of the text: some 24 KB.
const PIECE: usize = 256;

/// The text, and what it was made of.
#[derive(Debug, Default)]
pub struct Ready {
    /// The log that it is of.
    log: u64,
    /// How many names there are.
    count: usize,
    /// Every name that was ever listed, in order; while they are being written, those that are.
    names: Vec<TargetIdx>,
    /// The last of them.
    last_name: Option<String>,
    /// Each holds [`PIECE`] of the names.
    pieces: Vec<Piece>,
    /// Which piece a target is in, and what that says of it, by the target's place.
    places: Vec<(u32, Shown)>,
    /// What the records before this changed is in the text.
    seen: u64,
    /// The list that the text is of.
    catalog: u64,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Piece {
    /// A comma before each of its targets.
    text: Bytes,
    /// It says nothing else before this instant, unless a result comes.
    good_until: Timestamp,
    /// A target changed.
    stale: bool,
}

/// One time through everything that may have changed.
#[derive(Debug)]
struct Pass {
    /// The log's length at its beginning.
    began: u64,
    catalog: u64,
    target: usize,
    piece: usize,
}

impl Ready {
    /// Brings the text up to date, or part of the way there: some `most` targets are looked at. Whether it is done.
    pub fn renew(&mut self, state: &State, now: Timestamp, most: usize) -> bool {
        let count = state.targets().len();
        if (self.log, self.count) != (state.log, count) || !state.knows_changes_since(self.seen) {
            let (seen, catalog) = (state.position(), state.catalog_revision);
            let places = vec![(0, Shown::Unlisted); count];
            *self = Self { log: state.log, count, places, seen, catalog, ..Self::default() };
        }
        let mut left = most;
        self.write_new(state, now, &mut left);
        if self.names.len() < count {
            return false;
        }
        let began =
            Pass { began: state.position(), catalog: state.catalog_revision, target: 0, piece: 0 };
        let mut pass = self.pass.take().unwrap_or(began);
        let done = self.look(state, now, &mut pass, &mut left)
            && self.rewrite(state, now, &mut pass, &mut left);
        if done {
            (self.seen, self.catalog) = (pass.began, pass.catalog);
        } else {
            self.pass = Some(pass);
        }
        done
    }

    /// The whole text, in pieces that are shared.
    pub fn text(&self) -> Vec<Bytes> {
        let mut text = Vec::with_capacity(self.pieces.len() + 2);
        text.push(Bytes::from_static(b"{"));
        let mut written =
            self.pieces.iter().map(|piece| &piece.text).filter(|text| !text.is_empty());
        // No comma before the first.
        text.extend(written.next().map(|first| first.slice(1..)));
        text.extend(written.cloned());
        text.push(Bytes::from_static(b"}"));
        text
    }

    /// Writes names that were not written yet.
    fn write_new(&mut self, state: &State, now: Timestamp, left: &mut usize) {
        while self.names.len() < self.count && *left > 0 {
            let first = self.names.len();
            let last_name = self.last_name.take();
            for (name, idx) in state.after_name(last_name.as_deref()).take(PIECE) {
                self.names.push(idx);
                if self.names.len() == self.count || self.names.len() == first + PIECE {
                    self.last_name = Some(name.to_owned());
                }
            }
            let piece = self.pieces.len();
            for idx in &self.names[first..] {
                self.places[idx.index()].0 = piece as u32;
            }
            let empty = Piece { text: Bytes::new(), good_until: now, stale: true };
            self.pieces.push(empty);
            self.write(state, now, piece);
            *left = left.saturating_sub(PIECE);
        }
    }

    /// Looks at every target that was changed: what says something else now is to be written again.
    fn look(&mut self, state: &State, now: Timestamp, pass: &mut Pass, left: &mut usize) -> bool {
        let relisted = pass.catalog != self.catalog;
        for idx in state.changed_since(self.seen, pass.target) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            pass.target = idx.index() + 1;
            let (piece, shown) = self.places[idx.index()];
            // Its category is told too.
            if relisted || Shown::of(state, now, idx, None).0 != shown {
                self.pieces[piece as usize].stale = true;
            }
        }
        pass.target = self.count;
        true
    }

    fn rewrite(
        &mut self,
        state: &State,
        now: Timestamp,
        pass: &mut Pass,
        left: &mut usize,
    ) -> bool {
        while let Some(piece) = self.pieces.get(pass.piece) {
            if piece.stale || piece.good_until <= now {
                if *left == 0 {
                    return false;
                }
                *left = left.saturating_sub(PIECE);
                self.write(state, now, pass.piece);
            }
            pass.piece += 1;
        }
        true
    }

    fn write(&mut self, state: &State, now: Timestamp, piece: usize) {
        let first = piece * PIECE;
        let names = &self.names[first..self.names.len().min(first + PIECE)];
        let mut text = String::with_capacity(PIECE * BYTES);
        let mut good_until = Timestamp::MAX;
        for idx in names {
            let (shown, until) = Shown::of(state, now, *idx, None);
            good_until = good_until.min(until);
            self.places[idx.index()].1 = shown;
            let entry = &state.target(*idx).entry;
            push(&mut text, (&entry.name, &entry.category), shown);
        }
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.pieces[piece] = Piece { text, good_until, stale: false };
    }
}
