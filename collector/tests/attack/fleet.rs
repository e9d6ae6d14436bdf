//! Peers of the agents' port: honest ones, and ones that say what no agent would.

use std::net::SocketAddr;

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_client::FleetClient;
use proto::{AgentMessage, Hello};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status, Streaming};

use crate::certificates::Identity as Pair;

/// What a peer shows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown<'a> {
    /// The authority that it trusts; none: no TLS.
    pub(crate) trusts: Option<&'a str>,
    pub(crate) certificate: Option<&'a Pair>,
    pub(crate) token: Option<&'a str>,
}

pub(crate) async fn connect(grpc: SocketAddr, shown: Shown<'_>) -> Result<Channel, String> {
    let scheme = if shown.trusts.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}", grpc.port());
    let mut endpoint = Endpoint::from_shared(url).expect("a URL");
    if let Some(authority) = shown.trusts {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        if let Some(pair) = shown.certificate {
            tls = tls.identity(Identity::from_pem(&pair.cert, &pair.key));
        }
        endpoint = endpoint.tls_config(tls).expect("TLS");
    }
    endpoint.connect().await.map_err(|error| format!("{error:?}"))
}

pub(crate) fn hello(id: &str, boot: u64, vantage: &str, zone: &str) -> raw::AgentMessage {
    raw::AgentMessage::from(AgentMessage::Hello(Hello {
        agent_id: id.into(),
        boot,
        vantage: vantage.into(),
        zone: zone.into(),
        capacity: 1,
        version: "1".into(),
        protocol: 1,
        epoch_seen: 0,
        held: Vec::new(),
        sent_us: 1,
        log_seen: 0,
        takes_settings: true,
        takes_parts: true,
    }))
}

/// A stream that was let in, or not yet.
pub(crate) struct Stream {
    pub(crate) say: mpsc::Sender<raw::AgentMessage>,
    pub(crate) hear: Streaming<raw::CollectorMessage>,
}

/// Opens a stream whose first message is this.
pub(crate) async fn open(
    channel: Channel,
    token: Option<&str>,
    first: raw::AgentMessage,
) -> Result<Stream, Status> {
    let (say, messages) = mpsc::channel(64);
    say.send(first).await.expect("there is room");
    let mut request = Request::new(ReceiverStream::new(messages));
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    let mut client = FleetClient::new(channel);
    let mut hear = client.session(request).await?.into_inner();
    let welcome = hear.message().await?;
    let is_welcome = welcome.is_some_and(|first| {
        matches!(first.message, Some(raw::collector_message::Message::Welcome(_)))
    });
    assert!(is_welcome, "the first message is a Welcome");
    Ok(Stream { say, hear })
}

/// Knocks as an agent: let in, or the refusal's code and words.
pub(crate) async fn knock(
    grpc: SocketAddr,
    shown: Shown<'_>,
    first: raw::AgentMessage,
) -> Result<Stream, String> {
    let channel = connect(grpc, shown).await?;
    let opened = open(channel, shown.token, first).await;
    opened.map_err(|status| format!("{:?}: {status:?}", status.code()))
}
