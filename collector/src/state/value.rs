//! The value of a slot: a maximum in one fixed order, so that duplicates, late results and re-runs are all one case.

use std::cmp::{Ordering, Reverse};

use proto::{Outcome, ProbeResult, Timestamp};

/// Which agent process reported a value: an index into the state's list of reporters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReporterIdx(pub u32);

/// A slot that has its result, in at most 32 bytes: a target of ten minutes has 144 a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The slot.
    pub planned: Timestamp,
    /// From the planned start to the real one.
    pub start_delay_ms: i32,
    /// All phases together.
    pub latency_us: u32,
    /// What was found.
    pub outcome: Outcome,
    /// By whom.
    pub reporter: ReporterIdx,
    /// A failure that its agent found under suspicion: no better than missed.
    pub suspect: bool,
}

impl Entry {
    /// The entry that a result makes.
    pub fn new(result: &ProbeResult, reporter: ReporterIdx) -> Self {
        Self {
            planned: result.planned,
            start_delay_ms: result.start_delay_ms,
            latency_us: result.phases.total_us(),
            outcome: result.outcome,
            reporter,
            suspect: false,
        }
    }

    /// Whether it is the same attempt, delivered again.
    pub fn is_same(&self, other: &Self) -> bool {
        let attempt = |e: &Self| (e.planned, e.start_delay_ms, e.outcome, e.reporter);
        attempt(self) == attempt(other)
    }

    /// When the probe really started.
    pub fn started(&self) -> Timestamp {
        Timestamp::from_millis(self.planned.millis().saturating_add(self.start_delay_ms.into()))
    }

    /// `up > answered, not as expected > failure > failure under suspicion` (missed and open slots have no entry).
    pub fn rank(&self) -> u8 {
        if self.suspect { 0 } else { rank(self.outcome) }
    }

    /// The order of values of one key (accounting K2): by rank; among equals the earlier start, then the boot id of
    /// the agent, then the bytes win. `boots` are those of the two reporters.
    pub fn order(&self, boot: u64, other: &Self, other_boot: u64) -> Ordering {
        let place = |entry: &Self, boot: u64| {
            let start = Reverse(entry.start_delay_ms);
            (entry.rank(), start, boot, code(entry.outcome), entry.latency_us)
        };
        place(self, boot).cmp(&place(other, other_boot))
    }
}

/// How good an outcome is: 3 up, 2 answered but not as expected, 1 failed.
pub fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Answered { unexpected: None, .. } => 3,
        Outcome::Answered { unexpected: Some(_), .. } => 2,
        Outcome::Failed(_) => 1,
    }
}

fn code(outcome: Outcome) -> (u32, u32) {
    match outcome {
        Outcome::Answered { status, unexpected } => {
            (status.into(), unexpected.map_or(0, proto::Unexpected::number))
        }
        Outcome::Failed(failure) => (failure.number(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Failure, Unexpected};

    fn entry(outcome: Outcome, start_delay_ms: i32) -> Entry {
        let (planned, reporter) = (Timestamp::EPOCH, ReporterIdx(0));
        Entry { planned, start_delay_ms, latency_us: 5, outcome, reporter, suspect: false }
    }

    #[test]
    fn up_beats_an_unexpected_answer_which_beats_a_failure_however_late_each_came() {
        let up = entry(Outcome::Answered { status: 200, unexpected: None }, 9_000);
        let odd =
            entry(Outcome::Answered { status: 500, unexpected: Some(Unexpected::Status) }, 5_000);
        let failed = entry(Outcome::Failed(Failure::Timeout), 0);
        assert_eq!(up.order(1, &odd, 2), Ordering::Greater);
        assert_eq!(odd.order(1, &failed, 2), Ordering::Greater);
        assert_eq!(failed.order(9, &up, 1), Ordering::Less);
    }

    #[test]
    fn among_equals_the_earlier_start_wins_and_then_the_boot_id() {
        let early = entry(Outcome::Failed(Failure::Dns), 10);
        let late = entry(Outcome::Failed(Failure::Tls), 11);
        assert_eq!(early.order(1, &late, 2), Ordering::Greater);
        assert_eq!(early.order(1, &early, 2), Ordering::Less);
        assert_eq!(early.order(2, &early, 2), Ordering::Equal);
    }

    #[test]
    fn an_entry_stays_small() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }
}
