//! Watching for incidents: who fails is gathered, judged by [`crate::incidents`], and logged. Decisions are taken on what is
//! durable alone, one after the other, so nothing is ever opened twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::{
    IncidentFact, IncidentKind, IncidentMember, IncidentWhat, Kind, LeftWhy, Outcome, TEXT_MAX,
    Timestamp,
};

use super::Core;
use super::blind::Blindness;
use crate::incidents::cause::{self, Evidence};
use crate::incidents::{Candidate, certificate_facts, decide, grown, hold};
use crate::state::{Detail, Entry, Incident, TargetIdx, VantageIdx};
use crate::verdict::Verdict;

/// Facts in one record.
const FACTS_MAX: usize = 4096;

/// What is watched.
#[derive(Debug)]
pub(super) struct Watch {
    /// Targets to look at: something about them may have changed.
    touched: Vec<TargetIdx>,
    /// All of them are to be looked at: at a start.
    all: bool,
    /// Who fails and has no incident yet, since when.
    gathered: BTreeMap<TargetIdx, Timestamp>,
    /// Records of facts that are on their way into the log.
    pub(super) in_log: usize,
    /// How many targets are probed at all.
    pub(super) targets: usize,
    /// Whether the monitor itself sees.
    pub(super) blindness: Blindness,
}

/// What a target's verdict wants.
enum Wish {
    Failing {
        down: bool,
    },
    Well,
    /// Nobody knows: it neither begins nor ends anything.
    Unknown,
    /// It has nothing to do with incidents now.
    Out(LeftWhy),
}

impl Watch {
    pub(super) fn new(now: Timestamp, round: Duration) -> Self {
        Self {
            touched: Vec::new(),
            all: true,
            gathered: BTreeMap::new(),
            in_log: 0,
            targets: 0,
            blindness: Blindness::new(now, round),
        }
    }

    /// Something about these may have changed.
    pub(super) fn touch(&mut self, targets: &[TargetIdx]) {
        if !self.all {
            self.touched.extend_from_slice(targets);
        }
    }

    /// Whether nothing was looked at since the start.
    pub(super) fn is_new(&self) -> bool {
        self.all
    }

    /// A record of facts is durable.
    pub(super) fn logged(&mut self) {
        self.in_log = self.in_log.saturating_sub(1);
    }
}

impl Core {
    /// Looks at what changed, and logs what follows. Once a second.
    pub(super) fn watch_incidents(&mut self, now: Timestamp) {
        if !self.config.watch.on {
            return;
        }
        self.watch_store(now);
        if self.stopping || self.watch.in_log > 0 || self.state.first_load.is_none() {
            return;
        }
        let mut facts = Vec::new();
        let mut expiring = Vec::new();
        for target in self.take_touched() {
            self.look_at_member(now, target, &mut facts);
            self.look_at_certificate(now, target, &mut facts, &mut expiring);
        }
        facts.extend(self.gathered_facts(now));
        let next = self.next_number(&facts);
        facts.extend(certificate_facts(&self.state.incidents, next, expiring));
        let next = self.next_number(&facts);
        facts.extend(self.blind_facts(now, next));
        let more = grown(&self.state.incidents, &facts);
        facts.extend(more);
        let over = self.ends(now, &facts);
        facts.extend(over);
        self.log_facts(now, facts);
    }

    /// The number of the next incident, after those that these facts open.
    fn next_number(&self, facts: &[IncidentFact]) -> u64 {
        let opened = facts.iter().filter(|f| matches!(f.what, IncidentWhat::Opened { .. }));
        self.state.incidents.count() + 1 + opened.count() as u64
    }

