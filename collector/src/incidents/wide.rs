//! Many unrelated places that fail alike at one time are one incident: a region, an agent's network, a large provider.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::{IncidentCause, Timestamp};

use super::Candidate;
use crate::state::{Incident, Incidents};

/// So many places (hosts, addresses, …) must fail alike, and one in a hundred of all targets: in a long list some always time out.
pub const WIDE_MIN: usize = 5;
/// What fails within two intervals fails at the same time: every target has been probed by then. But not over longer than this.
pub const SAME_TIME_MAX: Duration = Duration::from_secs(1800);

/// Targets that have something near in common, or a single one.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) cause: IncidentCause,
    pub(super) members: Vec<Candidate>,
    /// What all members share of the wide causes.
    pub(super) wide: Vec<IncidentCause>,
}

/// Two intervals of the slowest of them.
pub(super) fn same_time<'a>(candidates: impl IntoIterator<Item = &'a Candidate>) -> Duration {
    let slowest = candidates.into_iter().map(|candidate| candidate.interval).max();
    (slowest.unwrap_or_default() * 2).min(SAME_TIME_MAX)
}

/// Whether an incident was opened so short a time ago.
pub(super) fn is_recent(incident: &Incident, now: Timestamp, same_time: Duration) -> bool {
    now.since(incident.opened) <= same_time
}

/// Merges groups that share a wide cause, where enough places do: those of open incidents that are not older count too, but
/// keep their incident.
pub(super) fn merge(
    known: &Incidents,
    groups: Vec<Group>,
    now: Timestamp,
    targets: usize,
) -> Vec<Group> {
    let least = WIDE_MIN.max(targets / 100);
    let same_time = same_time(groups.iter().flat_map(|group| &group.members));
    let mut places: BTreeMap<IncidentCause, BTreeSet<usize>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        for cause in &group.wide {
            places.entry(cause.clone()).or_default().insert(index);
        }
    }
    let mut before: BTreeMap<&IncidentCause, usize> = BTreeMap::new();
    for incident in known.open().rev().take_while(|i| is_recent(i, now, same_time)) {
        for cause in &incident.shared {
            *before.entry(cause).or_default() += 1;
        }
    }
    let mut causes: Vec<(IncidentCause, BTreeSet<usize>)> = places.into_iter().collect();
    // The widest first; of equals the one that says more.
    causes.sort_by(|(a, places_a), (b, places_b)| {
        places_b.len().cmp(&places_a.len()).then_with(|| a.cmp(b))
    });
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut merged = Vec::new();
    for (cause, places) in causes {
        let left: Vec<usize> =
            places.into_iter().filter(|index| groups[*index].is_some()).collect();
        let seen = before.get(&cause).copied().unwrap_or(0);
        if left.is_empty() || left.len() + seen < least {
            continue;
        }
        let parts = left.into_iter().filter_map(|index| groups[index].take());
        let members = parts.flat_map(|group| group.members).collect();
        merged.push(Group { wide: vec![cause.clone()], cause, members });
    }
    merged.extend(groups.into_iter().flatten());
    merged
}
