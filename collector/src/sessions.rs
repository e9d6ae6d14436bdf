//! The agents' door: gRPC streams become events of the core, and its messages streams.

mod pace;
mod refusals;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use proto::{AgentMessage, Hello};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use crate::core::{Event, SessionEnd, VANTAGES_MAX};
use crate::fleet::SessionId;
use crate::hub::{Hub, Outgoing};
use crate::reload::Live;
use crate::serve::Peer;
use crate::tokens::{Tokens, bearer};
use pace::Pace;
pub use refusals::{Refusals, Refused};

/// How long a new stream may take to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// Sessions at once: an agent has one, and each may hold some MiB of messages on their way.
const SESSIONS_MAX: usize = 4096;
/// The largest message of an agent: a full batch of results is under 1 MiB.
const MESSAGE_MAX: usize = 4 << 20;

/// The gRPC service.
#[derive(Clone)]
pub struct Sessions {
    hub: Hub,
    /// Tokens that agents must show one of; none are asked for when TLS names the agents, or on loopback.
    tokens: Option<Live<Tokens>>,
    refusals: Arc<Refusals>,
    room: Arc<Semaphore>,
    next: Arc<AtomicU64>,
    /// The tasks that read streams: every one ends with its stream.
    readers: TaskTracker,
}

impl Sessions {
    /// A service that tells `hub`, and counts whom it does not let in.
    pub fn new(hub: Hub, refusals: Arc<Refusals>) -> Self {
        let room = Arc::new(Semaphore::new(SESSIONS_MAX));
        let readers = TaskTracker::new();
        Self { hub, tokens: None, refusals, room, next: Arc::default(), readers }
    }

    /// The same sessions behind a door that asks for one of these tokens.
    pub fn guarded(&self, tokens: Option<Live<Tokens>>) -> FleetServer<Self> {
        let sessions = Self { tokens, ..self.clone() };
        FleetServer::new(sessions).max_decoding_message_size(MESSAGE_MAX)
    }

    /// Counts a refusal, and gives what the agent is told.
    fn refuse(&self, reason: Refused, peer: &Peer, status: Status) -> Status {
        self.refusals.refuse(reason, Some(peer.address), status.message());
        status
    }
}

/// Whether whoever asks may be an agent: it shows one of the tokens, if any are asked for.
pub(crate) fn authorize(
    tokens: Option<&Live<Tokens>>,
    request: &Request<Streaming<raw::AgentMessage>>,
) -> Result<(), (Refused, Status)> {
    let Some(tokens) = tokens else { return Ok(()) };
    let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    match given.and_then(bearer) {
        Some(token) if tokens.borrow().accept(token) => Ok(()),
        Some(_) => {
            let why = "this token is not one that the collector accepts";
            Err((Refused::Token, Status::unauthenticated(why)))
        }
        None => {
            let why = "the collector asks agents for a token (--token-file)";
            Err((Refused::NoToken, Status::unauthenticated(why)))
        }
    }
}

#[tonic::async_trait]
impl Fleet for Sessions {
    type SessionStream = Outbound;

    async fn session(
        &self,
        request: Request<Streaming<raw::AgentMessage>>,
    ) -> Result<Response<Outbound>, Status> {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Err(Status::internal("the connection does not say whose it is"));
        };
        let refuse = |(reason, status)| self.refuse(reason, &peer, status);
        authorize(self.tokens.as_ref(), &request).map_err(refuse)?;
        let full = |_| (Refused::Full, Status::resource_exhausted("too many agents are connected"));
        let room = self.room.clone().try_acquire_owned().map_err(full).map_err(refuse)?;
        let mut inbound = request.into_inner();
        let hello = tokio::time::timeout(HELLO_WITHIN, greeting(&mut inbound)).await;
        let late = |_| (Refused::Late, Status::deadline_exceeded("no Hello within 10 s"));
        let malformed = |status| (Refused::Malformed, status);
        let hello = hello.map_err(late).map_err(refuse)?.map_err(malformed).map_err(refuse)?;
        identified(&peer, &hello).map_err(refuse)?;
        peer.prove();
        let session = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        let messages = self.hub.open(session);
        let opened = Opened { hub: self.hub.clone(), session };
        let span = tracing::info_span!("session", session = session.0, agent = %hello.agent_id);
        tracing::info!(
            session = session.0,
            agent = %hello.agent_id,
            vantage = %hello.vantage,
            zone = %hello.zone,
            held = hello.held.len(),
            "agent connected"
        );
        let stopping = |_| Status::unavailable("the collector is stopping");
        self.hub.tell(Event::Hello(session, hello)).await.map_err(stopping)?;
        let over = CancellationToken::new();
        self.readers.spawn(read(opened, inbound, over.clone()).instrument(span));
        let over = over.drop_guard();
        let refusals = self.refusals.clone();
        Ok(Response::new(Outbound {
            messages,
            ended: false,
            peer,
            refusals,
            _room: room,
            _over: over,
        }))
    }
}

