//! Questions outside the slots, and their answers.

use std::time::Duration;

use bytes::Bytes;

use super::raw::v1 as raw;
use super::{Malformed, decode_batch, encode_batch_without_runs, millis_u32, value};
use crate::batch::Batch;
use crate::messages::{ProbeAnswer, ProbeNow};
use crate::outcome::Missed;

pub(super) fn question_from_raw(question: raw::ProbeNow) -> Result<ProbeNow, Malformed> {
    let raw::ProbeNow { id, target, start_within_ms } = question;
    let target = target.ok_or(Malformed::Missing("probe_now.target"))?.try_into()?;
    Ok(ProbeNow { id, target, start_within: Duration::from_millis(start_within_ms.into()) })
}

pub(super) fn question_to_raw(question: ProbeNow) -> raw::ProbeNow {
    let ProbeNow { id, target, start_within } = question;
    raw::ProbeNow { id, target: Some(target.into()), start_within_ms: millis_u32(start_within) }
}

pub(super) fn answer_from_raw(answer: raw::ProbeAnswer) -> Result<ProbeAnswer, Malformed> {
    let raw::ProbeAnswer { id, columns, missed } = answer;
    let mut results = decode_batch(&columns)?.results;
    let found = match results.len() {
        // A reason that is not known here is one of a newer agent's.
        0 => Err(u32::try_from(missed).ok().and_then(Missed::from_number))
            .map_err(|reason| reason.unwrap_or(Missed::NotReported)),
        1 => Ok(results.remove(0)),
        more => return Err(value("probe_answer.columns", format!("{more} results"), "at most 1")),
    };
    Ok(ProbeAnswer { id, found })
}

pub(super) fn answer_to_raw(answer: ProbeAnswer) -> raw::ProbeAnswer {
    let ProbeAnswer { id, found } = answer;
    match found {
        Ok(result) => {
            let columns =
                encode_batch_without_runs(&Batch { results: vec![result], missed: Vec::new() });
            raw::ProbeAnswer { id, columns, missed: 0 }
        }
        Err(reason) => {
            raw::ProbeAnswer { id, columns: Bytes::new(), missed: reason.number() as i32 }
        }
    }
}
