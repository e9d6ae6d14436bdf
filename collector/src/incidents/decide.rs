//! Who joins what is open, and what is opened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use proto::{
    CauseKind, IncidentCause, IncidentFact, IncidentKind, IncidentMember, IncidentWhat, Timestamp,
    Uid,
};

use super::wide::{self, Group};
use crate::state::Incidents;

/// A target that fails and has no incident yet.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it brings into one.
    pub member: IncidentMember,
    /// How often it is probed.
    pub interval: Duration,
    /// [`super::cause::near`]: the target itself first.
    pub near: Vec<IncidentCause>,
    /// [`super::cause::wide`].
    pub wide: Vec<IncidentCause>,
    /// Its category and labels.
    pub labels: Vec<(String, String)>,
}

/// An incident is told again when it has grown to this many times of what was told.
const GROWN: u32 = 4;

/// What becomes of these, of `targets` that there are: facts for the log. What is opened is numbered from `next` on.
pub fn decide(
    known: &Incidents,
    next: u64,
    mut candidates: Vec<Candidate>,
    now: Timestamp,
    targets: usize,
) -> Vec<IncidentFact> {
    candidates.sort_by_key(|candidate| candidate.member.uid);
    candidates.dedup_by_key(|candidate| candidate.member.uid);
    let mut open = Open::of(known);
    let mut facts = Vec::new();
    let mut rest = Vec::new();
    for candidate in candidates {
        match open.place_for(known, &candidate, now) {
            Some((number, widened)) => {
                if let Some(cause) = widened {
                    open.by_cause.insert(cause.clone(), number);
                    open.single.remove(&number);
                    facts.push(fact(number, IncidentWhat::Caused(cause)));
                }
                facts.push(fact(number, IncidentWhat::Joined(candidate.member)));
            }
            None => rest.push(candidate),
        }
    }
    let mut groups = wide::merge(known, near_groups(rest), now, targets);
    groups.sort_by_key(|group| group.members.iter().map(|m| m.member.uid).min());
    for (number, group) in (next..).zip(groups) {
        open_group(number, IncidentKind::Failing, group, &mut facts);
    }
    facts
}

/// Facts that tell again of incidents which these joins make much larger.
pub fn grown(known: &Incidents, facts: &[IncidentFact]) -> Vec<IncidentFact> {
    let mut joined: BTreeMap<u64, BTreeSet<Uid>> = BTreeMap::new();
    for fact in facts {
        if let IncidentWhat::Joined(member) = &fact.what {
            joined.entry(fact.incident).or_default().insert(member.uid);
        }
    }
    let grows = |(number, uids): (u64, BTreeSet<Uid>)| {
        let incident = known.get(number)?;
        let new = uids.iter().filter(|uid| !incident.members.contains_key(uid)).count();
        let size = incident.members.len() + new;
        let enough = u64::from(incident.told.max(1)) * u64::from(GROWN);
        (size as u64 >= enough).then(|| fact(number, IncidentWhat::Grown))
    };
    joined.into_iter().filter_map(grows).collect()
}

/// The same for targets whose certificate expires soon: one incident a certificate, whoever shows it.
pub fn certificate_facts(
    known: &Incidents,
    next: u64,
    mut candidates: Vec<Candidate>,
) -> Vec<IncidentFact> {
    candidates.sort_by_key(|candidate| candidate.member.uid);
    candidates.dedup_by_key(|candidate| candidate.member.uid);
    let of_kind = known.open().filter(|incident| incident.kind == IncidentKind::Certificate);
    let open: HashMap<&IncidentCause, u64> =
        of_kind.map(|incident| (&incident.cause, incident.number)).collect();
    let mut new: BTreeMap<IncidentCause, Vec<Candidate>> = BTreeMap::new();
    let mut facts = Vec::new();
    for candidate in candidates {
        let Some(cause) = candidate.near.first() else { continue };
        match open.get(cause) {
            Some(number) => facts.push(fact(*number, IncidentWhat::Joined(candidate.member))),
            None => new.entry(cause.clone()).or_default().push(candidate),
        }
    }
    for (number, (cause, members)) in (next..).zip(new) {
        let group = Group { cause, members, wide: Vec::new() };
        open_group(number, IncidentKind::Certificate, group, &mut facts);
    }
    facts
}

fn fact(incident: u64, what: IncidentWhat) -> IncidentFact {
    IncidentFact { incident, what }
}

fn open_group(number: u64, kind: IncidentKind, group: Group, facts: &mut Vec<IncidentFact>) {
    let Group { cause, members, wide } = group;
    let mut shared = match members.as_slice() {
        [alone] => alone.near.clone(),
        _ => vec![cause.clone()],
    };
    shared.extend(wide.into_iter().filter(|wide| *wide != cause));
    let labels = alike(&members);
    facts.push(fact(number, IncidentWhat::Opened { kind, cause, shared, labels }));
    let joined = members.into_iter().map(|m| fact(number, IncidentWhat::Joined(m.member)));
    facts.extend(joined);
}

