//! What the recount knows of failures: that is what incidents stand on.

use std::time::Duration;

use proto::{Outcome, Timestamp, Uid};

use super::ledger::{Ledger, Own};

/// An attempt that found its target not up.
#[derive(Clone, Debug)]
pub struct Failed {
    pub vantage: &'static str,
    pub planned: Timestamp,
    pub outcome: Outcome,
    /// When its record was made.
    pub logged: Timestamp,
    /// When the suspicion under which it was found came into the log.
    pub suspected_at: Option<Timestamp>,
}

impl Ledger {
    /// The failed attempts at slots of a target that were fresh a moment before `at`.
    pub fn failed(&self, uid: Uid, at: Timestamp, moment: Duration) -> Vec<Failed> {
        let from = at - self.rows[&uid].entry.interval * 2 - moment;
        let own = self.own.range((uid, "")..).take_while(|((of, _), _)| *of == uid);
        let attempts = own.flat_map(|((_, vantage), own)| {
            let slots = own.attempts.range(from.millis()..);
            slots.flat_map(move |(planned, all)| {
                all.iter().map(move |one| (*vantage, *planned, one))
            })
        });
        let failed = attempts.filter(|(.., (_, attempt))| !attempt.result.outcome.is_up());
        failed
            .map(|(vantage, planned, (logged, attempt))| Failed {
                vantage,
                planned: Timestamp::from_millis(planned),
                outcome: attempt.result.outcome,
                logged: *logged,
                suspected_at: self.suspected_at(attempt),
            })
            .collect()
    }

    /// Whether a target is listed and not paused.
    pub fn is_probed(&self, uid: Uid) -> bool {
        let row = &self.rows[&uid];
        row.listed && !row.entry.paused
    }

    /// Whether each target fails from somewhere, of those of which nothing was heard for `settled` that could have changed it.
    pub fn settled_verdicts(&self, now: Timestamp, settled: Duration) -> Vec<(Uid, bool)> {
        let probed = self.rows.keys().copied().filter(|uid| self.is_probed(*uid));
        probed.filter_map(|uid| Some((uid, self.settled_verdict(uid, now, settled)?))).collect()
    }

    fn settled_verdict(&self, uid: Uid, now: Timestamp, settled: Duration) -> Option<bool> {
        let interval = self.rows[&uid].entry.interval;
        let own = self.own.range((uid, "")..).take_while(|((of, _), _)| *of == uid);
        let mut evidence = Vec::new();
        for (_, own) in own.filter(|(_, own)| own.is_due()) {
            let newest = self.newest(own)?;
            let fresh = newest.0 >= now - interval * 2;
            let was_fresh = newest.0 >= now - settled - interval * 2;
            if own.last_heard() > now - settled || fresh != was_fresh {
                return None;
            }
            evidence.extend(fresh.then_some(!newest.1.is_up()));
        }
        (!evidence.is_empty()).then(|| evidence.contains(&true))
    }

    /// The newest slot with a value that counts.
    fn newest(&self, own: &Own) -> Option<(Timestamp, Outcome)> {
        own.attempts.iter().rev().find_map(|(planned, attempts)| {
            let (_, best) = self.best(attempts)?;
            Some((Timestamp::from_millis(*planned), best.result.outcome))
        })
    }
}

impl Own {
    fn is_due(&self) -> bool {
        self.due.last().is_some_and(|due| due.until == i64::MAX)
    }

    /// When the last record with an attempt was made.
    fn last_heard(&self) -> Timestamp {
        let all = self.attempts.values().flatten();
        all.map(|(at, _)| *at).max().unwrap_or(Timestamp::EPOCH)
    }
}
