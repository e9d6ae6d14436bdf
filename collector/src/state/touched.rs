//! Where in the log each target was changed last: what was made of a state is brought up to date by what has changed since.

use super::TargetIdx;

/// For each target the position of the record that changed it last. Known from a position on: of what is older, a snapshot says
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Touched {
    from: u64,
    last: Vec<u64>,
}

impl Touched {
    /// Nothing was changed since the log had so many records.
    pub(super) fn from(position: u64) -> Self {
        Self { from: position, last: Vec::new() }
    }

    /// The record at `position` changed these.
    pub(super) fn mark(&mut self, position: u64, targets: impl IntoIterator<Item = TargetIdx>) {
        for target in targets {
            if self.last.len() <= target.index() {
                self.last.resize(target.index() + 1, 0);
            }
            self.last[target.index()] = position;
        }
    }

    /// Whether all is known that records at or after `position` changed.
    pub(super) fn reaches(&self, position: u64) -> bool {
        self.from <= position
    }

    /// The targets at or after a place that records at or after `position` changed.
    pub(super) fn since(&self, position: u64, first: usize) -> impl Iterator<Item = TargetIdx> {
        let rest = self.last.iter().enumerate().skip(first);
        rest.filter(move |(_, last)| **last >= position).map(|(index, _)| TargetIdx(index as u32))
    }
}
