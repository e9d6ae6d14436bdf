//! A collector that a test plays itself: it hears every message and says what the test wants.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use agent::boot_time;
use proto::wire::decode_batch;
use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use proto::{
    AgentMessage, Assign, Batch, Beat, CollectorMessage, Grant, Hello, ProbeSpec, ResultsMessage,
    ScheduledTarget, ShardId, Timestamp, Uid, Welcome,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits something that must happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// The collector's door.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    streams: mpsc::Receiver<Conversation>,
    server: JoinSet<()>,
}

/// One stream.
pub(crate) struct Conversation {
    pub(crate) authorization: Option<String>,
    heard: Streaming<raw::AgentMessage>,
    say: mpsc::Sender<Result<raw::CollectorMessage, Status>>,
}

struct Door {
    streams: mpsc::Sender<Conversation>,
    token: Option<&'static str>,
}

#[tonic::async_trait]
impl Fleet for Door {
    type SessionStream =
        Pin<Box<dyn Stream<Item = Result<raw::CollectorMessage, Status>> + Send + 'static>>;

    async fn session(
        &self,
        request: Request<Streaming<raw::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        if self.token.is_some_and(|token| authorization.as_deref() != Some(token)) {
            return Err(Status::unauthenticated("unknown token"));
        }
        let (say, said) = mpsc::channel(64);
        let conversation = Conversation { authorization, heard: request.into_inner(), say };
        self.streams.send(conversation).await.map_err(|_| Status::unavailable("test over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(said))))
    }
}

impl Collector {
    pub(crate) async fn start(token: Option<&'static str>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), token).await
    }

    pub(crate) async fn start_at(address: SocketAddr, token: Option<&'static str>) -> Self {
        Self::serve(address, token, Server::builder()).await
    }

    /// With TLS; an agent must show a certificate that `tls` trusts, if it says so.
    pub(crate) async fn start_tls(tls: ServerTlsConfig) -> Self {
        let server = Server::builder().tls_config(tls).unwrap();
        Self::serve("127.0.0.1:0".parse().unwrap(), None, server).await
    }

    async fn serve(address: SocketAddr, token: Option<&'static str>, mut server: Server) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(4);
        let service = FleetServer::new(Door { streams: sender, token });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let server = server.add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, streams, server: tasks }
    }

    /// Whether nobody comes for so long.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.streams.recv()).await.is_err()
    }

    /// Gives the address back, and breaks every stream.
    pub(crate) async fn stop(mut self) {
        self.server.shutdown().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next stream, and what was said first on it.
    pub(crate) async fn greeted(&mut self) -> (Conversation, Hello) {
        let next = soon("a stream", self.streams.recv()).await;
        let mut conversation = next.expect("the server runs");
        match conversation.hear().await {
            AgentMessage::Hello(hello) => (conversation, hello),
            other => panic!("expected Hello, heard {other:?}"),
        }
    }

    /// The next stream, welcomed.
    pub(crate) async fn welcomed(&mut self, lease: Duration) -> (Conversation, Hello) {
        self.welcomed_to(1, lease).await
    }

    /// The next stream, welcomed by a collector with this log.
    pub(crate) async fn welcomed_to(&mut self, log: u64, lease: Duration) -> (Conversation, Hello) {
        let (conversation, hello) = self.greeted().await;
        let welcome = Welcome {
            epoch: 1,
            now_us: now_us(),
            echo_us: hello.sent_us,
            lease,
            beat: (lease / 4).min(Duration::from_millis(500)),
            unacked_bytes_max: 1 << 20,
            log,
            takes_runs: true,
        };
        conversation.say(CollectorMessage::Welcome(welcome)).await;
        (conversation, hello)
    }
}

impl Conversation {
    pub(crate) async fn say(&self, message: CollectorMessage) {
        // An agent that has left hears nothing: the test sees that by what it then hears.
        let _ = self.say.send(Ok(message.into())).await;
    }

    /// The next message; beats are answered and are none.
    pub(crate) async fn hear(&mut self) -> AgentMessage {
        soon("a message", self.next()).await.expect("the stream goes on")
    }

    /// The next message, or none when the agent ends the stream.
    pub(crate) async fn next(&mut self) -> Option<AgentMessage> {
        loop {
            let message = self.heard.next().await?.ok()?;
            match AgentMessage::try_from(message).unwrap() {
                AgentMessage::Beat(Beat { sent_us, .. }) => {
                    let beat = Beat { sent_us, now_us: now_us(), ..Beat::default() };
                    self.say(CollectorMessage::Beat(beat)).await;
                }
                other => return Some(other),
            }
        }
    }

    /// The next results that are not empty.
    pub(crate) async fn results(&mut self) -> (ResultsMessage, Batch) {
        loop {
            if let AgentMessage::Results(message) = self.hear().await {
                let batch = decode_batch(&message.columns).unwrap();
                if !batch.is_empty() {
                    return (message, batch);
                }
            }
        }
    }

    /// Grants one shard with this target, from now on.
    pub(crate) async fn grant(&self, target: ScheduledTarget) {
        let targets = vec![target];
        let grant = Grant { shard: shard(), from: now(), content_hash: 42, targets, more: false };
        let assign = Assign { version: 1, revokes: vec![], grants: vec![grant] };
        self.say(CollectorMessage::Assign(assign)).await;
    }

    pub(crate) async fn ack(&self, seq: u64) {
        self.say(CollectorMessage::Ack { seq, refused: vec![] }).await;
    }
}

pub(crate) fn shard() -> ShardId {
    ShardId::new(7).unwrap()
}

/// This collector's clock: not the wall's.
pub(crate) fn now_us() -> i64 {
    1_700_000_000_000_000 + i64::try_from(boot_time().0).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(now_us() / 1000)
}

/// Every second.
pub(crate) fn target(url: String) -> ScheduledTarget {
    ScheduledTarget {
        uid: Uid(1),
        revision: 1,
        interval: Duration::from_secs(1),
        phase: Duration::from_millis(300),
        from: Timestamp::EPOCH,
        spec: ProbeSpec { timeout: Duration::from_millis(900), ..ProbeSpec::get(url) },
    }
}

/// A web server that answers everything with 200 after `delay`.
pub(crate) struct Origin {
    pub(crate) url: String,
    _server: JoinSet<()>,
}

impl Origin {
    pub(crate) async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                answers.spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    tokio::time::sleep(delay).await;
                    let answer =
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
                while answers.try_join_next().is_some() {}
            }
        });
        Self { url, _server: server }
    }
}
