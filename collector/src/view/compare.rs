//! The newest failure beside the last success: what is different.

use proto::{Outcome, Phases};
use serde::Serialize;

use super::summary::millis;
use crate::state::Detail;

/// What is different; null where nothing is.
#[derive(Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Compared {
    pub status: Option<Pair>,
    pub address: Option<Pair>,
    pub redirect: Option<Pair>,
    pub certificate: Option<Pair>,
    pub slow_phase: Option<SlowPhase>,
}

/// One thing in both.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Pair {
    pub success: String,
    pub failure: String,
}

/// The phase that took so much longer.
#[derive(Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct SlowPhase {
    pub phase: &'static str,
    pub success_ms: f64,
    pub failure_ms: f64,
}

/// A phase is slow that took over twice as long, and this much longer.
const SLOWER_US: u32 = 50_000;

/// Compares a success with a failure.
pub fn compared(success: &Detail, failure: &Detail) -> Compared {
    let location = |detail: &Detail| {
        let location = &detail.note.more.as_ref()?.location;
        (!location.is_empty()).then(|| location.clone())
    };
    let certificate = |detail: &Detail| {
        let expires = detail.note.certificate_expires?;
        let more = detail.note.more.as_deref();
        let (subject, issuer) = more.map_or(("", ""), |more| {
            (more.certificate_subject.as_str(), more.certificate_issuer.as_str())
        });
        Some(format!("{subject}, signed by {issuer}, until {}", expires.rfc3339()))
    };
    let address = |detail: &Detail| detail.note.remote_address.map(|address| address.to_string());
    Compared {
        status: pair(Some(found(success)), Some(found(failure))),
        address: pair(address(success), address(failure)),
        redirect: pair(location(success), location(failure)),
        certificate: pair(certificate(success), certificate(failure)),
        slow_phase: slow_phase(&success.phases, &failure.phases),
    }
}

/// What one of them lacks is not a difference: a probe that failed early saw less.
fn pair(success: Option<String>, failure: Option<String>) -> Option<Pair> {
    let (success, failure) = success.zip(failure)?;
    (success != failure).then_some(Pair { success, failure })
}

fn found(detail: &Detail) -> String {
    match detail.entry.outcome {
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Failed(failure) => failure.name().to_owned(),
    }
}

fn slow_phase(success: &Phases, failure: &Phases) -> Option<SlowPhase> {
    let phases = [
        ("resolve", success.resolve_us, failure.resolve_us),
        ("connect", success.connect_us, failure.connect_us),
        ("tls", success.tls_us, failure.tls_us),
        ("processing", success.processing_us, failure.processing_us),
        ("transfer", success.transfer_us, failure.transfer_us),
    ];
    let slower = phases.into_iter().filter(|(_, before, after)| {
        *after > before.saturating_mul(2) && after - before > SLOWER_US
    });
    let (phase, before, after) = slower.max_by_key(|(_, before, after)| after - before)?;
    Some(SlowPhase { phase, success_ms: millis(before), failure_ms: millis(after) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Entry, ReporterIdx};
    use proto::{Failure, Note, Timestamp};

    fn detail(outcome: Outcome, address: &str, processing_us: u32) -> Detail {
        let entry = Entry {
            planned: Timestamp::EPOCH,
            start_delay_ms: 0,
            latency_us: processing_us,
            outcome,
            reporter: ReporterIdx(0),
            suspect: false,
        };
        let phases = Phases { processing_us, ..Phases::default() };
        let note = Note { remote_address: address.parse().ok(), ..Note::default() };
        Detail { entry, phases, body_bytes: 0, note }
    }

    const UP: Outcome = Outcome::Answered { status: 200, unexpected: None };

    #[test]
    fn a_failure_elsewhere_and_later_shows_the_status_the_address_and_the_phase() {
        let failure = detail(Outcome::Failed(Failure::Timeout), "203.0.113.8:443", 4_000_000);
        let found = compared(&detail(UP, "203.0.113.7:443", 20_000), &failure);
        let pair = |success: &str, failure: &str| {
            Some(Pair { success: success.into(), failure: failure.into() })
        };
        assert_eq!(found.status, pair("200", "timeout"));
        assert_eq!(found.address, pair("203.0.113.7:443", "203.0.113.8:443"));
        let slow = found.slow_phase.expect("processing took 4 s");
        assert_eq!((slow.phase, slow.success_ms, slow.failure_ms), ("processing", 20.0, 4000.0));
    }

    #[test]
    fn what_a_failure_did_not_come_to_is_no_difference() {
        let failure = detail(Outcome::Failed(Failure::Dns), "", 0);
        let found = compared(&detail(UP, "203.0.113.7:443", 20_000), &failure);
        assert_eq!((found.address, found.certificate, found.slow_phase), (None, None, None));
    }
}
