//! When a target file that changes is read again, and whether what it says is taken.
//!
//! [`Watch`] decides and does no I/O: looks and contents come in with the time, and what to do goes out. A file is taken
//! once it has stood still for a moment, so a half-written one rarely is; whatever is bad about it changes nothing that
//! is in force; one that loses too many targets must stay the same for a minute. [`Watching`] looks, reads and tells; for a
//! list elsewhere it asks, and the same rules hold for what is answered.

mod poll;
mod remote;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustc_hash::FxHashSet;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::{Defaults, FileError, Health, Secrets, Source, TargetFile, Version, shrinks_too_much};

/// How often the file is looked at, which costs some microseconds. With [`SETTLE`] a change is taken within 300 ms, or as soon
/// as it is read.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a file must stand still before it is taken.
pub const SETTLE: Duration = Duration::from_millis(200);
/// How long a file that loses over 30 % of its targets must stay the same.
pub const HOLD: Duration = Duration::from_secs(60);

/// What a look at the file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// What a change of the content changes, and a file that was put in its place.
    File {
        /// When it was written.
        modified: Option<SystemTime>,
        /// Its length, in bytes.
        len: u64,
        /// Its number on its disk.
        inode: u64,
    },
    /// There is none, or it cannot be looked at: why.
    Gone(String),
}

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Look again after this long.
    LookAfter(Duration),
    /// Read the file and have it judged: with [`Watch::judge`], unless it changed meanwhile.
    Read,
}

/// What to do with what was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: it is what is in force, or was judged before.
    Nothing,
    /// It is in force now.
    Take,
    /// It loses this many of the targets in force: not yet.
    Hold {
        /// How many are gone.
        lost: usize,
        /// Of how many.
        of: usize,
    },
    /// It cannot be used, which has not been said yet.
    Refuse,
}

/// What is in force, and what the file was last seen to be.
#[derive(Debug)]
pub struct Watch {
    /// The hash of the content in force.
    content: u64,
    /// Hashes of the names in force: 8 bytes a target, and a collision costs a count that is off by one.
    names: FxHashSet<u64>,
    /// The last look, and since when it has been the same.
    seen: Option<(Look, Instant)>,
    /// The look whose content was judged last.
    judged: Option<Look>,
    /// Content that loses too many targets, and since when it has been there.
    held: Option<(u64, Instant)>,
    /// The last complaint, not to be repeated.
    said: Option<String>,
    /// What a remote source calls the content that was judged last.
    version: Option<Version>,
}

/// What is watched, and how it is read.
pub struct Watching {
    /// Where the list is.
    pub source: Source,
    /// What its rows need not say.
    pub defaults: Arc<Defaults>,
    /// What fills their secrets.
    pub secrets: Arc<Secrets>,
    /// Told how the newest reading went.
    pub health: tokio::sync::watch::Sender<Health>,
    /// How often a remote source is asked.
    pub ask_every: Duration,
}

impl Watching {
    /// Sends every change that is to be taken, until `stop`. `in_force` is what was read at the start. The receiver knows
    /// what is in force and applies [`super::carry_over`].
    pub async fn run(
        self,
        in_force: Watch,
        on_change: mpsc::Sender<TargetFile>,
        stop: CancellationToken,
    ) {
        let changes = async {
            match self.source.clone() {
                Source::File(path) => poll::follow(self, path, in_force, on_change).await,
                Source::Https(_) | Source::S3(_) => remote::follow(self, in_force, on_change).await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = changes => {}
        }
    }
}

/// Makes the outcome of a reading known.
fn report(health: &tokio::sync::watch::Sender<Health>, problem: Option<String>) {
    health.send_modify(|health| {
        health.failures += u64::from(problem.is_some());
        health.problem = problem;
    });
}

impl Watch {
    /// Watches on from a file that is in force.
    pub fn new(file: &TargetFile) -> Self {
        let names = file.targets.iter().map(|target| hash(&target.name)).collect();
        let version = file.version.clone();
        let content = file.content;
        Self { content, names, seen: None, judged: None, held: None, said: None, version }
    }

    /// The version of a remote list that need not be sent again: the one judged last, unless it was held back for so long
    /// that it is now to be taken.
    pub fn known(&self, now: Instant) -> Option<&Version> {
        let due = self.held.is_some_and(|held| is_due(held, now));
        self.version.as_ref().filter(|_| !due)
    }

    /// Takes in what a remote source calls the content that is judged next.
    pub fn judged_version(&mut self, version: Option<Version>) {
        self.version = version;
    }

    /// How many targets are in force.
    pub fn targets(&self) -> usize {
        self.names.len()
    }

    /// Takes in a look at the file.
    pub fn observe(&mut self, now: Instant, look: Look) -> Step {
        let since = match &self.seen {
            Some((seen, since)) if *seen == look => *since,
            _ => {
                self.seen = Some((look.clone(), now));
                now
            }
        };
        let still = now.saturating_duration_since(since);
        if still < SETTLE {
            return Step::LookAfter(SETTLE - still);
        }
        let held_long_enough = self.held.is_some_and(|held| is_due(held, now));
        if self.judged.as_ref() == Some(&look) && !held_long_enough {
            return Step::LookAfter(LOOK_EVERY);
        }
        Step::Read
    }

    /// Whether a file that looks so was not judged yet.
    pub fn is_new(&self, look: &Look) -> bool {
        self.judged.as_ref() != Some(look)
    }

    /// Takes in what was read after [`Step::Read`], of a file that still looked the same afterwards.
    pub fn judge(&mut self, now: Instant, read: Result<&TargetFile, &FileError>) -> Judgement {
        self.judged = self.seen.as_ref().map(|(look, _)| look.clone());
        let file = match read {
            Ok(file) => file,
            Err(error) => {
                self.held = None;
                let text = error.to_string();
                let new = self.said.as_ref() != Some(&text);
                self.said = Some(text);
                return if new { Judgement::Refuse } else { Judgement::Nothing };
            }
        };
        self.said = None;
        if file.content == self.content {
            self.held = None;
            return Judgement::Nothing;
        }
        let names = self.names_after(file);
        let kept = names.intersection(&self.names).count();
        if shrinks_too_much(self.names.len(), kept) {
            match self.held {
                Some(held) if held.0 == file.content && is_due(held, now) => {}
                Some((content, _)) if content == file.content => return Judgement::Nothing,
                _ => {
                    self.held = Some((file.content, now));
                    let of = self.names.len();
                    return Judgement::Hold { lost: of - kept, of };
                }
            }
        }
        (self.content, self.names, self.held) = (file.content, names, None);
        Judgement::Take
    }

    /// The names that would be in force: those of good rows, and of bad ones that keep the row before.
    fn names_after(&self, file: &TargetFile) -> FxHashSet<u64> {
        let good = file.targets.iter().map(|target| hash(&target.name));
        let bad = file.rejected_names.iter().map(|(_, name)| hash(name));
        good.chain(bad.filter(|name| self.names.contains(name))).collect()
    }
}

fn is_due((_, since): (u64, Instant), now: Instant) -> bool {
    now.saturating_duration_since(since) >= HOLD
}

fn hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

#[cfg(test)]
mod tests;