/// The labels that all of them have alike.
fn alike(members: &[Candidate]) -> Vec<(String, String)> {
    let Some((first, others)) = members.split_first() else { return Vec::new() };
    let all = |label: &&(String, String)| others.iter().all(|other| other.labels.contains(label));
    first.labels.iter().filter(all).cloned().collect()
}

/// What is open, by what makes a target belong to it.
struct Open {
    /// Causes that whoever has them joins at any time.
    by_cause: HashMap<IncidentCause, u64>,
    /// Incidents of one target: what it has in common with whoever comes next becomes their cause.
    single: BTreeMap<u64, Vec<IncidentCause>>,
    by_near: HashMap<IncidentCause, u64>,
    /// Wide ones, which only those join who fail at the same time.
    wide: HashMap<IncidentCause, u64>,
    /// Who had one that is not over yet comes back to it.
    past: HashMap<Uid, u64>,
}

impl Open {
    fn of(known: &Incidents) -> Self {
        let mut open = Self {
            by_cause: HashMap::new(),
            single: BTreeMap::new(),
            by_near: HashMap::new(),
            wide: HashMap::new(),
            past: HashMap::new(),
        };
        for incident in known.open().filter(|incident| incident.kind == IncidentKind::Failing) {
            let number = incident.number;
            open.past.extend(incident.past.keys().map(|uid| (*uid, number)));
            match incident.cause.kind {
                CauseKind::Target => {
                    open.single.insert(number, incident.shared.clone());
                    let near = incident.shared.iter().filter(|cause| is_near(cause));
                    near.for_each(|cause| {
                        open.by_near.entry(cause.clone()).or_insert(number);
                    });
                }
                CauseKind::Vantage | CauseKind::Agent | CauseKind::Failure => {
                    open.wide.insert(incident.cause.clone(), number);
                }
                _ => {
                    open.by_cause.entry(incident.cause.clone()).or_insert(number);
                }
            }
        }
        open
    }

    /// The incident that a target belongs to, and the cause that it gets by it if it gets a wider one.
    fn place_for(
        &self,
        known: &Incidents,
        candidate: &Candidate,
        now: Timestamp,
    ) -> Option<(u64, Option<IncidentCause>)> {
        if let Some(number) = self.past.get(&candidate.member.uid) {
            return Some((*number, None));
        }
        if let Some(number) = candidate.near.iter().find_map(|cause| self.by_cause.get(cause)) {
            return Some((*number, None));
        }
        for cause in &candidate.near {
            let number = self.by_near.get(cause).filter(|number| self.single.contains_key(number));
            if let Some(number) = number {
                let widened = (cause.kind != CauseKind::Target).then(|| cause.clone());
                return Some((*number, widened));
            }
        }
        let same_time = wide::same_time([candidate]);
        let recent =
            |number: &&u64| known.get(**number).is_some_and(|i| wide::is_recent(i, now, same_time));
        let number = candidate.wide.iter().find_map(|c| self.wide.get(c).filter(recent));
        number.map(|number| (*number, None))
    }
}

fn is_near(cause: &IncidentCause) -> bool {
    !matches!(cause.kind, CauseKind::Vantage | CauseKind::Agent | CauseKind::Failure)
}

/// Those that share something near, the largest groups first; of equals the cause that says more.
fn near_groups(candidates: Vec<Candidate>) -> Vec<Group> {
    let mut by_cause: BTreeMap<IncidentCause, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for cause in candidate.near.iter().filter(|cause| cause.kind != CauseKind::Target) {
            by_cause.entry(cause.clone()).or_default().push(index);
        }
    }
    let mut causes: Vec<(IncidentCause, Vec<usize>)> =
        by_cause.into_iter().filter(|(_, members)| members.len() > 1).collect();
    causes.sort_by(|(a, some), (b, others)| others.len().cmp(&some.len()).then_with(|| a.cmp(b)));
    let mut candidates: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    let mut groups = Vec::new();
    for (cause, members) in causes {
        let left: Vec<usize> =
            members.into_iter().filter(|index| candidates[*index].is_some()).collect();
        if left.len() > 1 {
            let members = left.into_iter().filter_map(|index| candidates[index].take());
            groups.push(group(cause, members.collect()));
        }
    }
    for alone in candidates.into_iter().flatten() {
        if let Some(cause) = alone.near.first().cloned() {
            groups.push(group(cause, vec![alone]));
        }
    }
    groups
}

fn group(cause: IncidentCause, members: Vec<Candidate>) -> Group {
    let mut wide = members.first().map(|first| first.wide.clone()).unwrap_or_default();
    for member in members.iter().skip(1) {
        wide.retain(|cause| member.wide.contains(cause));
    }
    Group { cause, members, wide }
}

#[cfg(test)]
mod tests;
