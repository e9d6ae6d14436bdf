//! Incidents as users see them: by the API, as events, and in every message.

use std::collections::BTreeMap;

use proto::{IncidentKind, MONITOR, Outcome, Timestamp, Uid, Unexpected};
use serde::Serialize;

use crate::core::StoreTrouble;
use crate::incidents::headline;
use crate::state::incidents::{Incident, Member, Message};
use crate::state::{Incidents as All, State};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Only the one of this id.
    pub id: Option<String>,
    /// Only open ones, or only those that are over.
    pub open: Option<bool>,
    /// Only those of this kind.
    pub kind: Option<IncidentKind>,
    /// Only those that this target has or had.
    pub target: Option<Uid>,
    /// Only those with a lower number: the cursor of the page before.
    pub before: Option<u64>,
    /// How many.
    pub limit: usize,
    /// How many members are named of each.
    pub members: usize,
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct Incidents {
    pub as_of: String,
    /// How many are open, whatever is asked for.
    pub open: usize,
    pub incidents: Vec<Shown>,
    pub next_cursor: Option<String>,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct Shown {
    pub id: String,
    pub kind: &'static str,
    pub state: &'static str,
    pub severity: &'static str,
    pub title: String,
    pub cause: Cause,
    pub labels: BTreeMap<String, String>,
    pub opened: String,
    pub closed: Option<String>,
    pub flaps: u32,
    pub members: Members,
    pub targets: Vec<ShownMember>,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct Cause {
    pub kind: &'static str,
    pub value: String,
}

/// How many have it, and had it at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct Members {
    pub now: usize,
    pub peak: u32,
}

/// A member, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct ShownMember {
    /// Null for the monitor itself.
    pub name: Option<String>,
    pub down: bool,
    pub since: String,
    pub left: Option<String>,
    pub why_left: Option<&'static str>,
    pub vantage: String,
    pub planned: String,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub unexpected: Option<&'static str>,
    pub address: Option<String>,
    pub cause: String,
}

/// An event.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/incidents.md says what each field means")]
pub struct Event {
    pub change: &'static str,
    pub at: String,
    pub incident: Shown,
}

/// The name of an incident: never given twice, by whatever log.
pub fn id(log: u64, number: u64) -> String {
    format!("{:08x}-{number}", log >> 32)
}

/// Those that the question asks for, newest first.
pub fn incidents(
    state: &State,
    store: Option<StoreTrouble>,
    now: Timestamp,
    question: &Question,
) -> Incidents {
    let all = &state.incidents;
    let lasts = store.filter(|trouble| trouble.until.is_none());
    let wanted = |incident: &&Incident| {
        question.open.is_none_or(|open| open != incident.is_closed())
            && question.kind.is_none_or(|kind| kind == incident.kind)
            && question.before.is_none_or(|before| incident.number < before)
            && question.id.as_ref().is_none_or(|wanted| *wanted == id(state.log, incident.number))
            && question.target.is_none_or(|uid| {
                incident.members.contains_key(&uid) || incident.past.contains_key(&uid)
            })
    };
    let mut found: Vec<&Incident> = all.open().chain(all.closed()).filter(wanted).collect();
    found.sort_unstable_by_key(|incident| std::cmp::Reverse(incident.number));
    let more = found.len() > question.limit;
    found.truncate(question.limit);
    let last = found.last().map(|incident| incident.number.to_string());
    let mut incidents: Vec<Shown> =
        found.into_iter().map(|incident| shown(state, incident, question.members)).collect();
    let asked = question.open != Some(false)
        && question.kind.is_none_or(|kind| kind == IncidentKind::Blind)
        && question.target.is_none()
        && question.before.is_none();
    let troubles = lasts.filter(|_| asked).map(|trouble| store_trouble(state, trouble));
    if let Some(trouble) = troubles.filter(|it| question.id.as_ref().is_none_or(|id| *id == it.id))
    {
        incidents.insert(0, trouble);
    }
    Incidents {
        as_of: now.rfc3339(),
        open: all.open_count() + usize::from(lasts.is_some()),
        incidents,
        next_cursor: last.filter(|_| more),
    }
}

/// One incident with so many of its members.
pub fn shown(state: &State, incident: &Incident, members: usize) -> Shown {
    let first = incident.members.iter().chain(&incident.past).next();
    let name = first.and_then(|(uid, _)| name(state, *uid));
    Shown {
        id: id(state.log, incident.number),
        kind: incident.kind.name(),
        state: if incident.is_closed() { "closed" } else { "open" },
        severity: incident.severity.name(),
        title: headline(incident, name),
        cause: Cause { kind: incident.cause.kind.name(), value: incident.cause.value.clone() },
        labels: incident.labels.iter().cloned().collect(),
        opened: incident.opened.rfc3339(),
        closed: incident.closed.map(Timestamp::rfc3339),
        flaps: incident.flaps,
        members: Members { now: incident.members.len(), peak: incident.peak },
        targets: incident
            .members
            .iter()
            .chain(&incident.past)
            .take(members)
            .map(|(uid, member)| shown_member(state, *uid, member))
            .collect(),
    }
}

/// What happened, with the incident as it is now.
pub fn event(state: &State, message: &Message, members: usize) -> Option<Event> {
    let incident = state.incidents.get(message.incident)?;
    let incident = shown(state, incident, members);
    Some(Event { change: message.what.name(), at: message.at.rfc3339(), incident })
}

/// How many of each kind are open.
pub fn open_by_kind(all: &All) -> impl Iterator<Item = (IncidentKind, usize)> {
    IncidentKind::ALL
        .into_iter()
        .map(|kind| (kind, all.open().filter(|incident| incident.kind == kind).count()))
}

/// That the log cannot be written, as an incident of its own name.
pub fn store_trouble(state: &State, trouble: StoreTrouble) -> Shown {
    let StoreTrouble { since, until } = trouble;
    Shown {
        id: format!("{:08x}-store-{}", state.log >> 32, since.millis()),
        kind: IncidentKind::Blind.name(),
        state: if until.is_some() { "closed" } else { "open" },
        severity: "critical",
        title: "the monitor cannot write its log: nothing is acknowledged".into(),
        cause: Cause { kind: proto::CauseKind::Store.name(), value: String::new() },
        labels: BTreeMap::new(),
        opened: since.rfc3339(),
        closed: until.map(Timestamp::rfc3339),
        flaps: 0,
        members: Members { now: usize::from(until.is_none()), peak: 1 },
        targets: Vec::new(),
    }
}

fn name(state: &State, uid: Uid) -> Option<&str> {
    let idx = state.by_uid(uid).filter(|_| uid != MONITOR)?;
    Some(state.target(idx).entry.name.as_str())
}

fn shown_member(state: &State, uid: Uid, member: &Member) -> ShownMember {
    let Member { since, down, vantage, planned, outcome, address, text, left } = member;
    let (status, error, unexpected) = match outcome {
        None => (None, None, None),
        Some(Outcome::Answered { status, unexpected }) => {
            (Some(*status), None, unexpected.map(Unexpected::name))
        }
        Some(Outcome::Failed(failure)) => (None, Some(failure.name()), None),
    };
    ShownMember {
        name: name(state, uid).map(str::to_owned),
        down: *down,
        since: since.rfc3339(),
        left: left.map(|(at, _)| at.rfc3339()),
        why_left: left.map(|(_, why)| why.name()),
        vantage: vantage.clone(),
        planned: planned.rfc3339(),
        status,
        error,
        unexpected,
        address: address.map(|address| address.to_string()),
        cause: text.clone(),
    }
}
