//! Probes that somebody asks for now: every vantage at once, outside the slots. Nothing here is logged or counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use proto::{
    CollectorMessage, Missed, ProbeAnswer, ProbeNow, ProbeResult, ScheduledTarget, Timestamp, Uid,
};

use super::{Core, Effect};
use crate::fleet::{Agent, AgentIdx};
use crate::state::{TargetIdx, TargetState, VantageIdx};

/// Questions about one target in a minute.
const OF_ONE_MAX: usize = 10;
/// Questions in all in a minute: each is a probe from every vantage of its target.
const OF_ALL_MAX: usize = 60;
/// The time that both count in.
const PER: Duration = Duration::from_secs(60);
/// An agent without room for so long is not asked to wait for it.
const START_WITHIN: Duration = Duration::from_millis(1500);
/// Over the target's timeout; then whoever has not answered is not waited for.
const SLACK: Duration = Duration::from_millis(1750);

/// Names a question, for as long as somebody waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// What comes of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// No such target is listed.
    Unknown,
    /// Too many questions: ask again after this.
    TooMany(Duration),
    /// What every vantage said.
    Answered {
        /// When it was asked.
        at: Timestamp,
        /// In the order of the vantages.
        vantages: Vec<AskedAt>,
    },
}

/// What one vantage said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedAt {
    /// Its name.
    pub vantage: String,
    /// The agent that was asked, and its zone.
    pub agent: Option<(String, String)>,
    /// What it said.
    pub answer: Answer,
}

/// See [`AskedAt::answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No agent that may probe it is connected.
    NoAgent,
    /// Nothing, so far.
    NoAnswer,
    /// This is why it found nothing.
    Missed(Missed),
    /// What it found.
    Found(Box<ProbeResult>),
}

/// A question that waits for its answers.
#[derive(Debug)]
struct Open {
    at: Timestamp,
    until: Timestamp,
    vantages: Vec<AskedAt>,
    /// What is still to be heard of: a question to an agent, and whose place it is.
    waiting: HashMap<u64, (AgentIdx, usize)>,
}

/// Every question that waits. Bounded by the limits above: a minute's questions at most.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: BTreeMap<AskId, Open>,
    /// The questions of the last minute, oldest first.
    recent: VecDeque<(Timestamp, Uid)>,
    last_id: u64,
}

impl Asks {
    /// Counts a question; says how long to wait, if it is one too many.
    fn admit(&mut self, now: Timestamp, uid: Uid) -> Result<(), Duration> {
        while self.recent.pop_front_if(|(at, _)| *at + PER <= now).is_some() {}
        let of_one: Vec<Timestamp> =
            self.recent.iter().filter(|(_, known)| *known == uid).map(|(at, _)| *at).collect();
        let full_since = if of_one.len() >= OF_ONE_MAX {
            of_one.first().copied()
        } else if self.recent.len() >= OF_ALL_MAX {
            self.recent.front().map(|(at, _)| *at)
        } else {
            None
        };
        match full_since {
            Some(first) => Err((first + PER).since(now)),
            None => {
                self.recent.push_back((now, uid));
                Ok(())
            }
        }
    }
}

impl Core {
    /// Somebody wants to know what every vantage of a target finds now.
    pub(super) fn ask(&mut self, now: Timestamp, ask: AskId, name: &str) {
        let idx = self.state.by_name(name).filter(|idx| self.state.target(*idx).listed);
        let Some(idx) = idx else { return self.answer(ask, Asked::Unknown) };
        if let Err(wait) = self.asks.admit(now, self.state.target(idx).uid) {
            return self.answer(ask, Asked::TooMany(wait));
        }
        let until = now + self.state.target(idx).entry.spec.timeout + SLACK;
        let mut open = Open { at: now, until, vantages: Vec::new(), waiting: HashMap::new() };
        let vantages: Vec<(VantageIdx, String)> = self.vantages_of(idx);
        for (vantage, name) in vantages {
            let (agent, answer) = match self.whom_to_ask(vantage, idx) {
                Err(answer) => (None, answer),
                Ok((agent, session)) => {
                    self.asks.last_id += 1;
                    let id = self.asks.last_id;
                    let target = outside_the_slots(now, self.state.target(idx));
                    let question = ProbeNow { id, target, start_within: START_WITHIN };
                    self.send(session, CollectorMessage::ProbeNow(question));
                    open.waiting.insert(id, (agent, open.vantages.len()));
                    let told = |agent: &Agent| (agent.id.clone(), agent.zone.clone());
                    (self.fleet.agent(agent).map(told), Answer::NoAnswer)
                }
            };
            open.vantages.push(AskedAt { vantage: name, agent, answer });
        }
        self.asks.open.insert(ask, open);
        self.answer_asks(now);
    }

