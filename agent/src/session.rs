//! One stream to the collector: dialled, greeted on, listened to, until it ends. Decides nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_client::FleetClient;
use proto::{AgentMessage, CollectorMessage};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tracing::{Instrument, info_span};

use crate::agent_core::StreamId;
use crate::config::{AgentConfig, AgentError, ClientTls, CollectorUrl, Files, Secret};
use crate::machine::Machine;
use crate::outage::Cause;
use crate::outbox::UNACKED_BATCHES_MAX;

/// Messages that wait for the network: every batch that may be unacknowledged, and a few that are not batches.
const OUTBOUND_MAX: usize = UNACKED_BATCHES_MAX + 64;

/// A shard comes whole: of a million targets it has 244, which reach this only with over 250 KiB of body and headers each,
/// more than a row may have. Everything else stays under 1 MiB.
const MESSAGE_MAX: usize = 64 << 20;

/// Above HTTP/2's 64 KiB, which would slow a backlog down over a long distance.
const WINDOW: u32 = 1 << 20;

const CONNECT_MAX: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_MAX: Duration = Duration::from_secs(5);

/// Opens streams.
#[derive(Clone)]
pub(crate) struct Dialer {
    machine: Arc<dyn Machine>,
    collector: CollectorUrl,
    files: Files,
    /// What worked last: files that are being replaced, or are gone, change nothing.
    ready: Arc<Mutex<Ready>>,
    /// Why the files could not be read again, not to be repeated.
    said: Arc<Mutex<Option<String>>>,
}

/// All that a connection needs.
#[derive(Clone, Debug)]
struct Ready {
    endpoint: Endpoint,
    token: Option<MetadataValue<Ascii>>,
}

/// What is heard of a stream.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one at a time, and the usual one is not allocated")]
pub(crate) enum Heard {
    /// The connection stands: say Hello.
    Standing,
    /// The collector says something.
    Said(CollectorMessage),
    /// It is over.
    Over(Ending),
}

/// Why a stream is over.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What to make of it.
    pub(crate) cause: Cause,
    /// For people.
    pub(crate) text: String,
}

/// A stream as its owner sees it. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number.
    pub(crate) id: StreamId,
    outbound: Option<mpsc::Sender<raw::AgentMessage>>,
    task: AbortHandle,
}

/// A message could not be taken, because the network does not take those before it.
#[derive(Debug)]
pub(crate) struct Clogged;

impl Dialer {
    /// Checks what can be checked without a connection.
    ///
    /// # Errors
    /// When the TLS settings or the token cannot be used.
    pub(crate) fn new(machine: Arc<dyn Machine>, config: &AgentConfig) -> Result<Self, AgentError> {
        let ready = Ready::new(&config.collector, &config.tls, config.token.as_ref())?;
        let (collector, files) = (config.collector.clone(), config.files.clone());
        let (ready, said) = (Arc::new(Mutex::new(ready)), Arc::default());
        Ok(Self { machine, collector, files, ready, said })
    }

    /// Reads the files again: tokens and certificates are replaced without a restart.
    fn refreshed(&self) -> Ready {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if self.files == Files::default() {
            return ready.clone();
        }
        let read = self.files.read().map_err(|error| error.to_string());
        let fresh = read.and_then(|(token, tls)| {
            Ready::new(&self.collector, &tls, token.as_ref()).map_err(|error| error.to_string())
        });
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.take();
        match fresh {
            // A token from the environment stays.
            Ok(fresh) if self.files.token.is_none() => ready.endpoint = fresh.endpoint,
            Ok(fresh) => *ready = fresh,
            Err(error) => {
                if before.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "token or certificates cannot be read again; going on with those from before"
                    );
                }
                *said = Some(error);
            }
        }
        ready.clone()
    }

    /// Opens a stream in a task of `tasks`. What happens to it comes out of `heard`; [`Heard::Over`] is the last.
    pub(crate) fn dial(
        &self,
        id: StreamId,
        tasks: &mut JoinSet<()>,
        heard: mpsc::Sender<(StreamId, Heard)>,
    ) -> Session {
        let (outbound, messages) = mpsc::channel(OUTBOUND_MAX);
        let dialer = self.clone();
        let conversation = async move {
            let ending = dialer.converse(id, messages, &heard).await;
            // Nobody is left to hear it only when the agent itself has ended.
            let _ = heard.send((id, Heard::Over(ending))).await;
        };
        let task = tasks.spawn(conversation.instrument(info_span!("session", stream = id.0)));
        Session { id, outbound: Some(outbound), task }
    }

    async fn converse(
        self,
        id: StreamId,
        messages: mpsc::Receiver<raw::AgentMessage>,
        heard: &mpsc::Sender<(StreamId, Heard)>,
    ) -> Ending {
        let Ready { endpoint, token } = self.refreshed();
        let channel = match self.machine.connect(&endpoint).await {
            Ok(channel) => channel,
            Err(error) => {
                let text = chain(&error);
                let hint = if self.collector.is_https() && text.contains("InvalidContentType") {
                    " (it speaks no TLS there: expected --collector http://…, or a collector with --tls-cert)"
                } else {
                    ""
                };
                return Ending { cause: Cause::Unreachable, text: format!("{text}{hint}") };
            }
        };
        let gone = || Ending { cause: Cause::Ended, text: "this agent stopped".into() };
        if heard.send((id, Heard::Standing)).await.is_err() {
            return gone();
        }
        let mut request = Request::new(ReceiverStream::new(messages));
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", token);
        }
        let mut client = FleetClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
        let mut inbound = match client.session(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Ending::of(&status),
        };
        loop {
            let message = match inbound.message().await {
                Ok(Some(message)) => CollectorMessage::try_from(message),
                Ok(None) => {
                    let text = "the collector ended the stream".into();
                    return Ending { cause: Cause::Ended, text };
                }
                Err(status) => return Ending::of(&status),
            };
            match message {
                Ok(message) => {
                    if heard.send((id, Heard::Said(message))).await.is_err() {
                        return gone();
                    }
                }
                // A message of a newer version, or a broken one: the others are good.
                Err(error) => tracing::warn!(%error, "a message from the collector is ignored"),
            }
        }
    }
}

