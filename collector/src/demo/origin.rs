//! One HTTP server that is every site of the demo internet, told apart by the host they are asked by.
//!
//! It counts what it is asked, so that tests can compare: a probe that is reported was one request.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;

use super::script::{Answer, Script};

/// What never answers lets go after this long; a client that leaves earlier takes the request with it.
const NEVER: Duration = Duration::from_secs(60);
/// What breaks off does so after this long.
const BREAKS_OFF: Duration = Duration::from_millis(30);

/// The server, bound and not yet serving.
pub struct Origin {
    listener: TcpListener,
    address: SocketAddr,
    sites: Arc<Sites>,
}

/// The sites by host.
pub struct Sites {
    since: Instant,
    by_host: HashMap<String, Site>,
}

struct Site {
    script: Script,
    asked: AtomicU64,
}

impl Sites {
    /// How often the site of this host was asked.
    pub fn asked(&self, host: &str) -> u64 {
        self.by_host.get(host).map_or(0, |site| site.asked.load(Ordering::SeqCst))
    }

    /// What becomes of a request. A host that nobody planned is a good one: users add rows of their own.
    fn ask(&self, host: &str) -> Answer {
        let Some(site) = self.by_host.get(host) else { return Answer::status(StatusCode::OK) };
        site.asked.fetch_add(1, Ordering::SeqCst);
        site.script.at(self.since.elapsed())
    }
}

impl Origin {
    /// Takes a port of this machine; the age of the sites begins now.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn bind(sites: impl IntoIterator<Item = (String, Script)>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let by_host = sites
            .into_iter()
            .map(|(host, script)| (host, Site { script, asked: AtomicU64::new(0) }))
            .collect();
        let sites = Arc::new(Sites { since: Instant::now(), by_host });
        Ok(Self { listener, address, sites })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The sites that it is.
    pub fn sites(&self) -> Arc<Sites> {
        Arc::clone(&self.sites)
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// When the server ended by itself.
    pub async fn serve(self) -> io::Result<()> {
        axum::serve(self.listener, Router::new().fallback(answer).with_state(self.sites)).await
    }
}

async fn answer(State(sites): State<Arc<Sites>>, headers: HeaderMap) -> Response {
    let asked_for = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let host = asked_for.split(':').next().unwrap_or(asked_for);
    match sites.ask(host) {
        Answer::Status(code, after) => {
            tokio::time::sleep(after).await;
            page(host, code)
        }
        Answer::Broken => {
            let length = [(header::CONTENT_LENGTH, "4096")];
            let beginning = Bytes::from_static(b"<!doctype html>\n<title>");
            let all = tokio_stream::once(beginning).chain(tokio_stream::pending());
            // The time is what breaks it off: the beginning has left by then.
            let body = Body::from_stream(all.timeout(BREAKS_OFF));
            (length, body).into_response()
        }
        Answer::Never => {
            tokio::time::sleep(NEVER).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

fn page(host: &str, code: StatusCode) -> Response {
    let greeting = if code.is_success() { "Welcome" } else { "Sorry" };
    let text = format!(
        "<!doctype html>\n<title>{host}</title>\n<p>{greeting}. {host} is made up, and here to be probed.\n"
    );
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut response = (code, html, text).into_response();
    if code.is_redirection() {
        let elsewhere = header::HeaderValue::from_static("/");
        response.headers_mut().insert(header::LOCATION, elsewhere);
    }
    response
}
