//! A core that decides nothing: on a standby it follows what the leader's log says.

use std::time::Duration;

use proto::{Malformed, Record, Timestamp};

use super::Core;
use crate::state::TargetIdx;

/// How often everything is looked at again: verdicts that nothing new confirms, slots that are settled or forgotten.
const REVIEW_EVERY: Duration = Duration::from_secs(10);

impl Core {
    /// Takes in what another collector logged.
    ///
    /// # Errors
    /// When this version does not understand it.
    pub fn follow(&mut self, record: Record) -> Result<(), Malformed> {
        let now = self.last_tick.max(record.at);
        self.last_tick = now;
        self.state.replay(record)?;
        if now.since(self.last_forget) >= REVIEW_EVERY {
            self.review(now);
        }
        Ok(())
    }

    fn review(&mut self, now: Timestamp) {
        self.last_forget = now;
        self.state.settle_all(now);
        self.state.forget(now, self.config.keep_slots);
        let slots_from = self.state.forgotten();
        let hours = self.state.hours_mut();
        hours.expire(slots_from, now - self.config.keep);
        // It is the leader that deletes them.
        let _not_ours = hours.take_replaced();
        let known: Vec<TargetIdx> = self.state.targets().map(|(idx, _)| idx).collect();
        for target in known {
            self.state.renew_verdict(target, now);
        }
    }
}
