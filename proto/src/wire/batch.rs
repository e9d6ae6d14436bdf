//! Batches as columns: about 20 bytes a result.

use bytes::Bytes;
use prost::Message;

use super::note::{note_from_raw, note_to_raw};
use super::raw::v1 as raw;
use super::{Malformed, value};
use crate::batch::{Batch, MissedRange, ProbeResult};
use crate::outcome::{Failure, Missed, Outcome, Phases, Unexpected};
use crate::target::Uid;
use crate::time::Timestamp;

/// Numbers of a run: how many results, and their revision, code and what was unexpected.
const RUN: usize = 4;

/// Encodes a batch for the wire or the log. The same batch always gives the same bytes.
pub fn encode_batch(batch: &Batch) -> Bytes {
    let mut columns = columns_alike(batch);
    for result in &batch.results {
        let (code, unexpected) = code(result.outcome);
        let [revision, code, unexpected] = [result.revision, code, unexpected];
        match columns.runs.last_chunk_mut() {
            Some([count, r, c, u]) if [*r, *c, *u] == [revision, code, unexpected] => *count += 1,
            _ => columns.runs.extend([1, revision, code, unexpected]),
        }
    }
    columns.encode_to_vec().into()
}

/// The same without runs, four bytes a result longer: for a collector that knows none (`Welcome.takes_runs`).
pub fn encode_batch_without_runs(batch: &Batch) -> Bytes {
    let mut columns = columns_alike(batch);
    for result in &batch.results {
        let (code, unexpected) = code(result.outcome);
        columns.revision.push(result.revision);
        columns.code.push(code);
        columns.unexpected.push(unexpected);
    }
    columns.encode_to_vec().into()
}

/// The columns that both forms have.
fn columns_alike(batch: &Batch) -> raw::ResultColumns {
    let mut columns = raw::ResultColumns::default();
    let mut previous = 0;
    for (index, result) in batch.results.iter().enumerate() {
        let ProbeResult { uid, planned, start_delay_ms, phases, body_bytes, .. } = result;
        let Phases { resolve_us, connect_us, tls_us, processing_us, transfer_us } = *phases;
        columns.uid.push(uid.0);
        columns.planned_delta_ms.push(planned.millis().wrapping_sub(previous));
        previous = planned.millis();
        columns.start_delay_ms.push(*start_delay_ms);
        columns.resolve_us.push(resolve_us);
        columns.connect_us.push(connect_us);
        columns.tls_us.push(tls_us);
        columns.processing_us.push(processing_us);
        columns.transfer_us.push(transfer_us);
        columns.body_bytes.push(*body_bytes);
        if let Some(note) = &result.note {
            columns.notes.push(note_to_raw(index, note));
        }
    }
    if columns.body_bytes.iter().all(|bytes| *bytes == 0) {
        columns.body_bytes.clear();
    }
    columns.missed = batch.missed.iter().map(missed_to_raw).collect();
    columns
}

/// An outcome as its two numbers.
fn code(outcome: Outcome) -> (u32, u32) {
    match outcome {
        Outcome::Answered { status, unexpected } => {
            (u32::from(status), unexpected.map_or(0, Unexpected::number))
        }
        Outcome::Failed(failure) => (failure.number(), 0),
    }
}

fn missed_to_raw(range: &MissedRange) -> raw::MissedRange {
    let MissedRange { uid, from, to, reason } = *range;
    raw::MissedRange {
        uid: uid.0,
        from_ms: from.millis(),
        to_ms: to.millis(),
        reason: reason.number() as i32,
    }
}

/// Decodes what [`encode_batch`] or [`encode_batch_without_runs`] made.
///
/// # Errors
/// When it is not protobuf, the columns differ in length, or a value is out of its range.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, Malformed> {
    let columns = columns_of(bytes)?;
    check_lengths(&columns)?;
    let mut planned = 0_i64;
    let mut results = Vec::with_capacity(columns.uid.len());
    let mut add = |revision, outcome| {
        let row = results.len();
        planned = planned.wrapping_add(columns.planned_delta_ms[row]);
        results.push(ProbeResult {
            uid: Uid(columns.uid[row]),
            revision,
            planned: Timestamp::from_millis(planned),
            start_delay_ms: columns.start_delay_ms[row],
            outcome,
            phases: Phases {
                resolve_us: columns.resolve_us[row],
                connect_us: columns.connect_us[row],
                tls_us: columns.tls_us[row],
                processing_us: columns.processing_us[row],
                transfer_us: columns.transfer_us[row],
            },
            body_bytes: columns.body_bytes.get(row).copied().unwrap_or_default(),
            note: None,
        });
    };
    for [count, revision, code, unexpected] in columns.runs.as_chunks::<RUN>().0 {
        let outcome = outcome(*code, *unexpected)?;
        (0..*count).for_each(|_| add(*revision, outcome));
    }
    let alone = columns.code.iter().zip(&columns.unexpected).zip(&columns.revision);
    for ((code, unexpected), revision) in alone {
        add(*revision, outcome(*code, *unexpected)?);
    }
    for note in columns.notes {
        let row = usize::try_from(note.index).ok().and_then(|index| results.get_mut(index));
        let row = row.ok_or_else(|| value("note.index", note.index, "a row of the batch"))?;
        row.note = Some(Box::new(note_from_raw(note)));
    }
    let missed = columns.missed.into_iter().map(missed_from_raw).collect::<Result<_, _>>()?;
    Ok(Batch { results, missed })
}

