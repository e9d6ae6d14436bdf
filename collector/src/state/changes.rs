//! The newest changes of verdicts: a bounded list, part of the fold of the log like everything else here.

use std::collections::VecDeque;

use proto::{Outcome, Timestamp, Uid};

use super::VantageIdx;
use crate::verdict::Verdict;

/// Changes kept: some 100 bytes each. When there are more, the oldest are forgotten, and [`Changes::complete_from`] says
/// from when on none is missing.
pub const CHANGES_MAX: usize = 100_000;
/// Vantages named with one change; [`VerdictChange::fresh`] counts all of them.
pub const FAILING_MAX: usize = 16;

/// A target got another verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictChange {
    /// 1, 2, 3, … in the order in which they were found.
    pub seq: u64,
    /// Whose.
    pub uid: Uid,
    /// What it was.
    pub from: Verdict,
    /// Since when it was that; nothing when it never had a verdict.
    pub since: Option<Timestamp>,
    /// What it became.
    pub to: Verdict,
    /// When.
    pub at: Timestamp,
    /// How many vantages there was fresh evidence from.
    pub fresh: u16,
    /// Those from which it failed, and how: the first of them.
    pub failing: Vec<(VantageIdx, Outcome)>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub(super) list: VecDeque<VerdictChange>,
    /// How many there were since the log began.
    pub(super) count: u64,
    /// When the newest of those that were forgotten was.
    pub(super) forgotten: Option<Timestamp>,
}

impl Changes {
    /// One more; its number is given here.
    pub fn push(&mut self, change: VerdictChange) {
        self.count += 1;
        if self.list.len() >= CHANGES_MAX {
            self.forget_first();
        }
        self.list.push_back(VerdictChange { seq: self.count, ..change });
    }

    /// Those that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &VerdictChange> {
        self.list.iter()
    }

    /// Those after the one of this number, oldest first.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &VerdictChange> {
        let first = self.list.partition_point(|change| change.seq <= seq);
        self.list.range(first..)
    }

    /// How many there were, the forgotten ones included: the number of the newest.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When the newest forgotten one was: every change after this instant is here.
    pub fn complete_from(&self) -> Option<Timestamp> {
        self.forgotten
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.list.pop_front() {
            self.forgotten = self.forgotten.max(Some(first.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: i64) -> VerdictChange {
        VerdictChange {
            seq: 0,
            uid: Uid(1),
            from: Verdict::Up,
            since: None,
            to: Verdict::Down,
            at: Timestamp::from_millis(at),
            fresh: 1,
            failing: Vec::new(),
        }
    }

    #[test]
    fn the_list_is_bounded_and_says_from_when_on_it_is_whole() {
        let mut changes = Changes::default();
        for at in 0..=CHANGES_MAX as i64 {
            changes.push(change(at));
        }
        assert_eq!(changes.iter().count(), CHANGES_MAX);
        assert_eq!(changes.iter().next().map(|change| change.seq), Some(2));
        assert_eq!(changes.complete_from(), Some(Timestamp::from_millis(0)));
        assert_eq!(changes.count(), CHANGES_MAX as u64 + 1);
        assert_eq!(changes.after(CHANGES_MAX as u64).count(), 1);
        assert_eq!(changes.after(0).count(), CHANGES_MAX);
    }
}
