//! The event loop: it alone owns the core, waits for what happens, and does what the core says.

use std::sync::Arc;
use std::time::Duration;

use proto::{AgentMessage, Missed};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::agent_core::{AgentCore, Attempt, Effect, Event, StreamId};
use crate::backoff::Backoff;
use crate::clock::LocalMicros;
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::outage::{Cause, Outage, Say};
use crate::pause::Pauses;
use crate::probe::Prober;
use crate::session::{Dialer, Ending, Heard, Session};
use crate::worker::{Ready, Told, Workers};

/// Messages from the collector that wait for the core: then the stream is read no further.
const HEARD_MAX: usize = 64;

/// The longest wait before another attempt, until a collector has said its lease: half the default lease.
const BACKOFF_CAP: Duration = Duration::from_secs(10);

/// An agent whose token is refused does not hammer on the door.
const DENIED_WAIT_MIN: Duration = Duration::from_secs(5);

/// After a standby's answer: at least this, and at most twice as long.
const STANDBY_WAIT_MIN: Duration = Duration::from_millis(250);

/// A stream that lasted this long worked.
const LASTED_MIN: Duration = Duration::from_secs(5);

/// How long the collector may take to end a stream on which everything was said.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Starts that are due and probes that have ended are taken together, once in so long: woken for each of them, this loop's
/// thread slept and woke some 2.5 times a probe. A start is late by this much at most, and what has ended is told by this much later.
const TURN: Duration = Duration::from_millis(10);

/// Shorter pauses do not explain that a slot was late.
const PAUSE_TOLD_MIN: Duration = Duration::from_millis(500);

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Everything was delivered and acknowledged.
    pub complete: bool,
    /// What was not, in bytes.
    pub undelivered_bytes: usize,
}

/// The parts of a running agent.
pub(crate) struct Runtime {
    machine: Arc<dyn Machine>,
    core: AgentCore<Prober>,
    workers: Workers,
    pauses: Arc<Pauses>,
    pauses_seen: u64,
    metrics: Arc<Metrics>,
    link: LinkShell,
    drain_max: Duration,
    drained: bool,
}

/// The stream that there is, or when the next one is tried.
struct LinkShell {
    machine: Arc<dyn Machine>,
    collector: String,
    dialer: Dialer,
    session: Option<Session>,
    tasks: JoinSet<()>,
    heard: mpsc::Receiver<(StreamId, Heard)>,
    hearing: mpsc::Sender<(StreamId, Heard)>,
    last_id: u64,
    dial_at: Instant,
    backoff: Backoff,
    outage: Outage,
    /// When the collector took the agent in.
    welcomed: Option<LocalMicros>,
}

