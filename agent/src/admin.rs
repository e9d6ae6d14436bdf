//! /metrics, /livez and /readyz: small answers for somebody near, a connection each.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::{AgentError, Listen};
use crate::metrics::Metrics;
use crate::plain_metrics::plain_metrics;

/// Connections at once: the oldest makes room for a new one. Each costs a descriptor, and those are for probes.
const CONNECTIONS_MAX: usize = 64;
/// From accepting to the last byte; a scrape takes milliseconds.
const CONNECTION_LASTS: Duration = Duration::from_secs(10);
/// The longest head of a request: more is 431.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// After the system refused a connection (no descriptors left, say) the next is tried so much later.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A bound socket that serves nothing yet.
#[derive(Debug)]
pub(crate) struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds.
    ///
    /// # Errors
    /// When the address cannot be had and is required; else that is a warning, and none.
    pub(crate) fn bind(listen: Listen) -> Result<Option<Self>, AgentError> {
        let Listen { address, required } = listen;
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        });
        match bound {
            Ok(admin) => Ok(Some(admin)),
            Err(source) if required => Err(AgentError::Listen { address, source }),
            Err(error) => {
                tracing::warn!(%address, %error, "cannot listen: no /metrics, /livez, /readyz");
                Ok(None)
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "metrics are not served"),
        };
        let routes = TowerToHyperService::new(router(metrics));
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).keep_alive(false).max_buf_size(HEAD_BYTES_MAX);
        let (mut connections, mut oldest) = (JoinSet::new(), VecDeque::<AbortHandle>::new());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                Some(_) = connections.join_next() => continue, // One that broke is its client's affair.
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            };
            oldest.retain(|connection| !connection.is_finished());
            if oldest.len() >= CONNECTIONS_MAX
                && let Some(connection) = oldest.pop_front()
            {
                connection.abort();
            }
            let answered = server.serve_connection(TokioIo::new(stream), routes.clone());
            oldest.push_back(connections.spawn(tokio::time::timeout(CONNECTION_LASTS, answered)));
        }
    }
}

fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(metrics)
}

async fn ready(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    if metrics.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no collector has taken the agent in, or it drains\n")
    }
}

/// In OpenMetrics for whoever asks for it, else in the older format, which everything reads.
async fn render(State(metrics): State<Arc<Metrics>>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let text = metrics.render();
    let (kind, text) = match accepted {
        Some(accept) if accept.contains("application/openmetrics-text") => {
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
        }
        _ => ("text/plain; version=0.0.4; charset=utf-8", plain_metrics(&text)),
    };
    ([(header::CONTENT_TYPE, kind)], text)
}
