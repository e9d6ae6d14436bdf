//! The seams: what passes from one program to another, and what a mutant makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent::{Event as AgentEvent, StreamId};
use bytes::Bytes;
use collector::core::Event;
use proto::{
    AgentMessage, Batch, CollectorMessage, HeldShard, Kind, Missed, Record, ResultsMessage,
    RunTarget, ScheduledTarget, ShardId, Timestamp, Uid, WINDOW_MAX, wire,
};

use super::{Mutant, Wrong};
use crate::world::World;

/// What a mutant remembers.
#[derive(Default)]
pub struct Bent {
    /// The greatest acknowledgement that an agent ever heard, by node.
    acked: BTreeMap<usize, u64>,
    /// Acknowledgements from this one on are withheld, by node and stream.
    withheld: BTreeMap<(usize, u64), u64>,
    /// What was ever sent to an agent's process, by node and boot.
    granted: BTreeMap<(usize, u64), BTreeMap<ShardId, HeldShard>>,
    targets: BTreeMap<Uid, ScheduledTarget>,
    run_twice: BTreeSet<(usize, Uid, Timestamp)>,
    /// Reported as durable when the event is over.
    durable: Option<u64>,
}

impl World {
    /// The mistake in counting that stands in for the collector's answers.
    pub fn mistake(&self) -> Option<Wrong> {
        match self.mutant {
            Some(Mutant::Counts(wrong)) => Some(wrong),
            _ => None,
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What arrives of what an agent says.
    pub fn bend_up(&mut self, n: usize, message: AgentMessage) -> AgentMessage {
        match (self.mutant, message) {
            (Some(Mutant::DeltaAgainstSent), AgentMessage::Hello(mut hello)) => {
                let granted = self.bent.granted.get(&(n, hello.boot));
                hello.held = granted.into_iter().flat_map(BTreeMap::values).copied().collect();
                AgentMessage::Hello(hello)
            }
            (Some(_), AgentMessage::Results(results)) => {
                AgentMessage::Results(self.bend_results(results))
            }
            (_, message) => message,
        }
    }

    fn bend_results(&self, mut results: ResultsMessage) -> ResultsMessage {
        let now = self.clock();
        let mut batch = wire::decode_batch(&results.columns).expect("agents send what they may");
        let Batch { results: found, missed } = &mut batch;
        match self.mutant {
            Some(Mutant::LateResultDroppedSilently) => {
                found.retain(|result| now.since(result.started()) < Duration::from_secs(30));
            }
            Some(Mutant::DroppedRangesUnreported) => {
                missed.retain(|range| range.reason != Missed::BufferFull);
            }
            Some(Mutant::StaleSpecificationAccepted) => {
                found.iter_mut().for_each(|result| result.revision = u32::MAX);
            }
            Some(Mutant::ResendEverything) => found.extend(found.clone()),
            Some(Mutant::WatermarkBeforeDurable) => results.watermark = now,
            _ => return results,
        }
        if !batch.is_empty() || !results.columns.is_empty() {
            results.columns = wire::encode_batch(&batch);
        }
        results
    }

    /// An agent has said something; what it hears of that at once.
    pub fn after_sending(&mut self, n: usize, stream: StreamId, message: &AgentMessage) {
        if let (true, AgentMessage::Results(results)) = (self.is(Mutant::FreeOnSend), message) {
            let ack = CollectorMessage::Ack { seq: results.seq, refused: Vec::new() };
            self.tell_agent(n, AgentEvent::Received(stream, ack));
        }
    }

    /// The collector is about to say something.
    pub fn before_sending(&mut self, n: usize, message: &CollectorMessage) {
        if self.is(Mutant::DeltaAgainstSent)
            && let CollectorMessage::Assign(assign) = message
        {
            let granted = self.bent.granted.entry((n, self.nodes[n].boot)).or_default();
            for revoke in &assign.revokes {
                granted.remove(&revoke.shard);
            }
            for grant in &assign.grants {
                let (shard, from, content_hash) = (grant.shard, grant.from, grant.content_hash);
                granted.insert(shard, HeldShard { shard, from, content_hash });
            }
        }
    }

    /// What an agent hears of what the collector says.
    pub fn bend_down(&mut self, n: usize, message: CollectorMessage) -> Option<CollectorMessage> {
        Some(match (self.mutant, message) {
            (Some(Mutant::TakeoverWithNextSlot), CollectorMessage::Run(_)) => return None,
            (Some(Mutant::OffsetStep), CollectorMessage::Beat(mut beat)) => {
                if (self.now.millis() / 60_000) % 3 == 0 {
                    beat.now_us += 20_000_000;
                }
                CollectorMessage::Beat(beat)
            }
            (Some(Mutant::RefusedNotAcknowledged), CollectorMessage::Ack { seq, refused }) => {
                let stream = (n, self.nodes[n].streams);
                if !refused.is_empty() {
                    self.bent.withheld.entry(stream).or_insert(seq);
                }
                if self.bent.withheld.get(&stream).is_some_and(|from| seq >= *from) {
                    return None;
                }
                CollectorMessage::Ack { seq, refused }
            }
            (Some(Mutant::OldAckHonoured), CollectorMessage::Ack { seq, refused }) => {
                let acked = self.bent.acked.entry(n).or_default();
                *acked = seq.max(*acked);
                CollectorMessage::Ack { seq: *acked, refused }
            }
            (Some(Mutant::RunEverythingTwice), CollectorMessage::Assign(assign)) => {
                let targets = assign.grants.iter().flat_map(|grant| grant.targets.clone());
                self.bent.targets.extend(targets.map(|target| (target.uid, target)));
                CollectorMessage::Assign(assign)
            }
            (_, message) => message,
        })
    }

    /// An agent starts a probe: with one mutant another agent does the same.
    pub fn after_start(&mut self, n: usize, uid: Uid, planned: Timestamp) {
        if !self.is(Mutant::RunEverythingTwice) || self.bent.run_twice.contains(&(n, uid, planned))
        {
            return;
        }
        let vantage = self.nodes[n].vantage;
        let other = self.nodes.iter().position(|node| {
            node.id != self.nodes[n].id && node.vantage == vantage && node.session.is_some()
        });
        let (Some(other), Some(target)) = (other, self.bent.targets.get(&uid).cloned()) else {
            return;
        };
        self.bent.run_twice.insert((other, uid, planned));
        let closes = planned + target.interval.min(WINDOW_MAX);
        let run = CollectorMessage::Run(vec![RunTarget { target, slots: vec![(planned, closes)] }]);
        let stream = StreamId(self.nodes[other].streams);
        self.tell_agent(other, AgentEvent::Received(stream, run));
    }

    /// The collector makes a record.
    pub fn append(&mut self, ticket: u64, record: Bytes) {
        let decoded = || wire::decode_record(record.clone()).expect("it was just encoded");
        let of_incidents = || matches!(decoded().kind, Kind::Incidents(_));
        match self.mutant {
            Some(Mutant::IncidentsForgotten) if of_incidents() => {
                let nothing = Record { kind: Kind::Incidents(Vec::new()), ..decoded() };
                self.log.queue(ticket, wire::encode_record(nothing));
            }
            Some(Mutant::IncidentsTwice) if of_incidents() => {
                self.log.queue(ticket, record.clone());
                self.log.queue(ticket, record);
            }
            _ => self.log.queue(ticket, record),
        }
        if self.is(Mutant::AckBeforeAppend) {
            self.bent.durable = Some(ticket);
        }
    }

    /// Everything that an event led to is under way.
    pub fn after_effects(&mut self) {
        if let Some(ticket) = self.bent.durable.take() {
            self.tell_core(Event::Durable(ticket));
        }
    }
}
