//! The life of a slot: due, started, ended, tried again, or missed for a reason.

use std::time::Duration;

use proto::{Missed, MissedRange, Note, ProbeResult, RunTarget, Timestamp};

use super::{AgentCore, Attempt, Drain, Effect, Start};
use crate::admit::Admit;
use crate::clock::LocalMicros;
use crate::flights::{Began, Flight, Ticket};
use crate::schedule::Due;

/// How long a slot rests after a shortage on this machine before it is tried again.
const FAULT_REST: Duration = Duration::from_secs(1);
/// So many tries that end with one are enough: another agent may not be short of anything …
const FAULTS_MAX: u32 = 3;
/// … if there is this much left of the window for it; else it is tried here to the end.
const LEFT_FOR_OTHERS: Duration = Duration::from_secs(5);

/// The shortest range that holds one planned start.
const ONE: Duration = Duration::from_millis(1);

impl<A: Admit> AgentCore<A> {
    /// Takes what is due, gives up what is too late, and hands out as much as the shell takes.
    pub(super) fn start_due(&mut self) {
        let Some(now) = self.clock.now(self.now).filter(|_| self.knows_time()) else { return };
        while self.drain.is_none()
            && let Some(due) = self.schedule.pop_due(now)
        {
            match due {
                Due::Slot { uid, revision, planned, start_before, handle } => {
                    let from_run = false;
                    let flight = Flight {
                        uid,
                        revision,
                        planned,
                        start_before,
                        handle,
                        from_run,
                        began: None,
                        faults: 0,
                    };
                    self.flights.add(flight, None);
                }
                Due::Late { uid, from, to } => {
                    let reason = self.excuses.reason(from, to);
                    self.report_missed(MissedRange { uid, from, to, reason });
                }
                Due::Refused { uid, from, to } => {
                    self.report_missed(MissedRange { uid, from, to, reason: Missed::Refused });
                }
            }
        }
        self.flights.wake(self.now);
        while let Some(flight) = self.flights.take_expired(now) {
            let reason = self.excuses.reason(flight.planned, flight.start_before);
            self.miss(&flight, reason);
        }
        while let Some((ticket, flight)) = self.flights.hand() {
            let Flight { uid, planned, start_before, handle, .. } = flight;
            let start_before = self.clock.local_at(*start_before).unwrap_or_default();
            let (uid, planned, handle) = (*uid, *planned, handle.clone());
            self.effects.push(Effect::Start(Start { ticket, uid, planned, start_before, handle }));
        }
    }

    /// Slots that the collector wants run now.
    pub(super) fn run(&mut self, targets: Vec<RunTarget>) {
        let (None, Some(now)) = (&self.drain, self.clock.now(self.now)) else { return };
        for RunTarget { target, slots } in targets {
            let admitted = self.admit.admit(&target);
            let (uid, revision) = (target.uid, target.revision);
            for (planned, start_before) in slots {
                if self.flights.contains(uid, planned) || self.outbox.holds(uid, planned) {
                    continue;
                }
                let missed = |reason| MissedRange { uid, from: planned, to: planned + ONE, reason };
                match &admitted {
                    Err(_) => self.report_missed(missed(Missed::Refused)),
                    Ok(_) if start_before <= now => self.report_missed(missed(Missed::Overloaded)),
                    Ok(handle) => {
                        let handle = handle.clone();
                        let from_run = true;
                        let flight = Flight {
                            uid,
                            revision,
                            planned,
                            start_before,
                            handle,
                            from_run,
                            began: None,
                            faults: 0,
                        };
                        self.flights.add(flight, None);
                    }
                }
            }
        }
    }

    pub(super) fn started(&mut self, ticket: Ticket, at: LocalMicros) {
        let clock_error = self.clock.error();
        let began = self.clock.now(at).map(|at| Began { at, clock_error });
        let Some(flight) = self.flights.started(ticket, began) else { return };
        if let (Some(began), false) = (began, flight.from_run) {
            self.lateness.0 = self.lateness.0.max(began.at.since(flight.planned));
        }
    }

