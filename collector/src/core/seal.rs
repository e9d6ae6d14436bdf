//! Finished hours become parts, everything else a snapshot, and the log is trimmed behind it (accounting K4).
//!
//! One step at a time: parts first, then the record that makes them count, then what they replace is deleted and the log
//! trimmed. A crash between any two leaves parts that nothing names, or a log that is longer than it need be; the next
//! leader finds both.

use std::time::Duration;

use bytes::Bytes;
use proto::{Kind, Snapshot, Timestamp};

use super::{Core, Effect};
use crate::parts::{self, hour};
use crate::state::snapshot;
use crate::store::writer::Chore;

/// When things are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealPace {
    /// The length of an hour: an hour, but for tests.
    pub hour: Duration,
    /// An hour that is written already is written again no sooner after another one that was.
    pub revise_every: Duration,
    /// A snapshot is worth its while when the log behind the last one is longer than this, and than that snapshot.
    pub snapshot_bytes: u64,
}

impl Default for SealPace {
    fn default() -> Self {
        Self {
            hour: Duration::from_secs(3600),
            revise_every: Duration::from_secs(60),
            snapshot_bytes: 4 << 20,
        }
    }
}

/// How often to look whether an hour is finished: a look goes over every series.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Parts deleted in one chore.
const DELETE_MAX: usize = 256;

/// What a leader found beside the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The parts of the last snapshot.
    pub snapshot: Vec<String>,
    /// Bytes of the log behind it.
    pub log_bytes: u64,
    /// Parts that nothing names.
    pub strays: Vec<String>,
}

/// Where the writing stands.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    stage: Stage,
    next_chore: u64,
    last_look: Timestamp,
    last_revision: Timestamp,
    /// Bytes of the log behind the last snapshot, and of that.
    log_bytes: u64,
    snapshot_bytes: u64,
    snapshot: Vec<String>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Parts are being written; when this chore is done, the record follows.
    Parts { until: u64, then: Kind },
    /// The record is on its way into the log.
    Record,
}

/// What a snapshot that is on its way replaces.
#[derive(Debug, Default)]
pub(super) struct Replacing {
    garbage: Vec<String>,
    keys: Vec<String>,
    bytes: u64,
}

impl Core {
    /// Takes over what a leader found beside the state.
    pub fn stand_on(&mut self, standing: Standing) {
        let Standing { snapshot, log_bytes, strays } = standing;
        self.sealing.snapshot = snapshot;
        self.sealing.log_bytes = log_bytes;
        self.replacing.garbage = strays;
    }

    pub(super) fn note_log_bytes(&mut self, bytes: usize) {
        self.sealing.log_bytes += bytes as u64;
    }

    /// Looks whether there is something to write.
    pub(super) fn seal(&mut self, now: Timestamp) {
        let idle = matches!(self.sealing.stage, Stage::Idle) && !self.stopping;
        if !idle || now.since(self.sealing.last_look) < LOOK_EVERY {
            return;
        }
        self.delete_garbage();
        match self.hour_to_seal(now) {
            Some(start) => self.seal_hour(now, start),
            None if self.wants_snapshot() => self.take_snapshot(now),
            None => self.sealing.last_look = now,
        }
    }

    /// The first finished hour that is not written as it is.
    fn hour_to_seal(&mut self, now: Timestamp) -> Option<Timestamp> {
        let hours = self.state.hours();
        let length = hours.length();
        hours.unsealed().next().filter(|(start, _)| *start + length <= now)?;
        let revise = now.since(self.sealing.last_revision) >= self.config.seal.revise_every;
        let open_from = self.state.open_from(now);
        let mut unsealed = self.state.hours().unsealed();
        let found = unsealed.find(|(start, hour)| {
            let end = *start + length;
            end <= now && end <= open_from && (hour.sealed.is_none() || revise)
        });
        found.map(|(start, _)| start)
    }

    fn seal_hour(&mut self, now: Timestamp, start: Timestamp) {
        let before = self.state.hours().get(start).and_then(|hour| hour.sealed.clone());
        let revision = before.as_ref().map_or(1, |before| before.revision.saturating_add(1));
        let mut sealed = hour::seal(&self.state, start, revision);
        if let Some(before) = before {
            self.sealing.last_revision = now;
            let known = parts::keys_of(&before);
            sealed.parts.retain(|(key, _)| !known.contains(key));
            if sealed.parts.is_empty() {
                // What changed came to the same.
                sealed.manifest.revision = before.revision;
            }
        }
        self.write_parts(now, sealed.parts, Kind::Hour(sealed.manifest));
    }

    fn wants_snapshot(&self) -> bool {
        let least = self.config.seal.snapshot_bytes.max(self.sealing.snapshot_bytes);
        self.sealing.log_bytes >= least
    }

    fn take_snapshot(&mut self, now: Timestamp) {
        let slots_from = self.state.forgotten();
        self.state.hours_mut().expire(slots_from, now - self.config.keep);
        let position = self.state.position();
        let written = snapshot::write(&self.state);
        let hashes: Vec<u64> = written.iter().map(|part| parts::hash(part)).collect();
        let keys = hashes.iter().enumerate();
        let keys = keys.map(|(index, hash)| parts::snapshot_key(position, index, *hash));
        let keys: Vec<String> = keys.collect();
        let mut garbage = self.state.hours_mut().take_replaced();
        garbage.extend(std::mem::take(&mut self.sealing.snapshot));
        let bytes = written.iter().map(|part| part.len() as u64).sum();
        self.replacing = Replacing { garbage, keys: keys.clone(), bytes };
        let snapshot = Snapshot { log: self.state.log, position, parts: hashes };
        self.write_parts(now, keys.into_iter().zip(written).collect(), Kind::Snapshot(snapshot));
    }

    fn write_parts(&mut self, now: Timestamp, parts: Vec<(String, Bytes)>, then: Kind) {
        if parts.is_empty() {
            self.sealing.stage = Stage::Record;
            self.append(now, then);
            return;
        }
        let mut until = 0;
        for (key, bytes) in parts {
            until = self.chore(Chore::Put(key, bytes));
        }
        self.sealing.stage = Stage::Parts { until, then };
    }

    fn chore(&mut self, chore: Chore) -> u64 {
        self.sealing.next_chore += 1;
        self.effects.push(Effect::Chore(self.sealing.next_chore, chore));
        self.sealing.next_chore
    }

    pub(super) fn chores_done(&mut self, now: Timestamp, up_to: u64) {
        match std::mem::take(&mut self.sealing.stage) {
            Stage::Parts { until, then } if until <= up_to => {
                self.sealing.stage = Stage::Record;
                self.append(now, then);
            }
            other => self.sealing.stage = other,
        }
    }

    /// A record about parts is durable: they count.
    pub(super) fn sealed(&mut self, snapshot_up_to: Option<u64>) {
        self.sealing.stage = Stage::Idle;
        self.sealing.last_look = Timestamp::EPOCH;
        let Some(position) = snapshot_up_to else { return };
        let Replacing { garbage, keys, bytes } = std::mem::take(&mut self.replacing);
        self.sealing.snapshot = keys;
        self.sealing.snapshot_bytes = bytes;
        self.sealing.log_bytes = 0;
        self.replacing.garbage = garbage;
        self.delete_garbage();
        self.chore(Chore::Trim(position));
    }

    fn delete_garbage(&mut self) {
        let garbage = std::mem::take(&mut self.replacing.garbage);
        for keys in garbage.chunks(DELETE_MAX) {
            self.chore(Chore::Delete(keys.to_vec()));
        }
    }
}