    fn take_touched(&mut self) -> Vec<TargetIdx> {
        let mut touched = std::mem::take(&mut self.watch.touched);
        if std::mem::take(&mut self.watch.all) {
            touched = self.state.targets().map(|(idx, _)| idx).collect();
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    pub(super) fn log_facts(&mut self, now: Timestamp, facts: Vec<IncidentFact>) {
        let mut facts = facts.into_iter().peekable();
        while facts.peek().is_some() {
            let record: Vec<IncidentFact> = facts.by_ref().take(FACTS_MAX).collect();
            self.append(now, Kind::Incidents(record));
            self.watch.in_log += 1;
        }
    }

    fn wish(&self, now: Timestamp, target: TargetIdx) -> Wish {
        let state = self.state.target(target);
        if !state.listed || state.entry.paused {
            return Wish::Out(LeftWhy::Unasked);
        }
        if state.quiet.until(now).is_some() {
            return Wish::Out(LeftWhy::Maintenance);
        }
        match state.verdict {
            Verdict::Up | Verdict::Degraded => Wish::Well,
            Verdict::Partial => Wish::Failing { down: false },
            Verdict::Down => Wish::Failing { down: true },
            Verdict::Unknown => Wish::Unknown,
        }
    }

    /// Who fails is gathered unless it has its incident; who is well leaves it.
    fn look_at_member(&mut self, now: Timestamp, target: TargetIdx, facts: &mut Vec<IncidentFact>) {
        let uid = self.state.target(target).uid;
        let wish = self.wish(now, target);
        let Some(incident) = self.state.incidents.of(IncidentKind::Failing, uid) else {
            match wish {
                Wish::Failing { .. } => {
                    self.watch.gathered.entry(target).or_insert(now);
                }
                Wish::Well | Wish::Unknown | Wish::Out(_) => {
                    self.watch.gathered.remove(&target);
                }
            }
            return;
        };
        let number = incident.number;
        let withdrawn = || self.is_withdrawn(incident, target);
        let what = match wish {
            Wish::Failing { down } if down && !is_down(incident, uid) => {
                IncidentWhat::Joined(self.member(now, target, down).member)
            }
            Wish::Failing { .. } => return,
            Wish::Out(why) => IncidentWhat::Left { uid, why },
            Wish::Well if withdrawn() => IncidentWhat::Left { uid, why: LeftWhy::Withdrawn },
            Wish::Well => IncidentWhat::Left { uid, why: LeftWhy::Well },
            Wish::Unknown if withdrawn() => IncidentWhat::Left { uid, why: LeftWhy::Withdrawn },
            Wish::Unknown => return,
        };
        facts.push(IncidentFact { incident: number, what });
    }

    /// Whether the evidence by which it joined was found under what is a suspicion by now.
    fn is_withdrawn(&self, incident: &Incident, target: TargetIdx) -> bool {
        let uid = self.state.target(target).uid;
        let Some(member) = incident.members.get(&uid) else { return false };
        let vantage = self.state.vantage_idx(&member.vantage);
        let series = vantage.and_then(|vantage| self.state.series(vantage, target));
        series.is_some_and(|series| series.is_suspect(member.planned))
    }

    /// Those who have been gathered for long enough, or joined somebody who has, are judged together.
    fn gathered_facts(&mut self, now: Timestamp) -> Vec<IncidentFact> {
        let state = &self.state;
        let waited = |target: &TargetIdx, since: &Timestamp, least: Duration| {
            let waited = now.since(*since);
            waited >= least && waited >= state.confirmed_after(*target, now)
        };
        let gather = self.config.watch.gather;
        if !self.watch.gathered.iter().any(|(target, since)| waited(target, since, gather)) {
            return Vec::new();
        }
        // Whoever has just come is judged with the next ones: whether it is a fault of ours shows in seconds, too.
        let is_old = |target: &TargetIdx, since: &mut Timestamp| waited(target, since, gather / 5);
        let old = self.watch.gathered.extract_if(.., is_old).map(|(target, _)| target);
        let old: Vec<TargetIdx> = old.collect();
        let candidates = old.into_iter().filter_map(|target| match self.wish(now, target) {
            Wish::Failing { down } => Some(self.member(now, target, down)),
            Wish::Well | Wish::Unknown | Wish::Out(_) => None,
        });
        let candidates = candidates.collect();
        let next = self.state.incidents.count() + 1;
        decide(&self.state.incidents, next, candidates, now, self.watch.targets)
    }

    /// What a failing target brings into an incident.
    fn member(&self, now: Timestamp, target: TargetIdx, down: bool) -> Candidate {
        let state = self.state.target(target);
        let failing = |(_, entry): &(VantageIdx, &Entry)| !entry.outcome.is_up();
        let fresh = || self.state.fresh(target, now, None, false);
        let newest = fresh().filter(failing).max_by_key(|(vantage, e)| (e.planned, *vantage));
        let detail = newest.and_then(|(vantage, entry)| self.detail(vantage, target, entry));
        let note = detail.map(|detail| &detail.note);
        let outcome = newest.map(|(_, entry)| entry.outcome);
        let name_of = |vantage: VantageIdx| self.state.vantage(vantage).name.as_str();
        let only = !down && fresh().filter(failing).count() == 1;
        let evidence = Evidence {
            name: &state.entry.name,
            url: &state.entry.spec.url,
            outcome,
            note,
            vantage: newest.filter(|_| only).map(|(vantage, _)| name_of(vantage)),
            agent: self.only_agent(target, fresh().filter(failing)),
        };
        let interval = state.entry.interval;
        let flaps = self.state.incidents.flaps(IncidentKind::Failing, state.uid, now);
        let member = IncidentMember {
            uid: state.uid,
            down,
            vantage: newest.map(|(vantage, _)| name_of(vantage).to_owned()).unwrap_or_default(),
            planned: newest.map_or(now, |(_, entry)| entry.planned),
            outcome,
            address: cause::address(note),
            text: words(outcome, note.map(|note| note.cause.as_str())),
            hold: hold(flaps, interval),
        };
        Candidate {
            member,
            interval,
            near: cause::near(&evidence),
            wide: cause::wide(&evidence),
            labels: self.labels(target),
        }
    }

    fn detail(&self, vantage: VantageIdx, target: TargetIdx, entry: &Entry) -> Option<&Detail> {
        let detail = self.state.series(vantage, target)?.last_not_up.as_deref()?;
        (detail.entry.planned == entry.planned).then_some(detail)
    }

    /// The agent that made every failed attempt at these slots, if one made all.
    fn only_agent<'a>(
        &'a self,
        target: TargetIdx,
        failing: impl Iterator<Item = (VantageIdx, &'a Entry)>,
    ) -> Option<&'a str> {
        let mut only = None;
        for (vantage, entry) in failing {
            for attempt in self.state.series(vantage, target)?.attempts(entry.planned) {
                let agent = self.state.reported_by(attempt.reporter).agent_id.as_str();
                if *only.get_or_insert(agent) != agent {
                    return None;
                }
            }
        }
        only
    }

    pub(super) fn labels(&self, target: TargetIdx) -> Vec<(String, String)> {
        let entry = &self.state.target(target).entry;
        let category = Some(("category".to_owned(), entry.category.clone()));
        let category = category.filter(|(_, category)| !category.is_empty());
        let labels = entry.labels.iter().filter(|(name, _)| name != "category").cloned();
        category.into_iter().chain(labels).collect()
    }

    /// Incidents that nobody has had for long enough are over, but for those that somebody joins now.
    fn ends(&self, now: Timestamp, facts: &[IncidentFact]) -> Vec<IncidentFact> {
        let joined = facts.iter().filter(|fact| matches!(fact.what, IncidentWhat::Joined(_)));
        let joined: BTreeSet<u64> = joined.map(|fact| fact.incident).collect();
        let over = |incident: &&Incident| {
            incident.empty_since.is_some_and(|since| now.since(since) >= incident.hold)
                && !joined.contains(&incident.number)
        };
        let ended = self.state.incidents.empty().filter(over);
        ended
            .map(|incident| IncidentFact { incident: incident.number, what: IncidentWhat::Closed })
            .collect()
    }

    /// A receiver has taken messages: that is logged, so that a restart does not tell them again.
    pub(super) fn told(&mut self, now: Timestamp, sink: u64, up_to: u64) {
        let known = self.state.incidents.messages.told(sink);
        if known.is_none_or(|known| known < up_to) && !self.stopping {
            self.append(now, Kind::Told { sink, up_to });
        }
    }

    /// How many targets are probed, after the listing changed.
    pub(super) fn count_targets(&mut self) {
        let probed = self.state.targets().filter(|(_, t)| t.listed && !t.entry.paused);
        self.watch.targets = probed.count();
    }
}

fn is_down(incident: &Incident, uid: proto::Uid) -> bool {
    incident.members.get(&uid).is_some_and(|member| member.down)
}

fn words(outcome: Option<Outcome>, cause: Option<&str>) -> String {
    match (outcome, cause) {
        (_, Some(cause)) if !cause.is_empty() => clip(cause.to_owned()),
        (Some(outcome), _) => cause::way(outcome),
        (None, _) => String::new(),
    }
}

pub(super) fn clip(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    text
}