/// A result takes about so many bytes …
const BYTES_EACH: usize = 16;

/// … so that columns have their room at once, and need not grow one value after the other.
fn columns_of(bytes: &[u8]) -> Result<raw::ResultColumns, Malformed> {
    let rows = bytes.len() / BYTES_EACH + 1;
    let mut columns = raw::ResultColumns {
        uid: Vec::with_capacity(rows),
        planned_delta_ms: Vec::with_capacity(rows),
        start_delay_ms: Vec::with_capacity(rows),
        resolve_us: Vec::with_capacity(rows),
        connect_us: Vec::with_capacity(rows),
        tls_us: Vec::with_capacity(rows),
        processing_us: Vec::with_capacity(rows),
        transfer_us: Vec::with_capacity(rows),
        body_bytes: Vec::with_capacity(rows),
        ..raw::ResultColumns::default()
    };
    columns.merge(bytes)?;
    Ok(columns)
}

/// Every column has an entry for each result; where there are runs, they stand for three of them.
fn check_lengths(columns: &raw::ResultColumns) -> Result<(), Malformed> {
    let rows = columns.uid.len();
    let body_bytes_column = match columns.body_bytes.len() {
        0 => rows, // All 0, or from a version that did not count them.
        entries => entries,
    };
    let (runs, rest) = columns.runs.as_chunks::<RUN>();
    if !rest.is_empty() {
        let numbers = format!("{} numbers", columns.runs.len());
        return Err(value("results.runs", numbers, "four for each run"));
    }
    if runs.iter().any(|[count, ..]| *count == 0) {
        return Err(value("results.runs", 0, "a run of at least one"));
    }
    let in_runs: u64 = runs.iter().map(|[count, ..]| u64::from(*count)).sum();
    let alone = [columns.revision.len(), columns.code.len(), columns.unexpected.len()];
    // Where there are runs there is nothing of the three beside them: a batch has one form.
    let in_runs = match runs.is_empty() {
        true => None,
        false if alone == [0; 3] => Some(usize::try_from(in_runs).unwrap_or(usize::MAX)),
        false => {
            return Err(value("results.runs", "columns beside it", "runs or columns alone"));
        }
    };
    let or_in_runs = |column: usize| in_runs.unwrap_or(column);
    let lengths = [
        ("results.revision", or_in_runs(columns.revision.len())),
        ("results.planned_delta_ms", columns.planned_delta_ms.len()),
        ("results.start_delay_ms", columns.start_delay_ms.len()),
        ("results.code", or_in_runs(columns.code.len())),
        ("results.unexpected", or_in_runs(columns.unexpected.len())),
        ("results.resolve_us", columns.resolve_us.len()),
        ("results.connect_us", columns.connect_us.len()),
        ("results.tls_us", columns.tls_us.len()),
        ("results.processing_us", columns.processing_us.len()),
        ("results.transfer_us", columns.transfer_us.len()),
        ("results.body_bytes", body_bytes_column),
    ];
    match lengths.into_iter().find(|(_, entries)| *entries != rows) {
        None => Ok(()),
        Some((field, entries)) => {
            let lengths = format!("a column of {entries} where uid has {rows}");
            Err(value(field, lengths, "one entry for each result"))
        }
    }
}

pub(super) fn outcome(code: u32, unexpected: u32) -> Result<Outcome, Malformed> {
    if code < 100 {
        let failure = Failure::from_number(code);
        return failure
            .map(Outcome::Failed)
            .ok_or_else(|| value("results.code", code, "a failure or a status code"));
    }
    let status = u16::try_from(code).ok().filter(|status| *status < 1000);
    let status = status.ok_or_else(|| value("results.code", code, "at most 999"))?;
    let unexpected = match unexpected {
        0 => None,
        number => Some(
            Unexpected::from_number(number)
                .ok_or_else(|| value("results.unexpected", number, "0, 1 or 2"))?,
        ),
    };
    Ok(Outcome::Answered { status, unexpected })
}

fn missed_from_raw(range: raw::MissedRange) -> Result<MissedRange, Malformed> {
    let raw::MissedRange { uid, from_ms, to_ms, reason } = range;
    let number = u32::try_from(reason).unwrap_or(0);
    Ok(MissedRange {
        uid: Uid(uid),
        from: Timestamp::from_millis(from_ms),
        to: Timestamp::from_millis(to_ms),
        reason: Missed::from_number(number)
            .ok_or_else(|| value("missed.reason", reason, "a known reason"))?,
    })
}
