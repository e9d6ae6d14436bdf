//! Incidents as the log's facts say them: what is open, what was, and what is to be told. Nothing here decides.

mod code;
mod messages;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use proto::{
    CauseKind, IncidentCause, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, LeftWhy,
    Outcome, Timestamp, Uid,
};

pub use messages::{MESSAGES_MAX, Message, Messages, What};

/// Closed incidents that are kept; the oldest is forgotten first.
pub const CLOSED_MAX: usize = 1000;
/// Members that left are remembered with their evidence, so many of an incident.
pub const PAST_MAX: usize = 100;
/// Words of evidence are kept of so many members of an incident: those of one cause say the same.
const TEXTS_MAX: u32 = 20;
/// A member that comes back within this time of leaving is flapping.
pub const FLAPPING: Duration = Duration::from_secs(3600);

/// How bad the worst of it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Some vantages, or a certificate that still has some days.
    #[default]
    Warning,
    /// Down, or the monitor does not see.
    Critical,
}

impl Severity {
    /// Its name in the API and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A target that has it, and by which evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// When it joined.
    pub since: Timestamp,
    /// It fails from more than half of its vantages, or just from some.
    pub down: bool,
    /// From where the evidence is; empty without any.
    pub vantage: String,
    /// Of which slot.
    pub planned: Timestamp,
    /// What was found.
    pub outcome: Option<Outcome>,
    /// The address that was dialled.
    pub address: Option<IpAddr>,
    /// In words; empty for all but the first members.
    pub text: String,
    /// When and why it left, of a past member.
    pub left: Option<(Timestamp, LeftWhy)>,
}

/// Something that people should know of, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// 1, 2, 3, … in one log.
    pub number: u64,
    /// What it is about.
    pub kind: IncidentKind,
    /// What its members have in common.
    pub cause: IncidentCause,
    /// What its first members had in common.
    pub shared: Vec<IncidentCause>,
    /// Labels that its first members had alike.
    pub labels: Vec<(String, String)>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// Who has it.
    pub members: BTreeMap<Uid, Member>,
    /// Who had it: the first [`PAST_MAX`] who left.
    pub past: BTreeMap<Uid, Member>,
    /// How many joined, whoever came back counted once for each time.
    pub joined: u32,
    /// The most members at one time.
    pub peak: u32,
    /// How many it had when it was told last.
    pub told: u32,
    /// The worst so far.
    pub severity: Severity,
    /// It was a warning before it became critical.
    pub raised: bool,
    /// How often members came back to it, or to one before it, within [`FLAPPING`].
    pub flaps: u32,
    /// Once everybody is well, it stays open so long.
    pub hold: Duration,
    /// Since when nobody has it.
    pub empty_since: Option<Timestamp>,
}

impl Incident {
    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    open: BTreeMap<u64, Incident>,
    closed: VecDeque<Incident>,
    /// How many there ever were.
    count: u64,
    /// Open ones without members.
    empty: BTreeSet<u64>,
    /// Which incident of a kind a target has.
    of: HashMap<(u32, Uid), u64>,
    /// When a target last left, and how often it came back.
    left: BTreeMap<(u32, Uid), (Timestamp, u32)>,
    /// What is to be told.
    pub messages: Messages,
}

impl Incidents {
    /// Takes facts, all of one instant.
    pub fn apply(&mut self, at: Timestamp, facts: Vec<IncidentFact>) {
        for IncidentFact { incident, what } in facts {
            self.fact(at, incident, what);
        }
    }

    fn fact(&mut self, at: Timestamp, number: u64, what: IncidentWhat) {
        if let IncidentWhat::Opened { kind, cause, shared, labels } = what {
            if number <= self.count {
                return; // None is opened twice.
            }
            self.count = number;
            let incident = Incident {
                number,
                kind,
                cause,
                shared,
                labels,
                opened: at,
                closed: None,
                members: BTreeMap::new(),
                past: BTreeMap::new(),
                joined: 0,
                peak: 0,
                told: 0,
                severity: Severity::Warning,
                raised: false,
                flaps: 0,
                hold: Duration::ZERO,
                empty_since: Some(at),
            };
            self.open.insert(number, incident);
            self.empty.insert(number);
            self.tell(number, What::Opened, at);
            return;
        }
        let Some(incident) = self.open.get_mut(&number) else { return };
        match what {
            IncidentWhat::Opened { .. } => {}
            IncidentWhat::Caused(cause) => incident.cause = cause,
            IncidentWhat::Joined(member) => self.join(at, number, member),
            IncidentWhat::Left { uid, why } => self.leave(at, number, uid, why),
            IncidentWhat::Grown => {
                incident.told = size(incident);
                self.messages.push(number, What::Grown, at);
            }
            IncidentWhat::Closed => self.close(at, number),
        }
    }

