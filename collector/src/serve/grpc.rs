//! The agents' port.

use std::time::Duration;

use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::config::Tls;

/// A peer that is silent on the connection is asked so often …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// … and is gone when it does not answer within this.
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(5);
/// HTTP/2's default of 64 KiB would slow a backlog down over a long distance.
const WINDOW: u32 = 1 << 20;

pub(super) fn server_tls(tls: &Tls) -> ServerTlsConfig {
    let config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.cert, &tls.key));
    match &tls.client_ca {
        Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
        None => config,
    }
}

pub(crate) async fn serve<F: Fleet>(
    fleet: FleetServer<F>,
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<FleetServer<F>>().await;
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_WITHIN))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW);
    if let Some(tls) = tls {
        server = server.tls_config(tls)?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let router = server.add_service(fleet).add_service(health);
    router.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await
}
