//! What a log's beginning is folded into before it is trimmed: immutable parts, named by what they hold and a hash of it.
//!
//! A finished hour is three kinds of parts: its totals, a row for every target, and (for as long as `--keep-slots`) its
//! slots. A snapshot is everything else. All are written by [`hour::seal`] and [`crate::state::snapshot`], pure functions
//! of the state; what stands in the log about them (`HourManifest`, `Snapshot`) makes them count.

mod code;
pub mod hour;
mod sketch;
mod totals;

use bytes::Bytes;
use proto::{HourManifest, PartRef, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::{Parts, StoreError};

pub use code::{Coded, Damaged, In, Out, put_outcome, take_outcome};
pub use sketch::{SKETCH_ERROR, Sketch};
pub use totals::{Counts, Group, Totals};

/// A part is closed when it has so many bytes: small enough for one item of any store.
pub const PART_BYTES: usize = 256 << 10;

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not there: an hour that is no longer kept, or a newer revision took its place.
    #[error("part {0} is not there")]
    Gone(String),
    /// It is not what was written.
    #[error("part {key} is damaged")]
    Damaged {
        /// Which.
        key: String,
        /// Where.
        source: Damaged,
    },
}

/// The key of an hour's totals.
pub fn totals_key(start: Timestamp, hash: u64) -> String {
    format!("totals/{:015}/{hash:016x}", start.millis())
}

/// The key of some rows of an hour.
pub fn rows_key(start: Timestamp, part: PartRef) -> String {
    format!("rows/{:015}/{:010}-{:016x}", start.millis(), part.first.0, part.hash)
}

/// The key of some slots of an hour.
pub fn slots_key(start: Timestamp, part: PartRef) -> String {
    format!("slots/{:015}/{:010}-{:016x}", start.millis(), part.first.0, part.hash)
}

/// The key of a part of a snapshot.
pub fn snapshot_key(position: u64, index: usize, hash: u64) -> String {
    format!("snapshot/{position:020}/{index:06}-{hash:016x}")
}

/// Every key that a manifest names.
pub fn keys_of(manifest: &HourManifest) -> Vec<String> {
    let HourManifest { start, revision: _, as_of: _, totals, rows, slots } = manifest;
    let mut keys = vec![totals_key(*start, *totals)];
    keys.extend(rows.iter().map(|part| rows_key(*start, *part)));
    keys.extend(slots.iter().map(|part| slots_key(*start, *part)));
    keys
}

/// Writes a manifest, but for its start.
pub fn put_manifest(out: &mut Out, manifest: &HourManifest) {
    let HourManifest { start: _, revision, as_of, totals, rows, slots } = manifest;
    out.put(revision);
    out.number(*as_of);
    out.0.extend_from_slice(&totals.to_le_bytes());
    for parts in [rows, slots] {
        out.number(parts.len() as u64);
        for PartRef { first, hash } in parts {
            out.put(first);
            out.0.extend_from_slice(&hash.to_le_bytes());
        }
    }
}

/// What [`put_manifest`] wrote.
///
/// # Errors
/// When it is not there.
pub fn take_manifest(input: &mut In<'_>, start: Timestamp) -> Result<HourManifest, Damaged> {
    let (revision, as_of, totals) = (input.take()?, input.number()?, input.fixed()?);
    let mut refs = || {
        let count = input.count()?;
        let part = |_| Ok(PartRef { first: input.take()?, hash: input.fixed()? });
        (0..count).map(part).collect::<Result<Vec<PartRef>, Damaged>>()
    };
    let (rows, slots) = (refs()?, refs()?);
    Ok(HourManifest { start, revision, as_of, totals, rows, slots })
}

/// A part's content hash.
pub fn hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Reads a part and checks that it is what was written.
///
/// # Errors
/// When it is not there, or not that.
pub fn read(parts: &dyn Parts, key: String, expected: u64) -> Result<Bytes, PartError> {
    let Some(bytes) = parts.get(&key)? else { return Err(PartError::Gone(key)) };
    if hash(&bytes) != expected {
        return Err(PartError::Damaged { key, source: Damaged("its content hash") });
    }
    Ok(bytes)
}
