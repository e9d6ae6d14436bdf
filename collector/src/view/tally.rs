//! Counting slots: the one place where results become numbers.

use std::collections::BTreeMap;

use proto::{Failure, Missed, Outcome, Timestamp, Unexpected};

use crate::state::{Entry, Quiet, Series};

/// What the slots planned in some time came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By recount of the plan, never as a sum of the parts below.
    pub expected: u64,
    /// With a result.
    pub received: u64,
    /// Judged to be without one, by reason.
    pub missed: BTreeMap<Missed, u64>,
    /// Neither.
    pub open: u64,
    /// As expected.
    pub up: u64,
    /// Answers by status code.
    pub status_codes: BTreeMap<u16, u64>,
    /// Failures by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// Answers whose status was not expected.
    pub unexpected_status: u64,
    /// Answers whose body was not expected.
    pub unexpected_body: u64,
    /// Slots that are up though another attempt at them was not.
    pub unconfirmed: u64,
    /// What of these was planned under maintenance: left out of uptime.
    pub quiet: QuietCounts,
}

/// Slots under maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Tally`")]
pub struct QuietCounts {
    pub expected: u64,
    pub received: u64,
    pub up: u64,
    pub missed: u64,
}

impl QuietCounts {
    /// Adds others to these.
    pub fn merge(&mut self, other: &Self) {
        let Self { expected, received, up, missed } = other;
        self.expected += expected;
        self.received += received;
        self.up += up;
        self.missed += missed;
    }
}

impl Tally {
    /// Counts one result.
    pub fn receive(&mut self, entry: &Entry) {
        self.received += 1;
        self.up += u64::from(entry.outcome.is_up());
        match entry.outcome {
            Outcome::Answered { status, unexpected } => {
                *self.status_codes.entry(status).or_default() += 1;
                match unexpected {
                    Some(Unexpected::Status) => self.unexpected_status += 1,
                    Some(Unexpected::Body) => self.unexpected_body += 1,
                    None => {}
                }
            }
            Outcome::Failed(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    /// Counts the slots of a series planned in `[from, to)`, where `to` is not in the future. `each` sees every result
    /// that counts; only those that `include` are counted.
    pub fn count<'a>(
        &mut self,
        series: &'a Series,
        quiet: &Quiet,
        from: Timestamp,
        to: Timestamp,
        include: impl Fn(&Entry) -> bool,
        mut each: impl FnMut(&'a Entry),
    ) {
        self.expected += series.expected(from, to);
        for entry in series.received(from, to).filter(|entry| include(entry)) {
            self.receive(entry);
            each(entry);
        }
        for (reason, slots) in series.missed(from, to) {
            *self.missed.entry(reason).or_default() += slots;
        }
        self.open += series.open_slots(from, to);
        self.unconfirmed += series.unconfirmed(from, to);
        for (from, to) in quiet.between(from, to) {
            let received = series.received(from, to).filter(|entry| include(entry));
            for entry in received {
                self.quiet.received += 1;
                self.quiet.up += u64::from(entry.outcome.is_up());
            }
            self.quiet.expected += series.expected(from, to);
            self.quiet.missed += series.missed(from, to).map(|(_, slots)| slots).sum::<u64>();
        }
    }

    /// Adds others to these.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            expected,
            received,
            missed,
            open,
            up,
            status_codes,
            failures,
            unexpected_status,
            unexpected_body,
            unconfirmed,
            quiet,
        } = other;
        self.quiet.merge(quiet);
        self.unconfirmed += unconfirmed;
        self.expected += expected;
        self.received += received;
        self.open += open;
        self.up += up;
        self.unexpected_status += unexpected_status;
        self.unexpected_body += unexpected_body;
        for (reason, count) in missed {
            *self.missed.entry(*reason).or_default() += count;
        }
        for (status, count) in status_codes {
            *self.status_codes.entry(*status).or_default() += count;
        }
        for (failure, count) in failures {
            *self.failures.entry(*failure).or_default() += count;
        }
    }

    /// All that was judged missed.
    pub fn missed_total(&self) -> u64 {
        self.missed.values().sum()
    }

    /// The share of settled slots that were up: at least, at most, and the share of settled slots with a result.
    /// Nothing while nothing is settled.
    pub fn uptime(&self) -> Option<Uptime> {
        // Without what was under maintenance.
        let QuietCounts { expected: _, received, up, missed } = self.quiet;
        let left = |all: u64, out: u64| all.saturating_sub(out);
        let (received, up) = (left(self.received, received), left(self.up, up));
        let missed = left(self.missed_total(), missed);
        let settled = received + missed;
        let share = |part: u64| part as f64 / settled as f64;
        (settled > 0).then(|| Uptime {
            low: share(up),
            high: share(up + missed),
            coverage: share(received),
        })
    }
}

/// Uptime with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uptime {
    /// Missed counts as down.
    pub low: f64,
    /// Missed counts as up.
    pub high: f64,
    /// The share of slots that have a result.
    pub coverage: f64,
}

/// The sample at the nearest rank: the smallest one that at least `percent` per cent of the samples do not exceed.
/// `sorted` in rising order.
pub fn nearest_rank(sorted: &[u32], percent: u32) -> Option<u32> {
    let rank = (sorted.len() as u64 * u64::from(percent)).div_ceil(100).max(1);
    sorted.get(usize::try_from(rank - 1).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_at_its_nearest_rank() {
        let samples: Vec<u32> = (1..=10).collect();
        assert_eq!(nearest_rank(&samples, 50), Some(5));
        assert_eq!(nearest_rank(&samples, 90), Some(9));
        assert_eq!(nearest_rank(&samples, 95), Some(10));
        assert_eq!(nearest_rank(&samples, 100), Some(10));
        assert_eq!(nearest_rank(&[7], 50), Some(7));
        assert_eq!(nearest_rank(&[], 50), None);
    }

    #[test]
    fn uptime_is_bounded_by_what_the_missed_slots_may_have_been() {
        let mut tally = Tally { received: 8, up: 7, ..Tally::default() };
        tally.missed.insert(Missed::AgentLost, 2);
        let uptime = tally.uptime().expect("slots are settled");
        assert_eq!((uptime.low, uptime.high, uptime.coverage), (0.7, 0.9, 0.8));
        assert_eq!(Tally::default().uptime(), None);
    }
}
