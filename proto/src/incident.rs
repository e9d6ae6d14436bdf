//! Facts about incidents, as the log holds them. What is open follows from these alone.

use std::net::IpAddr;
use std::time::Duration;

use crate::outcome::{Outcome, closed_set};
use crate::target::Uid;
use crate::time::Timestamp;

closed_set! {
    /// What the members of an incident have in common.
    CauseKind {
        /// Nothing: it is one target.
        Target = 1 "target",
        /// The certificate that was shown.
        Certificate = 2 "certificate",
        /// The address that was dialled.
        Address = 3 "address",
        /// The host of the URL.
        Host = 4 "host",
        /// The DNS zone in which a name could not be resolved.
        Zone = 5 "dns_zone",
        /// They fail from this vantage and from no other.
        Vantage = 6 "vantage",
        /// One agent alone found it.
        Agent = 7 "agent",
        /// They fail in the same way at the same time.
        Failure = 8 "failure",
        /// No agent is there.
        NoAgents = 9 "no_agents",
        /// Too few slots of a round have a result.
        Coverage = 10 "coverage",
        /// The log cannot be written.
        Store = 11 "store",
    }
}

closed_set! {
    /// What an incident is about.
    IncidentKind {
        /// Targets fail.
        Failing = 1 "failing",
        /// A certificate expires soon.
        Certificate = 2 "certificate",
        /// The monitor itself does not see enough.
        Blind = 3 "blind",
    }
}

closed_set! {
    /// Why a member left an incident.
    LeftWhy {
        /// It is well again.
        Well = 1 "well",
        /// Nobody asks it any more: it is not listed, or paused.
        Unasked = 2 "unasked",
        /// What it was judged by turned out to be a fault of the agent.
        Withdrawn = 3 "withdrawn",
        /// Its maintenance has begun.
        Maintenance = 4 "maintenance",
    }
}

/// Which host, address, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentCause {
    /// Of which sort.
    pub kind: CauseKind,
    /// Which one; empty where the sort says it all.
    pub value: String,
}

/// Something that became of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentFact {
    /// 1, 2, 3, … in one log.
    pub incident: u64,
    /// What.
    pub what: IncidentWhat,
}

/// See [`IncidentFact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentWhat {
    /// It begins; its members follow.
    Opened {
        /// What it is about.
        kind: IncidentKind,
        /// Why.
        cause: IncidentCause,
        /// What its first members have in common.
        shared: Vec<IncidentCause>,
        /// Labels that its first members have alike.
        labels: Vec<(String, String)>,
    },
    /// More targets share this cause than it was opened for.
    Caused(IncidentCause),
    /// A target has it; the same again when it got worse.
    Joined(IncidentMember),
    /// A target has it no longer.
    Left {
        /// Which.
        uid: Uid,
        /// Why.
        why: LeftWhy,
    },
    /// It has grown so much that it is told again.
    Grown,
    /// It is over.
    Closed,
}

/// A target that has it, and by which evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentMember {
    /// [`MONITOR`] stands for the monitor itself.
    pub uid: Uid,
    /// It fails from more than half of its vantages, or just from some.
    pub down: bool,
    /// From where it was found.
    pub vantage: String,
    /// In which slot.
    pub planned: Timestamp,
    /// What was found.
    pub outcome: Option<Outcome>,
    /// The address that was dialled.
    pub address: Option<IpAddr>,
    /// In words, at most [`TEXT_MAX`] bytes.
    pub text: String,
    /// Once everybody is well, the incident stays open so long.
    pub hold: Duration,
}

/// The monitor itself as a member: no target has this uid.
pub const MONITOR: Uid = Uid(0);
/// The most bytes of words that a member brings.
pub const TEXT_MAX: usize = 300;
