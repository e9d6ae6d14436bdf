//! Every decision of an agent, as one state machine: events in, effects out.
//!
//! It reads no clock and does no I/O: `now` is this machine's boot-time clock, handed in. Any event is legal in any
//! state; what belongs to an old stream or an old try is ignored. After every event the upkeep runs: what is due is
//! started, what waited long enough is sealed, what may be sent is sent. The parts: [`crate::clock`],
//! [`crate::schedule`], [`crate::flights`], [`crate::outbox`].

mod asked;
mod link;
mod slots;

use std::time::Duration;

use proto::{
    AgentMessage, CollectorMessage, Missed, Note, Outcome, Phases, ProbeSettings, Refusal,
    SettingsApplied, Timestamp, Uid,
};

use crate::admit::Admit;
use crate::agent_core::link::Link;
use crate::clock::{CollectorClock, LocalMicros};
use crate::excuses::Excuses;
use crate::flights::{Flights, Ticket};
use crate::outbox::Outbox;
use crate::parts::Parts;
use crate::schedule::Schedule;
use crate::usage::Usage;

/// With a worse idea of the collector's time nothing is started: a collector that stood still while it was greeted would have its
/// first slots started before they are due, and refuse them. It takes five seconds (`core/ingest.rs`). The next heartbeat, which is
/// said at once, tells better.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(4);

/// Who the agent is, and its bounds.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// Names the agent across reconnects.
    pub agent_id: String,
    /// Drawn at random when the process starts.
    pub boot: u64,
    /// Where its results are reported from.
    pub vantage: String,
    /// The failure domain inside the vantage.
    pub zone: String,
    /// The most probes at once.
    pub capacity: u32,
    /// What undelivered results may take.
    pub outbox_bytes: usize,
    /// The most starts that the shell holds without having started them.
    pub handed_max: usize,
}

/// A stream to a collector, numbered by the shell from 1; numbers rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What happens to an agent.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one at a time, and the usual one is not allocated")]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A stream stands; nothing was said on it yet.
    Connected(StreamId),
    /// The collector says something.
    Received(StreamId, CollectorMessage),
    /// A stream is over.
    Disconnected(StreamId),
    /// A probe has its permits and begins.
    Started {
        /// Of [`Start`].
        ticket: Ticket,
        /// When.
        at: LocalMicros,
    },
    /// A try is over.
    Ended {
        /// Of [`Start`].
        ticket: Ticket,
        /// How.
        attempt: Attempt,
    },
    /// This process stood still.
    Paused {
        /// The last instant at which it was seen to run.
        from: LocalMicros,
        /// The first instant at which it ran again.
        to: LocalMicros,
    },
    /// Start nothing more, deliver what there is.
    Drain,
    /// Settings were tried.
    Tuned(SettingsApplied),
}

/// How a try to probe ended.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The probe found something.
    Found {
        /// When it started.
        started: LocalMicros,
        /// What it found.
        outcome: Outcome,
        /// Where the time went.
        phases: Phases,
        /// Bytes of the body.
        body_bytes: u32,
        /// Details.
        note: Box<Note>,
    },
    /// This process stood still while it ran: what it found may be our fault.
    Paused,
    /// This machine ran out of something.
    Fault,
    /// There was no permit before the window closed.
    NoPermit,
    /// It had not begun when [`Effect::StopStarting`] came.
    NotBegun,
}

/// What the shell has to do.
#[derive(Clone, Debug)]
pub enum Effect<H> {
    /// Probe, as soon as there are permits.
    Start(Start<H>),
    /// Say this on the stream.
    Send(StreamId, AgentMessage),
    /// End the stream, and connect again.
    Disconnect {
        /// Which.
        stream: StreamId,
        /// For people.
        cause: String,
        /// Not sooner than after this.
        after: Duration,
    },
    /// Starts that did not begin must not begin any more: each of them ends as [`Attempt::NotBegun`].
    StopStarting,
    /// Everything is delivered.
    Drained,
    /// Probe like this from now on; answered by [`Event::Tuned`].
    Tune(ProbeSettings),
}

/// A slot to probe.
#[derive(Clone, Debug)]
pub struct Start<H> {
    /// Names the try.
    pub ticket: Ticket,
    /// Which target.
    pub uid: Uid,
    /// The slot.
    pub planned: Timestamp,
    /// When its window closes, on this machine's clock.
    pub start_before: LocalMicros,
    /// How to probe it.
    pub handle: H,
}

/// What an agent counts, for metrics.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Missed slots and ranges of them that were reported, by number of the reason.
    pub missed: [u64; Missed::ALL.len() + 1],
    /// Results that the collector did not take, by number of the reason.
    pub refused: [u64; Refusal::ALL.len() + 1],
}

/// The state machine. `A` judges targets: a prober, or [`crate::AdmitAll`].
#[derive(Debug)]
pub struct AgentCore<A: Admit> {
    config: CoreConfig,
    admit: A,
    now: LocalMicros,
    clock: CollectorClock,
    epoch_seen: u64,
    /// The log of the collector that is followed; 0 before the first.
    log_seen: u64,
    link: Link,
    schedule: Schedule<A::Handle>,
    flights: Flights<A::Handle>,
    outbox: Outbox,
    /// The shard that is coming in parts.
    parts: Parts,
    excuses: Excuses,
    asked: asked::AskedProbes,
    drain: Option<Drain>,
    /// The latest scheduled start since the last beat, against its plan; and before the last beat.
    lateness: (Duration, Duration),
    usage: Usage,
    newest_stream: StreamId,
    counts: Counts,
    effects: Vec<Effect<A::Handle>>,
}

