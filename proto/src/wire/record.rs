//! Records of the log.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::incident::{facts_from_raw, facts_to_raw};
use super::raw::log::v1 as raw;
use super::target::{interval_from_raw, pairs_from_raw, pairs_to_raw, spec_from_raw, spec_to_raw};
use super::{Malformed, millis_u32, millis_u64, value};
use crate::record::{
    HourManifest, Kind, PartRef, Record, ResultBatch, Snapshot, Suspicion, TargetEntry,
    VantageState,
};
use crate::target::Uid;
use crate::time::Timestamp;

/// Encodes a record for the log.
pub fn encode_record(record: Record) -> Bytes {
    let Record { at, kind } = record;
    use raw::record::Kind as RawKind;
    let kind = match kind {
        Kind::Claim { epoch, log } => RawKind::Claim(raw::Claim { epoch, log }),
        Kind::Catalog { revision, upserts, removals } => RawKind::Catalog(raw::CatalogRevision {
            revision,
            upserts: upserts.into_iter().map(entry_to_raw).collect(),
            removals: removals.into_iter().map(|uid| uid.0).collect(),
        }),
        Kind::Vantage { name, state } => {
            let state = match state {
                VantageState::Seen => raw::vantage_change::State::Seen,
                VantageState::Active => raw::vantage_change::State::Active,
                VantageState::Named => raw::vantage_change::State::Named,
                VantageState::Retired => raw::vantage_change::State::Retired,
                VantageState::Withdrawn => raw::vantage_change::State::Withdrawn,
            };
            RawKind::Vantage(raw::VantageChange { name, state: state.into() })
        }
        Kind::Results(batch) => {
            let ResultBatch { vantage, agent_id, zone, boot, columns } = batch;
            RawKind::Results(raw::ResultBatch { vantage, agent_id, zone, boot, columns })
        }
        Kind::Suspicion(Suspicion { vantage, agent_id, from, until }) => {
            let (from_ms, until_ms) = (from.millis(), until.millis());
            RawKind::Suspicion(raw::Suspicion { vantage, agent_id, from_ms, until_ms })
        }
        Kind::Hour(manifest) => {
            let HourManifest { start, revision, as_of, totals, rows, slots } = manifest;
            let (rows, slots) = (refs_to_raw(rows), refs_to_raw(slots));
            let start_ms = start.millis();
            RawKind::Hour(raw::HourManifest { start_ms, revision, as_of, totals, rows, slots })
        }
        Kind::Snapshot(Snapshot { log, position, parts }) => {
            RawKind::Snapshot(raw::Snapshot { log, position, parts })
        }
        Kind::Incidents(facts) => RawKind::Incidents(facts_to_raw(facts)),
        Kind::Told { sink, up_to } => RawKind::Told(raw::Told { sink, up_to }),
        Kind::Maintenance { from, until, uids } => RawKind::Maintenance(raw::Maintenance {
            from_ms: from.millis(),
            until_ms: until.millis(),
            uids: uids.into_iter().map(|uid| uid.0).collect(),
        }),
    };
    raw::Record { at_ms: at.millis(), kind: Some(kind) }.encode_to_vec().into()
}

