//! The agents' port.

use std::sync::Arc;
use std::time::Duration;

use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::accept::{Incoming, READY_MAX, accept};
use crate::reload::Live;
use crate::sessions::Refusals;

/// A peer that is silent on the connection is asked so often …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// … and is gone when it does not answer within this.
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(5);
/// HTTP/2's default of 64 KiB would slow a backlog down over a long distance.
const WINDOW: u32 = 1 << 20;

/// Streams at once on one connection: an agent has one, but a balancer may bring many on one.
const STREAMS_MAX: u32 = 128;
/// A request's headers: a token, and what gRPC says.
const HEADERS_MAX: u32 = 16 << 10;

/// Serves agents until `stop`.
///
/// # Errors
/// When the server ended of itself.
pub async fn serve<F: Fleet>(
    fleet: FleetServer<F>,
    incoming: impl Incoming,
    tls: Option<Live<ServerConfig>>,
    refusals: Arc<Refusals>,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<FleetServer<F>>().await;
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_WITHIN))
        .http2_max_header_list_size(HEADERS_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW);
    let (ready, connections) = mpsc::channel(READY_MAX);
    let accepting = accept(incoming, tls, refusals, ready, stop.clone());
    let router = server.add_service(fleet).add_service(health);
    let connections = ReceiverStream::new(connections);
    let serving = router.serve_with_incoming_shutdown(connections, stop.cancelled_owned());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => served,
        () = accepting => serving.await,
    }
}