#[derive(Debug)]
struct Drain {
    until: Timestamp,
    /// What was dropped without a report is planned here or later.
    watermark_max: Timestamp,
    said: bool,
}

impl<A: Admit> AgentCore<A> {
    /// Holds nothing, knows no time, has no stream.
    pub fn new(config: CoreConfig, admit: A) -> Self {
        Self {
            now: LocalMicros(0),
            clock: CollectorClock::default(),
            epoch_seen: 0,
            log_seen: 0,
            link: Link::Down,
            schedule: Schedule::default(),
            flights: Flights::new(config.handed_max),
            outbox: Outbox::new(config.outbox_bytes),
            parts: Parts::default(),
            excuses: Excuses::default(),
            asked: asked::AskedProbes::default(),
            drain: None,
            lateness: (Duration::ZERO, Duration::ZERO),
            usage: Usage::default(),
            newest_stream: StreamId(0),
            counts: Counts::default(),
            effects: Vec::new(),
            config,
            admit,
        }
    }

    /// Takes an event in, and says what to do.
    pub fn apply(&mut self, now: LocalMicros, event: Event) -> Vec<Effect<A::Handle>> {
        self.apply_all(now, [event])
    }

    /// Takes in what happened, in this order, before it says what to do.
    pub fn apply_all(
        &mut self,
        now: LocalMicros,
        events: impl IntoIterator<Item = Event>,
    ) -> Vec<Effect<A::Handle>> {
        self.now = self.now.max(now);
        for event in events {
            self.take(event);
        }
        self.start_due();
        self.keep_link();
        self.deliver();
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, event: Event) {
        self.usage.advance(self.now, self.flights.running());
        match event {
            Event::Tick => {}
            Event::Connected(stream) => self.greet(stream),
            Event::Received(stream, message) => self.receive(stream, message),
            Event::Disconnected(stream) => self.lose(stream),
            Event::Started { ticket, at } => self.started(ticket, at),
            Event::Ended { ticket, attempt } => self.ended(ticket, attempt),
            Event::Paused { from, to } => self.paused(from, to),
            Event::Drain => self.begin_drain(),
            Event::Tuned(applied) => self.tuned(applied),
        }
    }

    /// When [`Event::Tick`] is needed at the latest.
    pub fn next_wakeup(&mut self) -> Option<LocalMicros> {
        let due =
            [self.schedule.next().filter(|_| self.drain.is_none()), self.flights.next_expiry()];
        let due = due.into_iter().flatten().min().filter(|_| self.knows_time());
        let due = due.and_then(|at| self.clock.local_at(at));
        let wake = self.flights.next_wake().filter(|_| self.knows_time());
        let rest = [due, wake, self.outbox.seal_at(), self.link.next_wakeup()];
        rest.into_iter().flatten().min()
    }

    /// Whether the collector's time is known well enough to start anything by it.
    fn knows_time(&self) -> bool {
        self.clock.error() <= CLOCK_ERROR_MAX
    }

    /// Seals and sends what may be sealed and sent; says when all of a drain is done.
    fn deliver(&mut self) {
        let waited = self.outbox.seal_at().is_some_and(|at| at <= self.now);
        if waited || self.drain.is_some() {
            self.seal();
        }
        self.say_watermark();
        self.send_results();
        let done = self.flights.is_empty() && self.outbox.is_empty();
        if done
            && self.drain.as_mut().is_some_and(|drain| !std::mem::replace(&mut drain.said, true))
        {
            self.effects.push(Effect::Drained);
        }
    }

    fn seal(&mut self) {
        let watermark = self.watermark();
        self.outbox.seal(watermark, self.clock.error());
    }

    /// Every scheduled key before this is in the outbox or was delivered.
    fn watermark(&mut self) -> Timestamp {
        let Some(now) = self.clock.now(self.now) else { return Timestamp::EPOCH };
        let drain = self.drain.as_ref().map(|drain| drain.watermark_max);
        let bounds = [self.flights.oldest_scheduled(), self.schedule.next(), drain];
        bounds.into_iter().flatten().fold(now, Timestamp::min)
    }

    /// The collector's time, once known.
    pub fn collector_now(&self, now: LocalMicros) -> Option<Timestamp> {
        self.clock.now(now)
    }

    /// Whether a collector has taken the agent in.
    pub fn is_connected(&self) -> bool {
        self.link.is_up()
    }

    /// How long the collector keeps the shards of a silent agent, while it has this one.
    pub fn lease(&self) -> Option<Duration> {
        self.link.lease()
    }

    /// Probes that run, and slots that wait for one.
    pub fn load(&self) -> (usize, usize) {
        (self.flights.running(), self.flights.waiting())
    }

    /// The latest scheduled start before the last beat, against its plan.
    pub fn lateness(&self) -> Duration {
        self.lateness.1
    }

    /// Targets held.
    pub fn targets(&self) -> usize {
        self.schedule.targets()
    }

    /// What undelivered results take, in bytes.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// Results that were given up at the outbox's bound.
    pub fn dropped(&self) -> u64 {
        self.outbox.dropped()
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

#[cfg(test)]
mod tests;
