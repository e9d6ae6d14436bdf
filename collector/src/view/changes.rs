//! `/api/v1/changes`: what got another verdict, newest first.

use proto::{Outcome, Timestamp, Uid, Unexpected};
use serde::Serialize;

use crate::state::{State, VerdictChange};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Only this target's.
    pub target: Option<Uid>,
    /// Only those with a lower number: the cursor of the page before.
    pub before: Option<u64>,
    /// How many.
    pub limit: usize,
}

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Changes {
    pub changes: Vec<Change>,
    /// Every change after this instant is kept; null while none was ever forgotten.
    pub complete_from: Option<String>,
    pub next_cursor: Option<String>,
}

/// One change.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Change {
    pub id: u64,
    pub name: String,
    pub category: String,
    pub from: &'static str,
    pub since: Option<String>,
    pub to: &'static str,
    pub at: String,
    pub fresh: u16,
    pub failing: Vec<FailingAt>,
}

/// How a target failed from one vantage.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct FailingAt {
    pub vantage: String,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub unexpected: Option<&'static str>,
}

/// The changes that the question asks for.
pub fn changes(state: &State, question: &Question) -> Changes {
    let wanted = |change: &&VerdictChange| {
        change.at >= question.from
            && change.at < question.to
            && question.target.is_none_or(|uid| uid == change.uid)
            && question.before.is_none_or(|before| change.seq < before)
    };
    let mut found = state.changes.iter().rev().filter(wanted);
    let page: Vec<&VerdictChange> = found.by_ref().take(question.limit).collect();
    let next_cursor = found.next().and(page.last()).map(|last| last.seq.to_string());
    Changes {
        changes: page.into_iter().map(|change| shown(state, change)).collect(),
        complete_from: state.changes.complete_from().map(Timestamp::rfc3339),
        next_cursor,
    }
}

/// One change as users see it.
pub fn shown(state: &State, change: &VerdictChange) -> Change {
    let VerdictChange { seq, uid, from, since, to, at, fresh, failing } = change;
    let entry = state.by_uid(*uid).map(|idx| &state.target(idx).entry);
    let failing = failing.iter().map(|(vantage, outcome)| {
        let (status, error, unexpected) = match outcome {
            Outcome::Answered { status, unexpected } => {
                (Some(*status), None, unexpected.map(Unexpected::name))
            }
            Outcome::Failed(failure) => (None, Some(failure.name()), None),
        };
        FailingAt { vantage: state.vantage(*vantage).name.clone(), status, error, unexpected }
    });
    Change {
        id: *seq,
        name: entry.map(|entry| entry.name.clone()).unwrap_or_default(),
        category: entry.map(|entry| entry.category.clone()).unwrap_or_default(),
        from: from.name(),
        since: since.map(Timestamp::rfc3339),
        to: to.name(),
        at: at.rfc3339(),
        fresh: *fresh,
        failing: failing.collect(),
    }
}
