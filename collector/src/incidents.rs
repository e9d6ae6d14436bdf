//! Which incident a failing target belongs to: the decisions alone, as functions of what the log says and of who fails.
//!
//! [`cause`] says what a failure may have in common with others, [`decide`] who joins what is open and what is opened.
//! What comes out are facts for the log; [`crate::state::Incidents`] is their fold. The order in which failures came
//! does not matter, nor in which pieces: what is gathered is sorted before it is judged.

pub mod cause;
mod decide;
mod headline;
mod wide;

use std::time::Duration;

use proto::{IncidentCause, IncidentMember, Timestamp};

pub use decide::{Candidate, certificate_facts, decide, grown};
pub use headline::headline;
pub use wide::{SAME_TIME_MAX, WIDE_MIN};

/// Failures are gathered so long before they are judged. A second attempt comes back within the timeout and two seconds, and
/// five targets a second of a large list turn at once: what belongs together has begun to show, and nobody who is woken
/// up minds ten seconds.
pub const GATHER: Duration = Duration::from_secs(10);
/// Once everybody is well, an incident stays open so long: who is still being gathered may belong to it.
pub const HOLD: Duration = Duration::from_secs(15);
/// The longest that an incident with flapping members stays open after the last of them was well.
pub const HOLD_MAX: Duration = Duration::from_secs(3600);
/// The same at the least.
const HOLD_FLAPPING: Duration = Duration::from_secs(300);

/// How long failures are gathered, given how often most targets are probed: in two intervals all have been.
pub fn gather(interval: Duration) -> Duration {
    (interval * 2).min(GATHER)
}

/// When things are decided.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// Whether anything is.
    pub on: bool,
    /// The length of a round: the default interval.
    pub round: Duration,
    /// How long failures are gathered.
    pub gather: Duration,
    /// A certificate that expires within this is an incident; none when that is not watched.
    pub certificate_warning: Option<Duration>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            on: true,
            round: Duration::from_secs(600),
            gather: GATHER,
            certificate_warning: Some(Duration::from_secs(14 * 24 * 3600)),
        }
    }
}

/// How long an incident stays open after everybody is well, given how often the member came back within an hour and how often
/// it is probed. The first time an end is told at once; who has come back must be well for three probes and five minutes,
/// and every further time for twice as long.
pub fn hold(flaps: u32, interval: Duration) -> Duration {
    match flaps.checked_sub(1) {
        None => HOLD.min(interval * 3),
        Some(more) => {
            let first = (interval * 3).clamp(HOLD_FLAPPING, HOLD_MAX / 2);
            (first * 2_u32.pow(more.min(6))).min(HOLD_MAX)
        }
    }
}

/// A cause of this kind.
fn caused(kind: proto::CauseKind, value: impl Into<String>) -> IncidentCause {
    IncidentCause { kind, value: value.into() }
}

/// The monitor itself as a member, in its own words.
pub fn monitor(text: String, planned: Timestamp, hold: Duration) -> IncidentMember {
    IncidentMember {
        uid: proto::MONITOR,
        down: true,
        vantage: String::new(),
        planned,
        outcome: None,
        address: None,
        text,
        hold,
    }
}