impl Runtime {
    /// Ready to run.
    #[allow(
        clippy::too_many_arguments,
        reason = "its parts, each made elsewhere, and named by their types"
    )]
    pub(crate) fn new(
        machine: Arc<dyn Machine>,
        core: AgentCore<Prober>,
        workers: Workers,
        pauses: Arc<Pauses>,
        metrics: Arc<Metrics>,
        collector: String,
        dialer: Dialer,
        drain_max: Duration,
    ) -> Self {
        let (hearing, heard) = mpsc::channel(HEARD_MAX);
        let link = LinkShell {
            machine: machine.clone(),
            collector,
            dialer,
            session: None,
            tasks: JoinSet::new(),
            heard,
            hearing,
            last_id: 0,
            dial_at: Instant::now(),
            backoff: Backoff::new(BACKOFF_CAP),
            outage: Outage::default(),
            welcomed: None,
        };
        Self {
            machine,
            core,
            workers,
            pauses,
            pauses_seen: 0,
            metrics,
            link,
            drain_max,
            drained: false,
        }
    }

    /// Runs until `stop`, then drains.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> DrainReport {
        let mut deadline: Option<Instant> = None;
        while !self.drained {
            let turn = self.next_turn().map(|at| Instant::now() + self.until(at));
            let event = tokio::select! {
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + self.drain_max);
                    self.metrics.draining();
                    Event::Drain
                }
                () = at(deadline) => break,
                Some((stream, heard)) = self.link.heard.recv() => match heard {
                    _ if !self.link.is_current(stream) => continue,
                    Heard::Standing => Event::Connected(stream),
                    Heard::Said(message) => Event::Received(stream, message),
                    Heard::Over(ending) => {
                        self.link.over(stream, &ending);
                        Event::Disconnected(stream)
                    }
                },
                () = at(turn) => {
                    self.turn();
                    continue;
                }
                () = sleep_until(self.link.dial_at), if self.link.session.is_none() => {
                    self.link.dial();
                    continue;
                }
                Some(Err(error)) = self.link.tasks.join_next(), if !self.link.tasks.is_empty() => {
                    match self.link.panicked(&error) {
                        Some(stream) => Event::Disconnected(stream),
                        None => continue,
                    }
                }
            };
            self.apply([event]);
        }
        self.farewell().await;
        // Drained, it may still hold how far it got: no result, and nobody waits for it.
        let undelivered_bytes = if self.drained { 0 } else { self.core.outbox_bytes() };
        DrainReport { complete: self.drained, undelivered_bytes }
    }

    /// When something is due, or may have ended: at a whole multiple of [`TURN`].
    fn next_turn(&mut self) -> Option<LocalMicros> {
        let soon = || self.machine.boot_time().plus(Duration::from_micros(1));
        let busy = self.workers.are_busy().then(soon);
        let due = self.core.next_wakeup().into_iter().chain(busy).min()?;
        Some(due.ceil(TURN))
    }

    /// From now until `at`; zero if that is past.
    fn until(&self, at: LocalMicros) -> Duration {
        at.since(self.machine.boot_time())
    }

    /// Takes what has ended and what is due.
    fn turn(&mut self) {
        self.workers.begin();
        let mut events = Vec::new();
        while let Some(told) = self.workers.told() {
            events.push(self.told(told));
        }
        events.push(Event::Tick);
        self.apply(events);
    }

    fn told(&self, told: Told) -> Event {
        match told {
            Told::Started(ticket, at) => Event::Started { ticket, at },
            Told::Ended(ticket, attempt) => {
                match &attempt {
                    Attempt::Found { outcome, .. } => self.metrics.found(*outcome),
                    Attempt::Paused => self.metrics.wasted(Missed::AgentPaused),
                    Attempt::Fault => self.metrics.wasted(Missed::AgentFault),
                    Attempt::NoPermit | Attempt::NotBegun => {}
                }
                Event::Ended { ticket, attempt }
            }
            Told::Tuned(applied) => Event::Tuned(applied),
        }
    }

    /// Lets the core decide, and does what it says.
    fn apply(&mut self, events: impl IntoIterator<Item = Event>) {
        let now = self.machine.boot_time();
        for gap in self.pauses.news(now, &mut self.pauses_seen) {
            if gap.length() >= PAUSE_TOLD_MIN {
                debug!(length = ?gap.length(), "this process stood still");
                let effects = self.core.apply(now, Event::Paused { from: gap.from, to: gap.to });
                self.perform_all(effects);
            }
        }
        let effects = self.core.apply_all(now, events);
        self.perform_all(effects);
        self.link.follow(&self.core, now);
        self.metrics.follow(&self.core);
    }

    fn perform_all(&mut self, effects: Vec<Effect<Ready>>) {
        for effect in effects {
            if let Some(stream) = self.perform(effect) {
                // The core has to know at once; what it then says is about no stream, so this ends.
                let now = self.machine.boot_time();
                let effects = self.core.apply(now, Event::Disconnected(stream));
                self.perform_all(effects);
            }
        }
    }

    /// Gives the stream, if it had to be ended.
    fn perform(&mut self, effect: Effect<Ready>) -> Option<StreamId> {
        match effect {
            Effect::Start(start) => self.workers.start(start),
            Effect::Send(stream, message) => return self.link.send(stream, message),
            Effect::Disconnect { stream, cause, after } => {
                self.link.disconnect(stream, &cause, after);
            }
            Effect::StopStarting => self.workers.stop_starting(),
            Effect::Drained => self.drained = true,
            Effect::Tune(settings) => self.workers.tune(settings),
        }
        None
    }

    /// Lets what was said last reach the collector.
    async fn farewell(&mut self) {
        let Some(mut session) = self.link.session.take() else { return };
        session.finish();
        let over = async {
            while let Some((stream, heard)) = self.link.heard.recv().await {
                if stream == session.id && matches!(heard, Heard::Over(_)) {
                    return;
                }
            }
        };
        if tokio::time::timeout(FAREWELL_MAX, over).await.is_err() {
            debug!("the collector did not end the stream");
        }
    }
}

