//! Suspicion: what agents see is noted, who fails for reasons of ours is set aside, and let back in when it is well.
//!
//! The judgement is [`crate::suspicion`]'s; what counts is what the log says of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proto::{
    Batch, CollectorMessage, Failure, Kind, Outcome, ProbeResult, RunTarget, Suspicion, Timestamp,
};
use xxhash_rust::xxh3::xxh3_64;

use super::Core;
use super::assign::scheduled;
use super::notices::SuspicionChange;
use crate::fleet::{Agent, AgentIdx, Suspect};
use crate::state::{Series, TargetIdx, VantageIdx};
use crate::suspicion::{Circle, PLACES_MIN, SIGHTINGS_MAX, Seen, Witness, judge};

/// A probe that began so long before the first failure may have run into the same fault.
const BEFORE: Duration = Duration::from_secs(2);
/// An agent with many targets sees enough soon: it is not suspected over the first five.
const PLACES_MANY: usize = 10;
/// A suspect is asked so often …
const CANARY_EVERY: Duration = Duration::from_secs(5);
/// … to probe so many targets, which others have by now: that is how it can show that it is well again.
const CANARIES: usize = 5;

impl Core {
    /// Notes what the results of an agent say about the places that it probed, before they are taken.
    pub(super) fn note_sightings(
        &mut self,
        now: Timestamp,
        idx: AgentIdx,
        vantage: VantageIdx,
        batch: &Batch,
    ) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        // Of more than are kept only the last would be left.
        let first = batch.results.len().saturating_sub(SIGHTINGS_MAX);
        for result in &batch.results[first..] {
            let Some(target) = self.state.by_uid(result.uid) else { continue };
            let Some(series) = self.state.series(vantage, target) else { continue };
            let url = &self.state.target(target).entry.spec.url;
            let (place, seen) = (place(result, series, url), seen(result, series));
            agent.sightings.add(now, result.started(), result.uid.0, place, seen);
        }
    }

    /// Who is suspected from now on, and who is well again. Once a second.
    pub(super) fn judge_agents(&mut self, now: Timestamp) {
        self.clear_the_well(now);
        self.close_orphaned_suspicions(now);
        let bad = |(_, agent): &(AgentIdx, &Agent)| {
            agent.is_ready() && agent.suspect.is_none() && agent.sightings.are_bad(now)
        };
        if !self.fleet.agents().iter().any(bad) {
            return;
        }
        let locals = &self.config.local_agents;
        let witnesses: Vec<Witness<'_, AgentIdx>> = self
            .fleet
            .agents()
            .into_iter()
            .filter(|(_, agent)| agent.is_ready())
            .map(|(id, agent)| Witness {
                id,
                vantage: &agent.vantage,
                zone: &agent.zone,
                local: locals.contains(&agent.id),
                suspect: agent.suspect.is_some(),
                view: agent.sightings.view(now),
                places_min: places_min(agent),
            })
            .collect();
        let suspects = judge(&witnesses);
        if suspects.is_empty() {
            return;
        }
        let mut begun = Vec::new();
        for (idx, circle) in suspects {
            let Some(agent) = self.fleet.agent_mut(idx) else { continue };
            let from = agent.sightings.failing_since(now).unwrap_or(now) - BEFORE;
            let suspect = Suspect { from, circle };
            agent.suspect = Some(suspect);
            self.log_suspicion(now, idx, from, Timestamp::MAX);
            self.counters.suspicions += 1;
            begun.push((idx, suspect));
        }
        self.tell_suspicions(now, SuspicionChange::Begins, &begun);
        self.replan_all(now);
    }

    fn log_suspicion(&mut self, now: Timestamp, idx: AgentIdx, from: Timestamp, until: Timestamp) {
        let Some(agent) = self.fleet.agent(idx) else { return };
        let (vantage, agent_id) = (agent.vantage.clone(), agent.id.clone());
        self.append(now, Kind::Suspicion(Suspicion { vantage, agent_id, from, until }));
    }

    fn clear_the_well(&mut self, now: Timestamp) {
        let well: Vec<(AgentIdx, Suspect, Timestamp)> = self
            .fleet
            .agents()
            .into_iter()
            .filter_map(|(idx, agent)| {
                let suspect = agent.suspect?;
                Some((idx, suspect, agent.sightings.well_since(suspect.from + BEFORE, now)?))
            })
            .collect();
        for (idx, suspect, until) in &well {
            self.log_suspicion(now, *idx, suspect.from, *until);
            let Some(agent) = self.fleet.agent_mut(*idx) else { continue };
            agent.suspect = None;
            agent.sightings.forget_before(*until);
        }
        if !well.is_empty() {
            let ended: Vec<_> = well.into_iter().map(|(idx, suspect, _)| (idx, suspect)).collect();
            self.tell_suspicions(now, SuspicionChange::Ends, &ended);
            self.replan_all(now);
        }
    }

    /// An agent that is gone is not suspected any more: whoever comes back in its name starts anew.
    pub(super) fn end_suspicion(&mut self, now: Timestamp, idx: AgentIdx) {
        let suspect = self.fleet.agent_mut(idx).and_then(|agent| agent.suspect.take());
        if let Some(suspect) = suspect {
            self.log_suspicion(now, idx, suspect.from, now);
            self.tell_suspicions(now, SuspicionChange::Ends, &[(idx, suspect)]);
        }
    }

    /// A suspicion of the leader before this one goes on with its agent …
    pub(super) fn resume_suspicion(&mut self, idx: AgentIdx) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        if let (None, Some(open)) = (&agent.suspect, self.state.suspicions.open_of(&agent.id)) {
            agent.suspect = Some(Suspect { from: open.from, circle: Circle::Agent });
        }
    }

    /// … and is over when that does not come back.
    fn close_orphaned_suspicions(&mut self, now: Timestamp) {
        if self.holds(now) {
            return;
        }
        let known = |id: &str| {
            let agent = self.fleet.by_id(id).and_then(|idx| self.fleet.agent(idx));
            agent.is_some_and(|agent| agent.suspect.is_some())
        };
        let in_log = |suspicion: &Suspicion| {
            self.appending.iter().any(|appending| match &appending.record.kind {
                Kind::Suspicion(other) => other.agent_id == suspicion.agent_id,
                _ => false,
            })
        };
        let open = self.state.suspicions.open();
        let orphans: Vec<Suspicion> =
            open.filter(|s| !known(&s.agent_id) && !in_log(s)).cloned().collect();
        for orphan in orphans {
            self.append(now, Kind::Suspicion(Suspicion { until: now, ..orphan }));
        }
    }

    /// Asks suspects to probe a few targets, of which the slots are in their window.
    pub(super) fn send_canaries(&mut self, now: Timestamp) {
        if now.floor(CANARY_EVERY) == self.last_tick.floor(CANARY_EVERY) {
            return;
        }
        let suspects: Vec<(AgentIdx, String)> = self
            .fleet
            .agents()
            .into_iter()
            .filter(|(_, agent)| agent.suspect.is_some() && agent.is_ready())
            .map(|(idx, agent)| (idx, agent.vantage.clone()))
            .collect();
        for (nth, (idx, name)) in suspects.into_iter().enumerate() {
            let Some(vantage) = self.state.vantage_idx(&name) else { continue };
            let turn = now.millis() / 1000 + nth as i64;
            let orders = self.canaries(now, vantage, usize::try_from(turn).unwrap_or(0));
            let session = self.fleet.agent(idx).and_then(|agent| agent.session);
            if let (Some(session), false) = (session, orders.is_empty()) {
                self.counters.canaries += orders.len() as u64;
                self.send(session, CollectorMessage::Run(orders));
            }
        }
    }

    /// A few targets of a vantage that were up last, others every time, with the slot that is running.
    fn canaries(&self, now: Timestamp, vantage: VantageIdx, turn: usize) -> Vec<RunTarget> {
        let all = self.state.vantage(vantage).series.len();
        let mut orders = Vec::new();
        let mut places = Vec::new();
        for step in 0..all.min(CANARIES * 40) {
            // A stride that is prime to every length but its own multiples: far apart, and all in the end.
            let index = (turn.wrapping_mul(CANARIES) + step).wrapping_mul(7919) % all;
            let target = TargetIdx(u32::try_from(index).unwrap_or(u32::MAX));
            let (state, series) = (self.state.target(target), self.state.series(vantage, target));
            let Some(series) = series.filter(|_| state.is_confirmable()) else { continue };
            let Some((planned, closes)) = running_slot(series, now) else { continue };
            let Some(stretch) = series.current() else { continue };
            let place = known_place(series, &state.entry.spec.url);
            let was_down = series.last_up.is_none() && series.last_not_up.is_some();
            if places.contains(&place) || was_down {
                continue;
            }
            places.push(place);
            let slots = vec![(planned, closes)];
            orders.push(RunTarget { target: scheduled(state, stretch), slots });
            if orders.len() == CANARIES {
                break;
            }
        }
        orders
    }
}

