//! The one task that owns the core: it waits, the core decides, it performs.
//!
//! Everyone else holds a [`Hub`]: sessions tell it what happened, the API asks it for answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use proto::{CollectorMessage, Timestamp};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::core::{AskId, Asked, Core, Effect, Event, SessionEnd};
use crate::fill::Filler;
use crate::fleet::SessionId;
use crate::news::Reporter;
use crate::store::writer::{Chore, Write, WriterEvent};

/// The program's clock: made once, by [`crate::clock::start`] or by a test.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Events that wait for the core. When it is full, sessions wait: their agents keep what they have.
const INBOX_MAX: usize = 1024;
/// Questions that wait for the core. When it is full, whoever asks waits; events never wait for more than one answer.
const QUESTIONS_MAX: usize = 32;
/// Messages that wait for one agent. An agent that does not read that many is cut off and comes back.
const OUTBOX_MAX: usize = 4096;
/// How often the core sees the time.
const TICK: Duration = Duration::from_millis(200);

type Question = Box<dyn FnOnce(&Core, Timestamp) + Send>;

/// What a session's outbound side receives.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly everything is a message, and each stream ends once"
)]
pub enum Outgoing {
    /// Say this.
    Message(CollectorMessage),
    /// End the stream.
    End(SessionEnd),
}

/// A handle on the core's task.
#[derive(Clone)]
pub struct Hub {
    inbox: mpsc::Sender<Event>,
    questions: mpsc::Sender<Question>,
    sessions: Arc<DashMap<SessionId, mpsc::Sender<Outgoing>>>,
    /// Who waits for what agents are asked; bounded by the requests that the HTTP port takes.
    asking: Arc<DashMap<AskId, oneshot::Sender<Asked>>>,
    asked: Arc<AtomicU64>,
    clock: Clock,
}

/// The core's task is gone: the program is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the collector is stopping")]
pub struct Stopped;

impl Hub {
    /// A hub, and the end that [`run`] reads.
    pub fn new(clock: Clock) -> (Self, Inbox) {
        let (inbox, events) = mpsc::channel(INBOX_MAX);
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let hub = Self {
            inbox,
            questions,
            sessions: Arc::default(),
            asking: Arc::default(),
            asked: Arc::default(),
            clock,
        };
        (hub.clone(), Inbox { hub, events, questions: asked })
    }

    /// What the program's clock says.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The program's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Tells the core what happened; waits while its inbox is full.
    ///
    /// # Errors
    /// When the collector is stopping.
    pub async fn tell(&self, event: Event) -> Result<(), Stopped> {
        self.inbox.send(event).await.map_err(|_| Stopped)
    }

    /// Asks the core; the answer is computed between two events.
    ///
    /// # Errors
    /// When the collector is stopping.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Core, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |core, now| {
            // Whoever asked may be gone: then nobody misses the answer.
            let _gone = reply.send(question(core, now));
        });
        self.questions.send(question).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Asks every vantage of a target what it finds now.
    ///
    /// # Errors
    /// When the collector is stopping.
    pub async fn ask_agents(&self, target: String) -> Result<Asked, Stopped> {
        let id = AskId(self.asked.fetch_add(1, Ordering::Relaxed));
        let (reply, answer) = oneshot::channel();
        self.asking.insert(id, reply);
        // Whoever asked may go away: then nobody waits any more.
        let _forget = Forget { asking: self.asking.clone(), id };
        self.tell(Event::Ask(id, target)).await?;
        answer.await.map_err(|_| Stopped)
    }

    /// Takes in a stream; what is to be said on it arrives at the receiver, which ends with the stream.
    pub fn open(&self, session: SessionId) -> mpsc::Receiver<Outgoing> {
        let (sender, receiver) = mpsc::channel(OUTBOX_MAX);
        self.sessions.insert(session, sender);
        receiver
    }

    /// Forgets a stream.
    pub fn close(&self, session: SessionId) {
        self.sessions.remove(&session);
    }
}

struct Forget {
    asking: Arc<DashMap<AskId, oneshot::Sender<Asked>>>,
    id: AskId,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.asking.remove(&self.id);
    }
}

/// What the core's task reads.
pub struct Inbox {
    hub: Hub,
    events: mpsc::Receiver<Event>,
    questions: mpsc::Receiver<Question>,
}

/// What the log's health is, for `/readyz` and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogHealth {
    /// Appends become durable.
    Working,
    /// They do not, for this reason; nothing is acknowledged, everything is tried again.
    Failing(String),
}

/// Why the core's task ended.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Somebody else writes to the log.
    #[error(
        "the log was written by another collector at position {position}; this one leads no longer"
    )]
    Deposed {
        /// Where.
        position: u64,
    },
    /// The log's thread ended.
    #[error("the log's thread ended")]
    LogGone,
}

/// What stands between the core and everyone else.
pub struct Between {
    /// Puts secrets into what agents are sent.
    pub filler: Filler,
    /// Tells those who listen what is new.
    pub reporter: Reporter,
}

