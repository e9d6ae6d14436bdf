//! Results: judged, logged, and acknowledged in that order.

use std::time::Duration;

use proto::{Batch, CollectorMessage, Kind, Refusal, ResultBatch, ResultsMessage, Timestamp, wire};

use super::{APPENDING_BYTES_MAX, Core, Effect, SessionEnd, UNACKED_BYTES_MAX};
use crate::fleet::{AgentIdx, PendingAck, SessionId};
use crate::state::Accepted;

/// Even with a good clock, an instant crosses the wire in whole milliseconds.
const CLOCK_ERROR_MIN: Duration = Duration::from_millis(50);
/// No agent's clock is taken to be worse than this: it would make every window meaningless.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(5);

impl Core {
    pub(super) fn results(
        &mut self,
        now: Timestamp,
        session: SessionId,
        idx: AgentIdx,
        message: ResultsMessage,
    ) {
        let ResultsMessage { seq, watermark, columns, clock_error } = message;
        let batch = match wire::decode_batch(&columns) {
            Ok(batch) => batch,
            Err(error) => return self.protocol_error(now, session, format!("results: {error}")),
        };
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        let bytes = columns.len() as u64;
        if seq != agent.seq + 1 {
            let what = format!("results {seq} after results {}", agent.seq);
            return self.protocol_error(now, session, what);
        }
        // An agent may have one batch over its limit on its way; twice the limit is no agent of ours.
        if agent.pending_bytes + bytes > 2 * UNACKED_BYTES_MAX {
            let what = format!("over {} unacknowledged bytes", 2 * UNACKED_BYTES_MAX);
            return self.protocol_error(now, session, what);
        }
        if self.appending_bytes > APPENDING_BYTES_MAX {
            self.effects.push(Effect::End(session, SessionEnd::LogBehind));
            return self.closed(now, session);
        }
        agent.seq = seq;
        agent.pending_bytes += bytes;
        let (vantage, boot) = (agent.vantage.clone(), agent.boot);
        let clock_error = clock_error.clamp(CLOCK_ERROR_MIN, CLOCK_ERROR_MAX);
        if let Some(vantage) = self.state.vantage_idx(&vantage) {
            self.note_sightings(now, idx, vantage, &batch);
        }
        let accepted = match self.state.vantage_idx(&vantage) {
            Some(idx) => self.state.accept(idx, batch, now, clock_error, boot),
            None => nowhere(&batch),
        };
        let Accepted { fresh, refused, known } = accepted;
        self.counters.known += u64::from(known);
        self.counters.results += fresh.results.len() as u64;
        for result in &fresh.results {
            self.counters.receive(result.outcome);
        }
        for (reason, count) in &refused {
            self.counters.refuse(*reason, *count);
        }
        let ticket = (!fresh.is_empty()).then(|| {
            // Nothing was left out: the bytes can go into the log as they came.
            let untouched = refused.is_empty() && known == 0;
            let columns = if untouched { columns } else { wire::encode_batch(&fresh) };
            let Some(agent) = self.fleet.agent(idx) else { unreachable!("it was there above") };
            let batch = ResultBatch {
                vantage,
                agent_id: agent.id.clone(),
                zone: agent.zone.clone(),
                boot,
                columns,
            };
            self.append_decoded(now, Kind::Results(batch), Some(fresh))
        });
        if let Some(agent) = self.fleet.agent_mut(idx) {
            match agent.pending.back_mut() {
                // Nothing to log: it is acknowledged with what is before it.
                Some(last) if ticket.is_none() => {
                    last.seq = seq;
                    last.watermark = watermark;
                    last.bytes += bytes;
                    last.refused.extend(refused);
                }
                _ => agent.pending.push_back(PendingAck { seq, ticket, watermark, refused, bytes }),
            }
        }
        let durable = self.appending.front().map_or(self.next_ticket - 1, |first| first.ticket - 1);
        self.acknowledge_agent(idx, durable);
    }

    /// Everything up to this ticket is durable: says so to whoever waits for it.
    pub(super) fn acknowledge(&mut self, up_to: u64) {
        let waiting: Vec<AgentIdx> = self
            .fleet
            .agents_mut()
            .filter(|(_, agent)| !agent.pending.is_empty())
            .map(|(idx, _)| idx)
            .collect();
        for idx in waiting {
            self.acknowledge_agent(idx, up_to);
        }
    }

    fn acknowledge_agent(&mut self, idx: AgentIdx, durable: u64) {
        let Some(agent) = self.fleet.agent_mut(idx) else { return };
        let Some(session) = agent.session else { return };
        let mut last = None;
        let mut refused: Vec<(Refusal, u32)> = Vec::new();
        while let Some(ack) =
            agent.pending.pop_front_if(|ack| ack.ticket.is_none_or(|ticket| ticket <= durable))
        {
            agent.pending_bytes -= ack.bytes;
            agent.watermark = agent.watermark.max(ack.watermark);
            last = Some(ack.seq);
            refused.extend(ack.refused);
        }
        if let Some(seq) = last {
            self.send(session, CollectorMessage::Ack { seq, refused });
        }
    }
}

/// Results from a vantage that no target was ever due from.
fn nowhere(batch: &Batch) -> Accepted {
    let count = u32::try_from(batch.results.len() + batch.missed.len()).unwrap_or(u32::MAX);
    let refused = if count > 0 { vec![(Refusal::UnknownTarget, count)] } else { Vec::new() };
    Accepted { refused, ..Accepted::default() }
}