    fn join(&mut self, at: Timestamp, number: u64, member: IncidentMember) {
        let Some(incident) = self.open.get_mut(&number) else { return };
        let IncidentMember { uid, down, vantage, planned, outcome, address, text, hold } = member;
        let severity = match (incident.kind, down) {
            (IncidentKind::Blind, _) | (_, true) => Severity::Critical,
            (_, false) => Severity::Warning,
        };
        if let Some(known) = incident.members.get_mut(&uid) {
            known.down |= down;
        } else {
            let key = (incident.kind.number(), uid);
            let (left, flaps) = self.left.get(&key).copied().unwrap_or((Timestamp::EPOCH, 0));
            if left != Timestamp::EPOCH && at.since(left) < FLAPPING {
                self.left.insert(key, (left, flaps + 1));
                incident.flaps = incident.flaps.max(flaps + 1);
            } else {
                self.left.remove(&key);
            }
            incident.joined = incident.joined.saturating_add(1);
            let text = if incident.joined <= TEXTS_MAX { text } else { String::new() };
            let since = at;
            let left = None;
            let member = Member { since, down, vantage, planned, outcome, address, text, left };
            incident.members.insert(uid, member);
            incident.past.remove(&uid);
            self.of.insert(key, number);
        }
        let worse = severity > incident.severity && at > incident.opened;
        incident.raised |= worse;
        incident.severity = incident.severity.max(severity);
        incident.hold = incident.hold.max(hold);
        incident.empty_since = None;
        self.empty.remove(&number);
        let size = size(incident);
        incident.peak = incident.peak.max(size);
        if incident.opened == at {
            // It is told with all that it was opened with.
            incident.told = size;
        }
        if worse {
            incident.told = size;
            self.tell(number, What::Worse, at);
        }
    }

    fn leave(&mut self, at: Timestamp, number: u64, uid: Uid, why: LeftWhy) {
        let Some(incident) = self.open.get_mut(&number) else { return };
        let Some(mut member) = incident.members.remove(&uid) else { return };
        let key = (incident.kind.number(), uid);
        self.of.remove(&key);
        if why == LeftWhy::Well {
            let flaps = self.left.get(&key).map_or(0, |(_, flaps)| *flaps);
            self.left.insert(key, (at, flaps));
        }
        member.left = Some((at, why));
        if incident.past.len() < PAST_MAX {
            incident.past.insert(uid, member);
        }
        if incident.members.is_empty() {
            incident.empty_since = Some(at);
            self.empty.insert(number);
        }
    }

    fn close(&mut self, at: Timestamp, number: u64) {
        let Some(mut incident) = self.open.remove(&number) else { return };
        self.empty.remove(&number);
        for uid in incident.members.keys() {
            self.of.remove(&(incident.kind.number(), *uid));
        }
        incident.closed = Some(at);
        if self.closed.len() >= CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(incident);
        self.left.retain(|_, (left, _)| at.since(*left) < FLAPPING);
        self.tell(number, What::Closed, at);
    }

    /// That the log could not be written was told when it could not: what the log says of it is history.
    fn tell(&mut self, number: u64, what: What, at: Timestamp) {
        let is_told = self.get(number).is_some_and(|known| known.cause.kind == CauseKind::Store);
        if !is_told {
            self.messages.push(number, what, at);
        }
    }

    /// Those that are open, in the order of their numbers.
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.open.values()
    }

    /// How many of them there are.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Those that are over, in the order in which they ended.
    pub fn closed(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.closed.iter()
    }

    /// The open ones that nobody has.
    pub fn empty(&self) -> impl Iterator<Item = &Incident> {
        self.empty.iter().filter_map(|number| self.open.get(number))
    }

    /// The one of this number, if it is kept.
    pub fn get(&self, number: u64) -> Option<&Incident> {
        let closed = || self.closed.iter().rev().find(|incident| incident.number == number);
        self.open.get(&number).or_else(closed)
    }

    /// The open one of this kind that a target has.
    pub fn of(&self, kind: IncidentKind, uid: Uid) -> Option<&Incident> {
        self.of.get(&(kind.number(), uid)).and_then(|number| self.open.get(number))
    }

    /// How many there ever were: the number of the newest.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How often a target came back within [`FLAPPING`], were it to come back now.
    pub fn flaps(&self, kind: IncidentKind, uid: Uid, now: Timestamp) -> u32 {
        match self.left.get(&(kind.number(), uid)) {
            Some((left, flaps)) if now.since(*left) < FLAPPING => flaps + 1,
            _ => 0,
        }
    }
}

fn size(incident: &Incident) -> u32 {
    u32::try_from(incident.members.len()).unwrap_or(u32::MAX)
}