/// Runs the core until `stop`, then drains it: every append that was begun is durable when this returns, unless the log
/// is failing. Gives the core back.
///
/// # Errors
/// When this collector may not go on leading.
pub async fn run(
    mut core: Core,
    inbox: Inbox,
    between: Between,
    writer: impl Write,
    mut log: mpsc::Receiver<WriterEvent>,
    health: tokio::sync::watch::Sender<LogHealth>,
    stop: CancellationToken,
) -> Result<Core, HubError> {
    let Inbox { hub, mut events, mut questions } = inbox;
    let Between { filler, reporter } = between;
    let (backlog, chores, cut_off) = (VecDeque::new(), VecDeque::new(), Vec::new());
    let mut performer = Performer { hub, writer, filler, backlog, chores, cut_off, reporter };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut draining = false;
    loop {
        if draining && core.appends_waiting() == 0 {
            return Ok(core);
        }
        let event = tokio::select! {
            biased;
            () = stop.cancelled(), if !draining => {
                draining = true;
                performer.writer.hurry();
                Event::Drain
            }
            event = log.recv() => match event.ok_or(HubError::LogGone)? {
                WriterEvent::Durable { up_to } => Event::Durable(up_to),
                WriterEvent::Failing { error } => {
                    tracing::error!(error, "the log cannot be written; nothing is acknowledged, and it is tried again");
                    health.send_replace(LogHealth::Failing(error));
                    continue;
                }
                WriterEvent::Recovered => {
                    tracing::info!("the log can be written again");
                    health.send_replace(LogHealth::Working);
                    continue;
                }
                WriterEvent::ChoresDone { up_to } => Event::ChoresDone(up_to),
                WriterEvent::ChoresFailing { error } => {
                    tracing::error!(error, "finished hours cannot be written; the log grows, and it is tried again");
                    continue;
                }
                WriterEvent::ChoresRecovered => {
                    tracing::info!("finished hours can be written again");
                    continue;
                }
                WriterEvent::Deposed { position } => return Err(HubError::Deposed { position }),
            },
            _ = tick.tick() => {
                // What has arrived is heard first: an agent is not silent because we were busy.
                for _ in 0..INBOX_MAX {
                    let Ok(event) = events.try_recv() else { break };
                    performer.apply(&mut core, event);
                }
                // The next tick is due a whole period after this one is done, so that events have their turn.
                performer.apply(&mut core, Event::Tick);
                tick.reset();
                continue;
            }
            Some(event) = events.recv() => event,
            Some(question) = questions.recv() => {
                question(&core, performer.hub.now());
                continue;
            }
        };
        performer.apply(&mut core, event);
    }
}

/// Answers the next question from a core that follows another collector's log. Whoever has news is told nothing: a core that
/// decides nothing takes none.
pub async fn answer(core: &Core, inbox: &mut Inbox) {
    tokio::select! {
        Some(question) = inbox.questions.recv() => question(core, inbox.hub.now()),
        Some(event) = inbox.events.recv() => {
            if let Event::Ask(ask, _) = event {
                inbox.hub.asking.remove(&ask); // Agents follow the leader: nobody here can be asked.
            }
        }
    }
}

struct Performer<W> {
    hub: Hub,
    writer: W,
    filler: Filler,
    /// Appends that the log's queue had no room for: results, bounded by what agents may have unacknowledged, and the
    /// few records of the collector's own.
    backlog: VecDeque<(u64, Bytes)>,
    /// The same for what is done beside the log: one hour or one snapshot at a time.
    chores: VecDeque<(u64, Chore)>,
    /// Streams whose agents do not read: the core is to hear of it.
    cut_off: Vec<SessionId>,
    /// Tells listeners.
    reporter: Reporter,
}

impl<W: Write> Performer<W> {
    fn apply(&mut self, core: &mut Core, event: Event) {
        let mut next = Some(event);
        while let Some(mut event) = next {
            if let Event::Hello(_, hello) = &mut event {
                self.filler.incoming(hello);
            }
            for effect in core.apply(self.hub.now(), event) {
                self.perform(effect);
            }
            let notices = core.take_notices();
            self.reporter.follow(core, self.hub.now(), notices);
            next = self.cut_off.pop().map(Event::Closed);
        }
        self.append();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send(session, mut message) => {
                self.filler.outgoing(&mut message);
                self.say(session, Outgoing::Message(message));
            }
            Effect::End(session, end) => self.say(session, Outgoing::End(end)),
            Effect::Append(ticket, record) => self.backlog.push_back((ticket, record)),
            Effect::Chore(number, chore) => self.chores.push_back((number, chore)),
            Effect::Answer(ask, asked) => {
                if let Some((_, waiting)) = self.hub.asking.remove(&ask) {
                    let _gone = waiting.send(asked);
                }
            }
        }
    }

    fn say(&mut self, session: SessionId, outgoing: Outgoing) {
        let Some(sender) = self.hub.sessions.get(&session).map(|entry| entry.value().clone())
        else {
            return;
        };
        let gone = match sender.try_send(outgoing) {
            Ok(()) => return,
            Err(TrySendError::Closed(_)) => "the stream is gone",
            // Dropping its sender ends its stream, and it comes back.
            Err(TrySendError::Full(_)) => {
                tracing::warn!(
                    session = session.0,
                    "an agent does not read its messages; its stream is ended"
                );
                "cut off"
            }
        };
        tracing::debug!(session = session.0, gone, "nothing more is said on this stream");
        self.hub.sessions.remove(&session);
        self.cut_off.push(session);
    }

    fn append(&mut self) {
        while let Some((ticket, record)) = self.backlog.pop_front() {
            if self.writer.append(ticket, record.clone()).is_err() {
                self.backlog.push_front((ticket, record));
                return;
            }
        }
        // Bytes are shared, so that a try costs nothing.
        while let Some((number, chore)) = self.chores.pop_front() {
            if self.writer.chore(number, chore.clone()).is_err() {
                self.chores.push_front((number, chore));
                return;
            }
        }
    }
}
