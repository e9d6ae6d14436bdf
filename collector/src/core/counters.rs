//! What the core counted since its start, for /metrics.

use proto::{Missed, Outcome, Refusal};

/// Counts since the start.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Results that were new.
    pub results: u64,
    /// Slots that got a result: up, answered otherwise, failed.
    pub outcomes: [u64; 3],
    /// Results that the log held already: delivered again, or run twice.
    pub known: u64,
    /// Results that were not taken, by reason.
    pub refused: [u64; Refusal::ALL.len()],
    /// Slots judged missed, by reason.
    pub missed: [u64; Missed::ALL.len()],
    /// Slots that the sweep sent to be run.
    pub swept: u64,
    /// Shards that moved from one live agent to another.
    pub moves: u64,
    /// Agents whose lease ran out.
    pub lost_agents: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Verdicts that changed.
    pub verdict_changes: u64,
    /// Second attempts that were asked for, to confirm a failure.
    pub confirmations: u64,
    /// … and that nobody had room for.
    pub confirmations_skipped: u64,
    /// Failures that the second attempt did not find.
    pub unconfirmed: u64,
    /// Times that an agent came under suspicion.
    pub suspicions: u64,
    /// Probes asked of agents under suspicion, to see whether they are well again.
    pub canaries: u64,
}

impl Counters {
    pub(super) fn refuse(&mut self, reason: Refusal, count: u32) {
        self.refused[reason.number() as usize - 1] += u64::from(count);
    }

    pub(super) fn receive(&mut self, outcome: Outcome) {
        self.outcomes[match outcome {
            Outcome::Answered { unexpected: None, .. } => 0,
            Outcome::Answered { unexpected: Some(_), .. } => 1,
            Outcome::Failed(_) => 2,
        }] += 1;
    }

    pub(super) fn miss(&mut self, reason: Missed, count: u64) {
        self.missed[reason.number() as usize - 1] += count;
    }
}
