//! Connections of agents: taken in, made secure, and given up on when nothing comes of them.
//!
//! A peer has so long to finish its handshake, its HTTP/2 preface, and a session that is let in. Those that have not are
//! counted: when there are too many, the oldest goes, so that whoever is honest and quick always finds room.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::patient::{Patient, Proof};
use super::tls::{Place, places};
use super::waiting::Waiting;
use crate::reload::Live;
use crate::sessions::{Refusals, Refused};

/// From the connection to a session that is let in. A Hello may take 10 s of it.
const PROVEN_WITHIN: Duration = Duration::from_secs(15);
/// Connections that are secure and wait for the server, which takes them at once.
pub(super) const READY_MAX: usize = 64;
/// After the system refused a connection (no descriptors left, say) the next is tried so much later.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Who is on the other side, as far as the connection tells.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// With `--client-ca`: the places that its certificate names.
    pub places: Option<Arc<[Place]>>,
    proof: Proof,
}

impl Peer {
    /// Its session is let in: from now on it is not watched any more.
    pub fn prove(&self) {
        self.proof.give();
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// A connection, secure if it has to be.
pub(super) struct Connection {
    stream: Patient<Box<dyn Io>>,
    peer: Peer,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where connections come from: the system, or a simulated network.
pub trait Incoming: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next one.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Incoming for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = Self::accept(self).await?;
        // Small messages are not held back; a connection that refuses this is about to break anyway.
        let _broken = stream.set_nodelay(true);
        Ok((stream, address))
    }
}

/// Takes connections in until `stop`.
pub(super) async fn accept(
    incoming: impl Incoming,
    tls: Option<Live<ServerConfig>>,
    refusals: Arc<Refusals>,
    ready: mpsc::Sender<io::Result<Connection>>,
    stop: CancellationToken,
) {
    let mut handshakes = JoinSet::new();
    let mut waiting = Waiting::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = incoming.accept() => accepted,
            Some(_) = handshakes.join_next() => continue, // One that failed is its peer's affair.
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let admitted = waiting.admit();
        if admitted.crowded {
            refusals.refuse(Refused::Crowd, None, "too many connections without a session");
        }
        let tls = tls.as_ref().map(|tls| tls.borrow().clone());
        let (refusals, ready) = (refusals.clone(), ready.clone());
        handshakes.spawn(async move {
            let mut over = Box::pin(admitted.end(PROVEN_WITHIN));
            let proof = admitted.proof;
            let secured = tokio::select! {
                () = &mut over => Err("it was not finished in time".to_owned()),
                secured = secure(stream, tls) => secured.map_err(|error| error.to_string()),
            };
            match secured {
                Ok((stream, places)) => {
                    let peer = Peer { address, places, proof: proof.clone() };
                    let stream = Patient::until_proven(stream, proof, over);
                    // When the server is gone, so is the program.
                    let _stopping = ready.send(Ok(Connection { stream, peer })).await;
                }
                Err(why) => refusals.refuse(Refused::Handshake, Some(address), &why),
            }
        });
    }
}

type Secured = (Box<dyn Io>, Option<Arc<[Place]>>);

async fn secure<S: Io + 'static>(stream: S, tls: Option<Arc<ServerConfig>>) -> io::Result<Secured> {
    let Some(tls) = tls else { return Ok((Box::new(stream), None)) };
    let stream = TlsAcceptor::from(tls).accept(stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let places = shown.map(|certificate| places(certificate).into());
    Ok((Box::new(stream), places))
}
