//! /metrics, /livez and /readyz.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::config::{AgentError, Listen};
use crate::metrics::Metrics;
use crate::plain_metrics::plain_metrics;

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
        let served = async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            let server = axum::serve(listener, router(metrics));
            server.with_graceful_shutdown(stop.cancelled_owned()).await
        };
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are not served any more");
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
