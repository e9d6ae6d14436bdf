//! Why slots were late: the stretches of the collector's time in which this agent could not have started them.

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Missed, Timestamp};

/// Stretches remembered; older ones explain nothing that is still open.
const STRETCHES_MAX: usize = 64;

/// Stretches that were lost to something other than load.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    lost: VecDeque<(Timestamp, Timestamp, Missed)>,
}

impl Excuses {
    /// `[from, to)` was lost for this reason.
    pub(crate) fn add(&mut self, from: Timestamp, to: Timestamp, reason: Missed) {
        if self.lost.len() == STRETCHES_MAX {
            self.lost.pop_front();
        }
        self.lost.push_back((from, to, reason));
    }

    /// Why nothing was started in `[from, to)`: what took at least half of it, else there was too much to do.
    pub(crate) fn reason(&self, from: Timestamp, to: Timestamp) -> Missed {
        let took = |reason| {
            let lost = self.lost.iter().filter(|lost| lost.2 == reason);
            lost.map(|(f, t, _)| to.min(*t).since(from.max(*f))).sum::<Duration>()
        };
        let explains = |reason| took(reason) * 2 >= to.since(from) && from < to;
        [Missed::AgentPaused, Missed::ClockUnsure]
            .into_iter()
            .find(|reason| explains(*reason))
            .unwrap_or(Missed::Overloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_explains_what_it_took_half_of() {
        let at = Timestamp::from_millis;
        let mut excuses = Excuses::default();
        assert_eq!(excuses.reason(at(0), at(100)), Missed::Overloaded);
        excuses.add(at(50), at(200), Missed::AgentPaused);
        assert_eq!(excuses.reason(at(0), at(100)), Missed::AgentPaused);
        assert_eq!(excuses.reason(at(0), at(99)), Missed::Overloaded);
        excuses.add(at(300), at(400), Missed::ClockUnsure);
        assert_eq!(excuses.reason(at(290), at(410)), Missed::ClockUnsure);
    }
}
