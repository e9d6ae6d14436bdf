//! The agents' door: gRPC streams become events of the core, and its messages streams.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use proto::{AgentMessage, Hello};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

use crate::core::{Event, SessionEnd, VANTAGES_MAX};
use crate::fleet::SessionId;
use crate::hub::{Hub, Outgoing};
use crate::tokens::{Tokens, bearer};

/// How long a new stream may take to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// The gRPC service.
#[derive(Clone)]
pub struct Sessions {
    hub: Hub,
    /// Tokens that agents must show one of; none are asked for when TLS names the agents, or on loopback.
    tokens: Option<Arc<Tokens>>,
    next: Arc<AtomicU64>,
    /// The tasks that read streams: every one ends with its stream.
    readers: TaskTracker,
}

impl Sessions {
    /// A service that tells `hub`.
    pub fn new(hub: Hub) -> Self {
        Self { hub, tokens: None, next: Arc::default(), readers: TaskTracker::new() }
    }

    /// The same sessions behind a door that asks for one of these tokens.
    pub fn guarded(&self, tokens: Option<Arc<Tokens>>) -> FleetServer<Self> {
        FleetServer::new(Self { tokens, ..self.clone() })
    }
}

/// Whether whoever asks may be an agent: it shows one of the tokens, if any are asked for.
pub(crate) fn authorize(
    tokens: Option<&Tokens>,
    request: &Request<Streaming<raw::AgentMessage>>,
) -> Result<(), Status> {
    let Some(tokens) = tokens else { return Ok(()) };
    let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    match given.and_then(bearer) {
        Some(token) if tokens.accept(token) => Ok(()),
        Some(_) => Err(Status::unauthenticated("this token is not one that the collector accepts")),
        None => {
            Err(Status::unauthenticated("the collector asks agents for a token (--token-file)"))
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
        if let Err(refusal) = authorize(self.tokens.as_deref(), &request) {
            let (peer, why) = (request.remote_addr(), refusal.message());
            tracing::warn!(?peer, why, "a session was refused");
            return Err(refusal);
        }
        let mut inbound = request.into_inner();
        let hello = tokio::time::timeout(HELLO_WITHIN, greeting(&mut inbound)).await;
        let hello = hello.map_err(|_| Status::deadline_exceeded("no Hello within 10 s"))??;
        let session = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        let messages = self.hub.open(session);
        let opened = Opened { hub: self.hub.clone(), session };
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
        self.readers.spawn(read(opened, inbound, over.clone()));
        Ok(Response::new(Outbound { messages, ended: false, _over: over.drop_guard() }))
    }
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
                Some(Err(status(end)))
            }
            None => None,
        })
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
