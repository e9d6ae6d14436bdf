//! What is done beside the log, one at a time between two groups: parts are created and deleted, the log is trimmed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Pace, Store, StoreError, WriterEvent};

/// Something to do beside the log. Doing it twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Create a part.
    Put(String, Bytes),
    /// Delete parts.
    Delete(Vec<String>),
    /// Forget the records before this position.
    Trim(u64),
}

/// Chores in the order in which they are to be done.
#[derive(Default)]
pub(super) struct Chores {
    waiting: VecDeque<(u64, Chore)>,
    failures: u32,
    /// After a failure: not before this.
    again_at: Option<Instant>,
}

impl Chores {
    pub(super) fn push(&mut self, number: u64, chore: Chore) {
        self.waiting.push_back((number, chore));
    }

    /// How long until a chore has its turn; nothing when there is none.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.waiting.front()?;
        let again = self.again_at.map(|at| at.saturating_duration_since(Instant::now()));
        Some(again.unwrap_or(Duration::ZERO))
    }

    /// Does the next step, if it is time; says what there is to report.
    pub(super) fn turn(&mut self, store: &mut dyn Store, pace: Pace) -> Option<WriterEvent> {
        if self.again_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        let (number, chore) = self.waiting.front()?;
        let number = *number;
        match step(store, chore) {
            Ok(done) => {
                self.again_at = None;
                if std::mem::take(&mut self.failures) > 0 {
                    // What is done is reported at the next turn.
                    return Some(WriterEvent::ChoresRecovered);
                }
                if !done {
                    return None;
                }
                self.waiting.pop_front();
                Some(WriterEvent::ChoresDone { up_to: number })
            }
            Err(error) => {
                self.again_at = Some(Instant::now() + pace.after(self.failures));
                self.failures += 1;
                let error = crate::config::chain(&error);
                (self.failures == 1).then_some(WriterEvent::ChoresFailing { error })
            }
        }
    }
}

/// Does a chore, or a long one in part: says whether it is done.
fn step(store: &mut dyn Store, chore: &Chore) -> Result<bool, StoreError> {
    match chore {
        Chore::Put(key, bytes) => store.put_part(key, bytes).map(|()| true),
        Chore::Delete(keys) => store.delete_parts(keys).map(|()| true),
        Chore::Trim(before) => {
            if store.head()? < *before {
                store.trim(*before)?;
            }
            Ok(store.head()? >= *before)
        }
    }
}