    fn vantages_of(&self, target: TargetIdx) -> Vec<(VantageIdx, String)> {
        let state = self.state.target(target);
        let of_target =
            self.state.vantages().filter(|(_, vantage)| state.is_for(&vantage.name, vantage.reach));
        of_target.map(|(idx, vantage)| (idx, vantage.name.clone())).collect()
    }

    /// The owner of the target's shard, or else the agent of the vantage that has most room.
    fn whom_to_ask(
        &self,
        vantage: VantageIdx,
        target: TargetIdx,
    ) -> Result<(AgentIdx, crate::fleet::SessionId), Answer> {
        let state = self.state.target(target);
        let name = &self.state.vantage(vantage).name;
        let place = self.fleet.place(vantage);
        let owner = place.and_then(|place| place.claims.owner(state.shard));
        let refuses = |agent: &Agent| {
            let refused = agent.refused.get(&state.uid);
            refused.is_some_and(|(revision, _)| *revision >= state.entry.revision)
        };
        let mut refused = false;
        let mut best: Option<(bool, u32, AgentIdx, crate::fleet::SessionId)> = None;
        for (idx, agent) in self.fleet.agents() {
            let Some(session) =
                agent.session.filter(|_| agent.vantage == *name && agent.is_ready())
            else {
                continue;
            };
            if refuses(agent) {
                refused = true;
                continue;
            }
            let room = agent.capacity.saturating_sub(agent.load.in_flight);
            let this = (owner == Some(idx), room, idx, session);
            if best.is_none_or(|best| (this.0, this.1) > (best.0, best.1)) {
                best = Some(this);
            }
        }
        match best {
            Some((_, _, idx, session)) => Ok((idx, session)),
            None if refused => Err(Answer::Missed(Missed::Refused)),
            None => Err(Answer::NoAgent),
        }
    }

    /// An agent says what it found. Of a question that nobody waits for any more, or that another was asked: nothing.
    pub(super) fn probe_answer(&mut self, now: Timestamp, agent: AgentIdx, answer: ProbeAnswer) {
        let ProbeAnswer { id, found } = answer;
        for open in self.asks.open.values_mut() {
            if let Some((_, place)) = open.waiting.get(&id).filter(|(asked, _)| *asked == agent) {
                let place = *place;
                open.waiting.remove(&id);
                open.vantages[place].answer = match found {
                    Ok(result) => Answer::Found(Box::new(result)),
                    Err(reason) => Answer::Missed(reason),
                };
                break;
            }
        }
        self.answer_asks(now);
    }

    /// Answers the questions that are answered, and those that have waited long enough.
    pub(super) fn answer_asks(&mut self, now: Timestamp) {
        let over =
            self.asks.open.extract_if(.., |_, open| open.waiting.is_empty() || open.until <= now);
        let over: Vec<(AskId, Open)> = over.collect();
        for (ask, Open { at, vantages, .. }) in over {
            self.answer(ask, Asked::Answered { at, vantages });
        }
    }

    fn answer(&mut self, ask: AskId, asked: Asked) {
        self.effects.push(Effect::Answer(ask, asked));
    }
}

fn outside_the_slots(now: Timestamp, target: &TargetState) -> ScheduledTarget {
    ScheduledTarget {
        uid: target.uid,
        revision: target.entry.revision,
        interval: target.entry.interval,
        phase: Duration::ZERO,
        from: now,
        spec: target.entry.spec.clone(),
    }
}