    pub(super) fn ended(&mut self, ticket: Ticket, attempt: Attempt) {
        if self.asked_ended(ticket, &attempt) {
            return;
        }
        let Some(mut flight) = self.flights.take(ticket) else { return };
        let again = |rest: Duration| self.now.plus(rest);
        match attempt {
            Attempt::Found { started, outcome, phases, body_bytes, note } => {
                let start_delay_ms = self.start_delay_ms(&flight, started);
                let Flight { uid, revision, planned, began, .. } = flight;
                let note = (*note != Note::default()).then_some(note);
                let timed = began.map_or_else(|| self.clock.error(), |began| began.clock_error);
                let result = ProbeResult {
                    uid,
                    revision,
                    planned,
                    start_delay_ms,
                    outcome,
                    phases,
                    body_bytes,
                    note,
                };
                self.found(result, timed);
            }
            Attempt::Paused => self.retry(flight, None, self.now, Missed::AgentPaused),
            Attempt::Fault => {
                flight.faults += 1;
                let others = self.clock.now(self.now).map(|now| now + LEFT_FOR_OTHERS);
                let left = others.is_some_and(|others| others < flight.start_before);
                if self.drain.is_none() && flight.faults >= FAULTS_MAX && left {
                    return self.miss(&flight, Missed::AgentFault);
                }
                let rest = again(FAULT_REST);
                self.retry(flight, Some(rest), rest, Missed::AgentFault);
            }
            Attempt::NoPermit => {
                let reason = self.excuses.reason(flight.planned, flight.start_before);
                self.miss(&flight, reason);
            }
            Attempt::NotBegun => self.retry(flight, None, self.now, Missed::Overloaded),
        }
    }

    /// How long after its plan a probe of `flight` started, in milliseconds. It was due by the clock of that moment: what is
    /// learnt of the clock meanwhile would move its start, perhaps out of its window, and a result that is true would be refused.
    fn start_delay_ms(&self, flight: &Flight<A::Handle>, started: LocalMicros) -> i32 {
        let started = flight.began.map(|began| began.at).or_else(|| self.clock.now(started));
        let started = started.map_or(flight.planned, |at| at.max(flight.planned));
        let delay = started.millis().saturating_sub(flight.planned.millis());
        let limit = i64::from(i32::MAX);
        i32::try_from(delay.clamp(-limit, limit)).expect("it was clamped")
    }

    /// Takes a result in, of which the start was known to `timed_within`.
    fn found(&mut self, result: ProbeResult, timed_within: Duration) {
        self.outbox.add(self.now, result);
        self.outbox.timed_within(timed_within);
        if self.outbox.is_full() {
            self.seal();
        }
    }

    /// Tries a slot again at `at`, if that is inside its window.
    fn retry(
        &mut self,
        flight: Flight<A::Handle>,
        rest: Option<LocalMicros>,
        at: LocalMicros,
        reason: Missed,
    ) {
        match &mut self.drain {
            // Nothing is started any more. Without a report the collector has another agent run it.
            Some(drain) if !flight.from_run => {
                drain.watermark_max = drain.watermark_max.min(flight.planned);
            }
            Some(_) => {}
            None if self.clock.now(at).is_some_and(|at| at < flight.start_before) => {
                self.flights.add(flight, rest);
            }
            None => self.miss(&flight, reason),
        }
    }

    fn miss(&mut self, flight: &Flight<A::Handle>, reason: Missed) {
        let Flight { uid, planned, .. } = *flight;
        self.report_missed(MissedRange { uid, from: planned, to: planned + ONE, reason });
    }

    fn report_missed(&mut self, range: MissedRange) {
        self.counts.missed[range.reason as usize] += 1;
        self.outbox.add_missed(self.now, range);
        if self.outbox.is_full() {
            self.seal();
        }
    }

    pub(super) fn paused(&mut self, from: LocalMicros, to: LocalMicros) {
        if let (Some(from), Some(to)) = (self.clock.now(from), self.clock.now(to)) {
            self.excuses.add(from, to, Missed::AgentPaused);
        }
    }

    pub(super) fn begin_drain(&mut self) {
        if self.drain.is_some() {
            return;
        }
        self.start_due();
        let until = self.clock.now(self.now).unwrap_or(Timestamp::EPOCH);
        self.schedule.clear();
        // Of those that the shell has, some have begun by now: it says which, and those are not cut short.
        let dropped = self.flights.drop_waiting().unwrap_or(until);
        self.drain = Some(Drain { until, watermark_max: until.min(dropped), said: false });
        self.effects.push(Effect::StopStarting);
        self.say_draining();
    }
}