/// Whether the agent is where its certificate says, if it had to show one.
fn identified(peer: &Peer, hello: &Hello) -> Result<(), (Refused, Status)> {
    let Some(places) = &peer.places else { return Ok(()) };
    if places.iter().any(|place| place.vantage == hello.vantage && place.zone == hello.zone) {
        return Ok(());
    }
    let named = places.iter().map(|place| format!("zonewatch://{}/{}", place.vantage, place.zone));
    let named = named.collect::<Vec<_>>().join(", ");
    let named = if named.is_empty() { "no zonewatch://VANTAGE/ZONE".into() } else { named };
    let why = format!(
        "the certificate names {named}; the agent says vantage {:?}, zone {:?}",
        hello.vantage, hello.zone
    );
    Err((Refused::Certificate, Status::permission_denied(why)))
}

async fn greeting(inbound: &mut Streaming<raw::AgentMessage>) -> Result<Hello, Status> {
    let first = inbound.message().await?;
    let first = first.ok_or_else(|| Status::invalid_argument("the stream ended before Hello"))?;
    match AgentMessage::try_from(first) {
        Ok(AgentMessage::Hello(hello)) => Ok(hello),
        Ok(_) => Err(Status::invalid_argument("the first message must be Hello")),
        Err(malformed) => Err(Status::invalid_argument(malformed.to_string())),
    }
}

/// A stream that the hub knows; it forgets it when this is dropped.
struct Opened {
    hub: Hub,
    session: SessionId,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.hub.close(self.session);
    }
}

/// Tells the core what arrives, until the stream ends on either side.
async fn read(opened: Opened, mut inbound: Streaming<raw::AgentMessage>, over: CancellationToken) {
    let Opened { hub, session } = &opened;
    let session = *session;
    let mut pace = Pace::new(Instant::now());
    let why = loop {
        let message = tokio::select! {
            () = over.cancelled() => break "the collector ended it".to_owned(),
            message = inbound.message() => message,
        };
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) => break "the agent ended it".to_owned(),
            Err(status) => break format!("the connection broke: {}", status.message()),
        };
        match AgentMessage::try_from(message) {
            Ok(message) => {
                let bytes = match &message {
                    AgentMessage::Results(results) => results.columns.len(),
                    _ => 0,
                };
                let rest = pace.read(Instant::now(), bytes);
                if !rest.is_zero() {
                    tokio::time::sleep(rest).await;
                }
                if hub.tell(Event::Message(session, message)).await.is_err() {
                    break "the collector is stopping".to_owned();
                }
            }
            Err(malformed) => break malformed.to_string(),
        }
    };
    tracing::info!(session = session.0, why, "session over");
    // When the hub is gone there is nobody left to tell.
    let _stopping = hub.tell(Event::Closed(session)).await;
}

/// What the collector says on a stream.
pub struct Outbound {
    messages: mpsc::Receiver<Outgoing>,
    ended: bool,
    peer: Peer,
    refusals: Arc<Refusals>,
    /// Its place among the sessions.
    _room: OwnedSemaphorePermit,
    /// When the stream is dropped, nobody reads its other side any more.
    _over: DropGuard,
}

impl Stream for Outbound {
    type Item = Result<raw::CollectorMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.messages.poll_recv(context).map(|outgoing| match outgoing {
            Some(Outgoing::Message(message)) => Some(Ok(message.into())),
            Some(Outgoing::End(end)) => {
                self.ended = true;
                let reason = refused(&end);
                let status = status(end);
                if let Some(reason) = reason {
                    self.refusals.refuse(reason, Some(self.peer.address), status.message());
                }
                Some(Err(status))
            }
            None => None,
        })
    }
}

/// Whether a session that ends so was not let in, and why.
fn refused(end: &SessionEnd) -> Option<Refused> {
    match end {
        SessionEnd::IdInUse(_) => Some(Refused::IdInUse),
        SessionEnd::OldLeader => Some(Refused::OldLeader),
        SessionEnd::Vantages => Some(Refused::Vantages),
        SessionEnd::Protocol(_) => Some(Refused::Malformed),
        SessionEnd::Replaced
        | SessionEnd::Silent
        | SessionEnd::LogBehind
        | SessionEnd::Stopping => None,
    }
}

fn status(end: SessionEnd) -> Status {
    match end {
        SessionEnd::Replaced => Status::aborted("the agent opened a newer stream"),
        SessionEnd::IdInUse(who) => Status::already_exists(format!(
            "another live agent has this id ({who}); start this one with another --agent-id"
        )),
        SessionEnd::OldLeader => {
            Status::failed_precondition("the agent follows a newer collector than this one")
        }
        SessionEnd::Protocol(what) => Status::invalid_argument(what),
        SessionEnd::Silent => {
            Status::deadline_exceeded("nothing was heard from the agent for a lease")
        }
        SessionEnd::LogBehind => {
            Status::unavailable("the collector's log is behind; keep what you have, and come back")
        }
        SessionEnd::Vantages => Status::resource_exhausted(format!(
            "the collector knows {VANTAGES_MAX} vantages already, and this agent's is another"
        )),
        SessionEnd::Stopping => Status::unavailable("the collector stops"),
    }
}