/// The newest slot of a series that may still be started, and until when.
pub(super) fn running_slot(series: &Series, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let current = series.current()?;
    let from = now - current.interval.min(proto::WINDOW_MAX);
    let mut slot = None;
    let mut cursor = from;
    while let Some((planned, stretch)) = series.next(cursor).filter(|(planned, _)| *planned <= now)
    {
        let (opens, closes) = stretch.window(planned);
        if opens <= now && now < closes {
            slot = Some((planned, closes));
        }
        cursor = planned + Duration::from_millis(1);
    }
    slot
}

fn places_min(agent: &Agent) -> usize {
    let held = usize::try_from(agent.targets()).unwrap_or(usize::MAX);
    (held / 5).clamp(PLACES_MIN, PLACES_MANY)
}

/// The address that was dialled, without its port: what runs on one machine fails with it; else the one that was dialled
/// last; else the host.
fn place(result: &ProbeResult, series: &Series, url: &str) -> u64 {
    match result.note.as_ref().and_then(|note| note.remote_address) {
        Some(address) => place_of(address),
        None => known_place(series, url),
    }
}

fn known_place(series: &Series, url: &str) -> u64 {
    let mut details = [&series.last_up, &series.last_not_up].into_iter().flatten();
    let dialled = details.find_map(|detail| detail.note.remote_address);
    dialled.map_or_else(|| xxh3_64(authority(url).as_bytes()), place_of)
}

fn place_of(address: SocketAddr) -> u64 {
    match address.ip() {
        IpAddr::V4(ip) => xxh3_64(&ip.octets()),
        IpAddr::V6(ip) => xxh3_64(&ip.octets()),
    }
}

/// The host of a URL, without its port.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// What a result says about its place, given what was found there before.
fn seen(result: &ProbeResult, series: &Series) -> Seen {
    let Outcome::Failed(failure) = result.outcome else { return Seen::Up };
    let deaf = matches!(failure, Failure::Dns | Failure::Connect | Failure::Timeout);
    let before = result.planned - Duration::from_millis(1);
    let last = series.received(Timestamp::from_millis(i64::MIN), before).next_back();
    match last.map(|entry| entry.outcome) {
        _ if failure == Failure::Blocked => Seen::Old,
        None => Seen::New { deaf },
        Some(Outcome::Failed(_)) => Seen::Old,
        Some(Outcome::Answered { .. }) => Seen::Turned { deaf },
    }
}
