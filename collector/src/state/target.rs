//! A target that the log knows: its identity lasts, its listing comes and goes.

use proto::{ShardId, TargetEntry, Timestamp, Uid};

use super::Quiet;
use crate::verdict::Verdict;

/// A target's place in the state's vectors: dense, inside this process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetIdx(pub u32);

impl TargetIdx {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name that was ever listed.
#[derive(Debug)]
pub struct TargetState {
    /// Durable.
    pub uid: Uid,
    /// Its shard at every vantage.
    pub shard: ShardId,
    /// As last listed.
    pub entry: TargetEntry,
    /// Whether it is listed now.
    pub listed: bool,
    /// Which revision came into force when, oldest first; the last few.
    pub(super) revisions: Vec<(u32, Timestamp)>,
    /// Over all vantages.
    pub verdict: Verdict,
    /// When it became that; nothing while it never had one.
    pub since: Option<Timestamp>,
    /// When the verdict must be looked at again though nothing arrives: its evidence grows old.
    pub stale_at: Timestamp,
    /// It was up, and one attempt that nobody has confirmed yet says otherwise: until then it stays what it was.
    pub doubt: Option<Timestamp>,
    /// When it is under maintenance.
    pub quiet: Quiet,
}

/// Revisions kept: a result is accepted up to 24 h late, and a file that changes oftener than this in a day loses only
/// the check of the oldest.
const REVISIONS_MAX: usize = 16;

impl TargetState {
    /// A target that is listed for the first time.
    pub fn new(entry: TargetEntry, at: Timestamp) -> Self {
        Self {
            uid: entry.uid,
            shard: proto::shard_of(&entry.name),
            revisions: vec![(entry.revision, at)],
            entry,
            listed: true,
            verdict: Verdict::Unknown,
            since: None,
            stale_at: Timestamp::MAX,
            doubt: None,
            quiet: Quiet::default(),
        }
    }

    /// It is listed (again), perhaps differently.
    pub fn list(&mut self, entry: TargetEntry, at: Timestamp) {
        if entry.revision != self.entry.revision {
            self.revisions.push((entry.revision, at));
            if self.revisions.len() > REVISIONS_MAX {
                self.revisions.remove(0);
            }
        }
        self.entry = entry;
        self.listed = true;
    }

    /// Whether it may be asked again without harm: a failure of it is confirmed by a second attempt.
    pub fn is_confirmable(&self) -> bool {
        matches!(self.entry.spec.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// The revision in force at a planned start: a change applies from the next one.
    pub fn revision_at(&self, planned: Timestamp) -> u32 {
        let in_force = self.revisions.iter().rev().find(|(_, from)| *from <= planned);
        in_force.or(self.revisions.first()).map_or(0, |(revision, _)| *revision)
    }

    /// Whether it is to be probed from a vantage.
    pub fn is_due_from(&self, vantage: &str, reach: super::Reach) -> bool {
        self.is_for(vantage, reach) && self.listed && !self.entry.paused
    }

    /// Whether its row asks for it from a vantage, paused or not.
    pub fn is_for(&self, vantage: &str, reach: super::Reach) -> bool {
        let named = || self.entry.vantages.iter().any(|name| name == vantage);
        match reach {
            super::Reach::All => self.entry.vantages.is_empty() || named(),
            super::Reach::Named => named(),
            super::Reach::Nobody => false,
        }
    }
}
