//! Becoming the leader: the claim goes to the log's tail first, and only then is the log read (accounting rule 17).

use std::time::Duration;

use proto::{Kind, Malformed, Record, Timestamp, wire};

use crate::hub::Clock;
use crate::state::State;
use crate::store::{Store, StoreError};

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
}

/// Claims the log and reads it. `start_clock` makes a clock that is later than the log's newest instant.
///
/// # Errors
/// When the log cannot be read or written, or holds what this version does not understand.
pub fn lead(
    store: &mut dyn Store,
    start_clock: impl FnOnce(Timestamp) -> Clock,
    keep_slots: Duration,
) -> Result<Leadership, LeadError> {
    let tail = store.tail()?;
    let newest = match tail.checked_sub(1) {
        Some(last) => record_at(store, last)?.at,
        None => Timestamp::EPOCH,
    };
    // Every log begins with a claim, which gave it its name.
    let log = match tail {
        0 => rand::random::<u64>().max(1),
        _ => match record_at(store, 0)?.kind {
            Kind::Claim { log, .. } => log,
            _ => return Err(LeadError::NoClaim),
        },
    };
    let clock = start_clock(newest);
    let claim = Record { at: clock(), kind: Kind::Claim { epoch: tail + 1, log } };
    store.append(tail, &[wire::encode_record(claim)])?;
    let (state, records) = read(store, keep_slots)?;
    Ok(Leadership { state, clock, records })
}

/// Reads a log from its beginning, changing nothing: what it says, and the position behind it.
///
/// # Errors
/// When it cannot be read, or holds what this version does not understand.
pub fn read(store: &dyn Store, keep_slots: Duration) -> Result<(State, u64), LeadError> {
    let mut state = State::default();
    let mut failed = None;
    let mut next = 0;
    store.read_from(0, &mut |position, bytes| {
        next = position + 1;
        let replayed = wire::decode_record(bytes).and_then(|record| {
            let at = record.at;
            state.replay(record)?;
            if position % FORGET_EVERY == FORGET_EVERY - 1 {
                state.settle_all(at);
                state.forget_before(at - keep_slots);
            }
            Ok(())
        });
        if let Err(source) = replayed {
            failed.get_or_insert(LeadError::Record { position, source });
        }
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok((state, next)),
    }
}

fn record_at(store: &dyn Store, position: u64) -> Result<Record, LeadError> {
    let mut found = Err(StoreError::Conflict { position }.into());
    store.read_from(position, &mut |position, bytes| {
        found = wire::decode_record(bytes).map_err(|source| LeadError::Record { position, source });
        false
    })?;
    found
}
