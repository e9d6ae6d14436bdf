//! Probes that the collector asks for now: outside the slots, so that they touch no schedule, no watermark, no outbox.

use std::collections::HashMap;

use proto::{AgentMessage, Missed, ProbeAnswer, ProbeNow, ProbeResult, Uid};

use super::{AgentCore, Attempt, Effect, Start, StreamId};
use crate::admit::Admit;
use crate::flights::Ticket;

/// Probes at once that were asked for; who asks for more is told that there is no room.
const ASKED_MAX: usize = 16;
/// Tickets from here on are not those of slots.
const FIRST: u64 = 1 << 63;

/// A probe on its way.
#[derive(Debug)]
struct Asked {
    stream: StreamId,
    id: u64,
    uid: Uid,
    revision: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AskedProbes {
    running: HashMap<Ticket, Asked>,
    last: u64,
}

impl<A: Admit> AgentCore<A> {
    /// Starts what is asked for, or says why not.
    pub(super) fn asked(&mut self, stream: StreamId, question: ProbeNow) {
        let ProbeNow { id, target, start_within } = question;
        let no_room = self.asked.running.len() >= ASKED_MAX || self.drain.is_some();
        let now = self.clock.now(self.now);
        let (handle, now) = match (self.admit.admit(&target), now) {
            (Err(_), _) => return self.answer(stream, id, Err(Missed::Refused)),
            (Ok(handle), Some(now)) if !no_room => (handle, now),
            _ => return self.answer(stream, id, Err(Missed::Overloaded)),
        };
        self.asked.last += 1;
        let ticket = Ticket(FIRST + self.asked.last);
        let (uid, revision) = (target.uid, target.revision);
        self.asked.running.insert(ticket, Asked { stream, id, uid, revision });
        let start_before = self.now.plus(start_within);
        self.effects.push(Effect::Start(Start { ticket, uid, planned: now, start_before, handle }));
    }

    /// A try is over; whether it was one that was asked for.
    pub(super) fn asked_ended(&mut self, ticket: Ticket, attempt: &Attempt) -> bool {
        let Some(Asked { stream, id, uid, revision }) = self.asked.running.remove(&ticket) else {
            return false;
        };
        let found = match attempt {
            Attempt::Found { started, outcome, phases, body_bytes, note } => Ok(ProbeResult {
                uid,
                revision,
                planned: self.clock.now(*started).unwrap_or_default(),
                start_delay_ms: 0,
                outcome: *outcome,
                phases: *phases,
                body_bytes: *body_bytes,
                note: Some(note.clone()),
            }),
            Attempt::Paused => Err(Missed::AgentPaused),
            Attempt::Fault => Err(Missed::AgentFault),
            Attempt::NoPermit | Attempt::NotBegun => Err(Missed::Overloaded),
        };
        self.answer(stream, id, found);
        true
    }

    fn answer(&mut self, stream: StreamId, id: u64, found: Result<ProbeResult, Missed>) {
        let answer = ProbeAnswer { id, found };
        self.effects.push(Effect::Send(stream, AgentMessage::ProbeAnswer(answer)));
    }
}