impl LinkShell {
    fn dial(&mut self) {
        self.last_id += 1;
        let id = StreamId(self.last_id);
        self.session = Some(self.dialer.dial(id, &mut self.tasks, self.hearing.clone()));
    }

    /// Queues a message. Gives the stream, if it had to be ended.
    fn send(&mut self, stream: StreamId, mut message: AgentMessage) -> Option<StreamId> {
        let session = self.session.as_ref().filter(|session| session.id == stream)?;
        let beat = match &mut message {
            AgentMessage::Beat(beat) => {
                // Some microseconds after the instant of which the beat speaks.
                beat.wall_us = self.machine.wall_us();
                true
            }
            _ => false,
        };
        match session.send(message) {
            Err(_) if !beat => {
                self.disconnect(stream, "the network takes nothing any more", Duration::ZERO);
                Some(stream)
            }
            Ok(()) | Err(_) => None,
        }
    }

    fn disconnect(&mut self, stream: StreamId, cause: &str, after: Duration) {
        if self.is_current(stream) {
            self.lost(&Ending { cause: Cause::Ended, text: cause.into() }, after);
        }
    }

    fn is_current(&self, stream: StreamId) -> bool {
        self.session.as_ref().is_some_and(|session| session.id == stream)
    }

    fn over(&mut self, stream: StreamId, ending: &Ending) {
        if self.is_current(stream) {
            self.lost(ending, Duration::ZERO);
        }
    }

    fn panicked(&mut self, error: &tokio::task::JoinError) -> Option<StreamId> {
        if error.is_cancelled() {
            return None;
        }
        error!(%error, "the stream's task panicked: please report this");
        let stream = self.session.as_ref()?.id;
        self.over(stream, &Ending { cause: Cause::Ended, text: "a panic".into() });
        Some(stream)
    }

    /// There is no stream any more: says so, and when the next attempt is.
    fn lost(&mut self, ending: &Ending, after: Duration) {
        self.session = None;
        let now = self.machine.boot_time();
        if self.welcomed.take().is_some_and(|at| now.since(at) >= LASTED_MIN) {
            self.backoff.reset();
        }
        let denied = if ending.cause == Cause::Denied { DENIED_WAIT_MIN } else { Duration::ZERO };
        let wait = match ending.cause {
            // The next attempt may well meet the leader.
            Cause::Standby => STANDBY_WAIT_MIN + STANDBY_WAIT_MIN.mul_f64(rand::random()),
            _ => self.backoff.after_failure(rand::random()) + after.max(denied),
        };
        self.dial_at = Instant::now() + wait;
        let (collector, cause) = (&self.collector, &ending.text);
        match (self.outage.lost(now, ending.cause), ending.cause) {
            (Say::Quietly, _) => debug!(%collector, %cause, retry_in = ?wait, "no collector"),
            (Say::Warn, Cause::Unreachable | Cause::Ended) => warn!(
                %collector, %cause, retry_in = ?wait,
                "no collector: going on with what is assigned, results are kept and delivered later"
            ),
            (Say::Warn, Cause::Standby) => info!(
                %collector, %cause, retry_in = ?wait, "no leading collector yet: trying again"
            ),
            (Say::Warn, Cause::Denied) => error!(
                %collector, %cause, retry_in = ?wait,
                "the collector refuses this agent: check --token-file, --tls-cert; trying again"
            ),
            (Say::Warn, Cause::NotACollector) => error!(
                %collector, %cause, retry_in = ?wait,
                "what answers is no collector: is this its gRPC port (--grpc-listen)? trying again"
            ),
        }
    }

    /// Notices that a collector has taken the agent in.
    fn follow(&mut self, core: &AgentCore<Prober>, now: LocalMicros) {
        if !core.is_connected() || self.welcomed.is_some() {
            return;
        }
        self.welcomed = Some(now);
        if let Some(lease) = core.lease() {
            self.backoff.set_cap(lease / 2);
        }
        let collector = &self.collector;
        match self.outage.over(now) {
            Some(outage) => info!(%collector, ?outage, "connected again"),
            None => info!(%collector, "connected"),
        }
    }
}

/// At `instant`; never, if there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
