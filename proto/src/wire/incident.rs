//! Facts about incidents.

use std::time::Duration;

use super::batch::outcome;
use super::raw::log::v1 as raw;
use super::target::{pairs_from_raw, pairs_to_raw};
use super::{Malformed, clip, millis_u64, value};
use crate::incident::{
    CauseKind, IncidentCause, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, LeftWhy,
    TEXT_MAX,
};
use crate::outcome::{Outcome, Unexpected};
use crate::target::Uid;
use crate::time::Timestamp;

pub(super) fn facts_to_raw(facts: Vec<IncidentFact>) -> raw::Incidents {
    raw::Incidents { facts: facts.into_iter().map(fact_to_raw).collect() }
}

pub(super) fn facts_from_raw(facts: raw::Incidents) -> Result<Vec<IncidentFact>, Malformed> {
    facts.facts.into_iter().map(fact_from_raw).collect()
}

fn fact_to_raw(fact: IncidentFact) -> raw::IncidentFact {
    use raw::incident_fact::What;
    let IncidentFact { incident, what } = fact;
    let what = match what {
        IncidentWhat::Opened { kind, cause, shared, labels } => What::Opened(raw::IncidentOpened {
            kind: i32::try_from(kind.number()).unwrap_or_default(),
            cause: Some(cause_to_raw(cause)),
            shared: shared.into_iter().map(cause_to_raw).collect(),
            labels: pairs_to_raw(labels),
        }),
        IncidentWhat::Caused(cause) => What::Caused(cause_to_raw(cause)),
        IncidentWhat::Joined(member) => What::Joined(member_to_raw(member)),
        IncidentWhat::Left { uid, why } => What::Left(raw::IncidentLeft {
            uid: uid.0,
            why: i32::try_from(why.number()).unwrap_or_default(),
        }),
        IncidentWhat::Grown => What::Grown(raw::IncidentGrown {}),
        IncidentWhat::Closed => What::Closed(raw::IncidentClosed {}),
    };
    raw::IncidentFact { incident, what: Some(what) }
}

fn fact_from_raw(fact: raw::IncidentFact) -> Result<IncidentFact, Malformed> {
    use raw::incident_fact::What;
    let raw::IncidentFact { incident, what } = fact;
    let what = match what.ok_or(Malformed::Missing("incident_fact.what"))? {
        What::Opened(raw::IncidentOpened { kind, cause, shared, labels }) => {
            let number = u32::try_from(kind).unwrap_or_default();
            IncidentWhat::Opened {
                kind: IncidentKind::from_number(number)
                    .ok_or_else(|| value("incident.kind", kind, "a known kind"))?,
                cause: cause_from_raw(cause.ok_or(Malformed::Missing("incident.cause"))?)?,
                shared: shared.into_iter().map(cause_from_raw).collect::<Result<_, _>>()?,
                labels: pairs_from_raw(labels),
            }
        }
        What::Caused(cause) => IncidentWhat::Caused(cause_from_raw(cause)?),
        What::Joined(member) => IncidentWhat::Joined(member_from_raw(member)?),
        What::Left(raw::IncidentLeft { uid, why }) => {
            let number = u32::try_from(why).unwrap_or_default();
            let why = LeftWhy::from_number(number)
                .ok_or_else(|| value("incident.left.why", why, "a known reason"))?;
            IncidentWhat::Left { uid: Uid(uid), why }
        }
        What::Grown(raw::IncidentGrown {}) => IncidentWhat::Grown,
        What::Closed(raw::IncidentClosed {}) => IncidentWhat::Closed,
    };
    Ok(IncidentFact { incident, what })
}

fn cause_to_raw(cause: IncidentCause) -> raw::IncidentCause {
    let IncidentCause { kind, value } = cause;
    raw::IncidentCause { kind: kind.number(), value }
}

fn cause_from_raw(cause: raw::IncidentCause) -> Result<IncidentCause, Malformed> {
    let raw::IncidentCause { kind, value: which } = cause;
    let kind = CauseKind::from_number(kind)
        .ok_or_else(|| value("incident.cause.kind", kind, "a known kind"))?;
    Ok(IncidentCause { kind, value: which })
}

fn member_to_raw(member: IncidentMember) -> raw::IncidentMember {
    let IncidentMember { uid, down, vantage, planned, outcome, address, text, hold } = member;
    let (code, unexpected) = match outcome {
        None => (0, 0),
        Some(Outcome::Failed(failure)) => (failure.number(), 0),
        Some(Outcome::Answered { status, unexpected }) => {
            (status.into(), unexpected.map_or(0, Unexpected::number))
        }
    };
    raw::IncidentMember {
        uid: uid.0,
        down,
        vantage,
        planned_ms: planned.millis(),
        code,
        unexpected,
        address: address.map(|address| address.to_string()).unwrap_or_default(),
        text: clip(&text, TEXT_MAX).to_owned(),
        hold_ms: millis_u64(hold),
    }
}

fn member_from_raw(member: raw::IncidentMember) -> Result<IncidentMember, Malformed> {
    let raw::IncidentMember {
        uid,
        down,
        vantage,
        planned_ms,
        code,
        unexpected,
        address,
        text,
        hold_ms,
    } = member;
    let outcome = if code == 0 { None } else { Some(outcome(code, unexpected)?) };
    let address = match address.is_empty() {
        true => None,
        false => Some(
            address
                .parse()
                .map_err(|_| value("incident.member.address", address, "an IP address"))?,
        ),
    };
    Ok(IncidentMember {
        uid: Uid(uid),
        down,
        vantage,
        planned: Timestamp::from_millis(planned_ms),
        outcome,
        address,
        text: clip(&text, TEXT_MAX).to_owned(),
        hold: Duration::from_millis(hold_ms),
    })
}