/// Decodes what [`encode_record`] made.
///
/// # Errors
/// When it is not a record, or of a kind that this version does not know.
pub fn decode_record(bytes: Bytes) -> Result<Record, Malformed> {
    use raw::record::Kind as RawKind;
    let raw::Record { at_ms, kind } = raw::Record::decode(bytes)?;
    let kind = match kind.ok_or(Malformed::Missing("record.kind"))? {
        RawKind::Claim(raw::Claim { epoch, log }) => Kind::Claim { epoch, log },
        RawKind::Catalog(raw::CatalogRevision { revision, upserts, removals }) => Kind::Catalog {
            revision,
            upserts: upserts.into_iter().map(entry_from_raw).collect::<Result<_, _>>()?,
            removals: removals.into_iter().map(Uid).collect(),
        },
        RawKind::Vantage(change) => {
            let state = match change.state() {
                raw::vantage_change::State::Seen => VantageState::Seen,
                raw::vantage_change::State::Active => VantageState::Active,
                raw::vantage_change::State::Named => VantageState::Named,
                raw::vantage_change::State::Retired => VantageState::Retired,
                raw::vantage_change::State::Withdrawn => VantageState::Withdrawn,
                raw::vantage_change::State::Unspecified => {
                    return Err(value("vantage.state", change.state, "a known state"));
                }
            };
            Kind::Vantage { name: change.name, state }
        }
        RawKind::Results(raw::ResultBatch { vantage, agent_id, zone, boot, columns }) => {
            Kind::Results(ResultBatch { vantage, agent_id, zone, boot, columns })
        }
        RawKind::Suspicion(raw::Suspicion { vantage, agent_id, from_ms, until_ms }) => {
            let (from, until) = (Timestamp::from_millis(from_ms), Timestamp::from_millis(until_ms));
            Kind::Suspicion(Suspicion { vantage, agent_id, from, until })
        }
        RawKind::Hour(manifest) => {
            let raw::HourManifest { start_ms, revision, as_of, totals, rows, slots } = manifest;
            let (rows, slots) = (refs_from_raw(rows), refs_from_raw(slots));
            let start = Timestamp::from_millis(start_ms);
            Kind::Hour(HourManifest { start, revision, as_of, totals, rows, slots })
        }
        RawKind::Snapshot(raw::Snapshot { log, position, parts }) => {
            Kind::Snapshot(Snapshot { log, position, parts })
        }
        RawKind::Incidents(facts) => Kind::Incidents(facts_from_raw(facts)?),
        RawKind::Told(raw::Told { sink, up_to }) => Kind::Told { sink, up_to },
        RawKind::Maintenance(raw::Maintenance { from_ms, until_ms, uids }) => Kind::Maintenance {
            from: Timestamp::from_millis(from_ms),
            until: Timestamp::from_millis(until_ms),
            uids: uids.into_iter().map(Uid).collect(),
        },
    };
    Ok(Record { at: Timestamp::from_millis(at_ms), kind })
}

fn refs_to_raw(refs: Vec<PartRef>) -> Vec<raw::PartRef> {
    let raw = |PartRef { first, hash }| raw::PartRef { first_uid: first.0, hash };
    refs.into_iter().map(raw).collect()
}

fn refs_from_raw(refs: Vec<raw::PartRef>) -> Vec<PartRef> {
    let value = |raw::PartRef { first_uid, hash }| PartRef { first: Uid(first_uid), hash };
    refs.into_iter().map(value).collect()
}

fn entry_to_raw(entry: TargetEntry) -> raw::TargetEntry {
    let TargetEntry {
        uid,
        name,
        revision,
        interval,
        spec,
        category,
        labels,
        vantages,
        paused,
        slow_after,
    } = entry;
    let mut target = spec_to_raw(spec);
    target.interval_ms = millis_u64(interval);
    raw::TargetEntry {
        uid: uid.0,
        name,
        revision,
        target: Some(target),
        category,
        labels: pairs_to_raw(labels),
        vantages,
        paused,
        slow_after_ms: slow_after.map_or(0, millis_u32),
    }
}

fn entry_from_raw(entry: raw::TargetEntry) -> Result<TargetEntry, Malformed> {
    let target = entry.target.ok_or(Malformed::Missing("target_entry.target"))?;
    Ok(TargetEntry {
        uid: Uid(entry.uid),
        name: entry.name,
        revision: entry.revision,
        interval: interval_from_raw(target.interval_ms)?,
        spec: spec_from_raw(target)?,
        category: entry.category,
        labels: pairs_from_raw(entry.labels),
        vantages: entry.vantages,
        paused: entry.paused,
        slow_after: (entry.slow_after_ms != 0)
            .then(|| Duration::from_millis(entry.slow_after_ms.into())),
    })
}