impl Ready {
    fn new(
        collector: &CollectorUrl,
        tls: &ClientTls,
        token: Option<&Secret>,
    ) -> Result<Self, AgentError> {
        let mut endpoint = Endpoint::from(collector.uri().clone())
            .connect_timeout(CONNECT_MAX)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_MAX)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        if collector.is_https() {
            let certificates = tls.ca.iter().map(|ca| ("--ca", ca));
            let ours = tls.identity.iter().map(|(ours, _)| ("--tls-cert", ours));
            for (option, pem) in certificates.chain(ours) {
                check_certificates(option, pem)?;
            }
            let mut config = match &tls.ca {
                Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            if let Some((certificate, key)) = &tls.identity {
                config = config.identity(Identity::from_pem(certificate, key));
            }
            endpoint =
                endpoint.tls_config(config).map_err(|error| AgentError::Tls(chain(&error)))?;
        }
        let token = token.map(|token| {
            let mut value = MetadataValue::try_from(format!("Bearer {}", token.reveal()))
                .map_err(|_| AgentError::Token)?;
            value.set_sensitive(true);
            Ok::<_, AgentError>(value)
        });
        Ok(Self { endpoint, token: token.transpose()? })
    }
}

impl Session {
    /// Queues a message.
    ///
    /// # Errors
    /// When the queue is full. On a stream that is over, messages are dropped: its end is being heard.
    pub(crate) fn send(&self, message: AgentMessage) -> Result<(), Clogged> {
        let Some(outbound) = &self.outbound else { return Ok(()) };
        match outbound.try_send(message.into()) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Clogged),
        }
    }

    /// Says nothing more: the stream ends when what is queued was sent.
    pub(crate) fn finish(&mut self) {
        self.outbound = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What tonic says of an answer that is none of gRPC's and a refusal. (A 5xx may be a balancer without a collector.)
const NOT_GRPC: &str = "while receiving response with status: 4";

impl Ending {
    fn of(status: &Status) -> Self {
        let cause = match status.code() {
            Code::Unavailable if status.metadata().contains_key(proto::LEADER_HEADER) => {
                Cause::Standby
            }
            Code::Unauthenticated | Code::PermissionDenied => Cause::Denied,
            Code::Unimplemented => Cause::NotACollector,
            // Another server's answer, which is not even gRPC: the collector's own HTTP port, say.
            _ if status.message().contains(NOT_GRPC) => Cause::NotACollector,
            Code::Unavailable | Code::DeadlineExceeded => Cause::Unreachable,
            _ => Cause::Ended,
        };
        let text = match (status.message(), std::error::Error::source(status)) {
            ("", None) => status.code().description().to_owned(),
            (message, None) => message.to_owned(),
            (message, Some(source)) => format!("{message}: {}", chain(source)),
        };
        Self { cause, text }
    }
}

/// A file without a certificate would mean that nobody is trusted, which shows only when it is too late.
fn check_certificates(option: &str, pem: &[u8]) -> Result<(), AgentError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        Ok(_) => Err(AgentError::Tls(format!("{option} holds no certificate; expected PEM"))),
        Err(error) => Err(AgentError::Tls(format!("{option} holds no PEM certificate: {error}"))),
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
