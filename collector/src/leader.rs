//! Becoming the leader: the claim goes to the log's tail first, and only then is the log read (accounting rule 17): the
//! last snapshot, the slots of the hours that it knows, and the log behind it.

use std::collections::HashSet;
use std::time::Duration;

use proto::{Kind, Malformed, Record, Snapshot, Timestamp, wire};

use crate::core::Standing;
use crate::hub::Clock;
use crate::parts::{self, PartError, hour};
use crate::state::{State, snapshot};
use crate::store::{Parts, Store, StoreError};

/// Records between two looks at what may be forgotten while the log is replayed.
const FORGET_EVERY: u64 = 10_000;

/// Why a collector cannot lead.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not begin as every log of ours does.
    #[error("the log does not begin with a claim; nothing was changed")]
    NoClaim,
    /// The log was trimmed, and no snapshot says what was there.
    #[error(
        "the log was trimmed beyond position {from}, and no snapshot covers it; nothing was changed"
    )]
    Trimmed {
        /// What is needed from there on.
        from: u64,
    },
    /// A part cannot be read.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The log holds something else.
    #[error("record {position} of the log cannot be read; nothing was changed")]
    Record {
        /// Where.
        position: u64,
        /// Why.
        source: Malformed,
    },
}

/// A leader's beginnings.
pub struct Leadership {
    /// What the log says, the claim included.
    pub state: State,
    /// The clock, later than everything in the log.
    pub clock: Clock,
    /// How many records the log holds.
    pub records: u64,
    /// What was found beside the state.
    pub standing: Standing,
}

/// Claims the log and reads it. `start_clock` makes a clock that is later than the log's newest instant; hours have this
/// length.
///
/// # Errors
/// When the log cannot be read or written, or holds what this version does not understand.
pub fn lead(
    store: &mut dyn Store,
    start_clock: impl FnOnce(Timestamp) -> Clock,
    keep_slots: Duration,
    hour: Duration,
) -> Result<Leadership, LeadError> {
    let (head, tail) = (store.head()?, store.tail()?);
    let newest = match tail.checked_sub(1) {
        Some(last) => record_at(store, last)?.at,
        None => Timestamp::EPOCH,
    };
    // Every log begins with a claim, which gave it its name; what is left of a trimmed one repeats it.
    let log = match tail {
        0 => rand::random::<u64>().max(1),
        _ => name_of(store, head)?,
    };
    let clock = start_clock(newest);
    let claim = Record { at: clock(), kind: Kind::Claim { epoch: tail + 1, log } };
    store.upgrade()?;
    store.append(tail, &[wire::encode_record(claim)])?;
    let Found { state, standing } = read(store, keep_slots, hour)?;
    Ok(Leadership { state, clock, records: tail + 1, standing })
}

/// What a log and its parts say.
pub struct Found {
    /// All of it.
    pub state: State,
    /// What was found beside it.
    pub standing: Standing,
}

/// Reads a log and its parts, changing nothing: the last snapshot, the slots of the hours that it knows as far back as
/// they are kept, and the records behind it.
///
/// # Errors
/// When something cannot be read or is not there.
pub fn read(store: &dyn Store, keep_slots: Duration, hour: Duration) -> Result<Found, LeadError> {
    let snapshot = last_snapshot(store)?;
    let parts = store.parts();
    let (mut state, keys) = match &snapshot {
        Some(snapshot) => from_parts(parts.as_ref(), snapshot, keep_slots, hour)?,
        None => (State::with_hours_of(hour), Vec::new()),
    };
    let from = state.position();
    if store.head()? > from {
        return Err(LeadError::Trimmed { from });
    }
    let log_bytes = replay(store, &mut state, keep_slots)?;
    let named: HashSet<String> = state.hours().keys().chain(keys.iter().cloned()).collect();
    let strays = parts.keys("")?.into_iter().filter(|key| !named.contains(key)).collect();
    Ok(Found { state, standing: Standing { snapshot: keys, log_bytes, strays } })
}

/// The state that a snapshot and the hours that it knows say, and the keys of the snapshot's parts.
fn from_parts(
    parts: &dyn Parts,
    snapshot: &Snapshot,
    keep_slots: Duration,
    hour: Duration,
) -> Result<(State, Vec<String>), LeadError> {
    let mut keys = Vec::with_capacity(snapshot.parts.len());
    let mut bytes = Vec::with_capacity(snapshot.parts.len());
    for (index, hash) in snapshot.parts.iter().enumerate() {
        let key = parts::snapshot_key(snapshot.position, index, *hash);
        bytes.push(parts::read(parts, key.clone(), *hash)?);
        keys.push(key);
    }
    let read = snapshot::read(&bytes, hour);
    let mut state = read.map_err(|source| PartError::Damaged { key: keys.concat(), source })?;
    let from = state.hours().start_of(state.newest - keep_slots).max(state.forgotten());
    let hours = state.hours().range(from, Timestamp::MAX);
    let clean: Vec<_> = hours.filter_map(|(_, hour)| hour.clean().cloned()).collect();
    for manifest in clean {
        hour::load_slots(parts, &manifest, &mut state)?;
    }
    Ok((state, keys))
}

/// Applies what stands behind the state's position; says how many bytes that was.
fn replay(store: &dyn Store, state: &mut State, keep_slots: Duration) -> Result<u64, LeadError> {
    let mut failed = None;
    let mut log_bytes = 0;
    store.read_from(state.position(), &mut |position, bytes| {
        log_bytes += bytes.len() as u64;
        let replayed = wire::decode_record(bytes).and_then(|record| {
            let at = record.at;
            state.replay(record)?;
            if position % FORGET_EVERY == FORGET_EVERY - 1 {
                state.settle_all(at);
                state.forget(at, keep_slots);
            }
            Ok(())
        });
        if let Err(source) = replayed {
            failed.get_or_insert(LeadError::Record { position, source });
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(log_bytes), Err)
}

/// The newest snapshot that the log knows of.
fn last_snapshot(store: &dyn Store) -> Result<Option<Snapshot>, LeadError> {
    let mut found = None;
    each_record(store, store.head()?, |_, record| {
        if let Kind::Snapshot(snapshot) = record.kind {
            found = Some(snapshot);
        }
        true
    })?;
    Ok(found)
}

/// The log's name: its first claim says it, and every snapshot.
fn name_of(store: &dyn Store, head: u64) -> Result<u64, LeadError> {
    let mut found = None;
    each_record(store, head, |position, record| {
        found = match record.kind {
            Kind::Claim { log, .. } => Some(log),
            Kind::Snapshot(snapshot) => Some(snapshot.log),
            _ => None,
        };
        // Before anything was trimmed it is the first record or none.
        found.is_none() && position > 0
    })?;
    found.ok_or(LeadError::NoClaim)
}

fn each_record(
    store: &dyn Store,
    from: u64,
    mut each: impl FnMut(u64, Record) -> bool,
) -> Result<(), LeadError> {
    let mut failed = None;
    store.read_from(from, &mut |position, bytes| match wire::decode_record(bytes) {
        Ok(record) => each(position, record),
        Err(source) => {
            failed = Some(LeadError::Record { position, source });
            false
        }
    })?;
    failed.map_or(Ok(()), Err)
}

fn record_at(store: &dyn Store, position: u64) -> Result<Record, LeadError> {
    let mut found = None;
    each_record(store, position, |_, record| {
        found = Some(record);
        false
    })?;
    found.ok_or(LeadError::Store(StoreError::Conflict { position }))
}
