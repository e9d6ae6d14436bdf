//! A standby's HTTP port: what the leader can answer it answers, and what it cannot is answered from the log.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Leader;
use crate::http::{Api, Problem, router as every_route};

/// How long the leader may take to begin its answer. After that the log answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// … to something that changes, which nobody else can answer.
const WORK_WITHIN: Duration = Duration::from_secs(120);
/// A leader that did not answer is not asked again for so long.
const REST: Duration = Duration::from_secs(5);

/// On what one collector asks of another: it is not forwarded again.
const FORWARDED: HeaderName = HeaderName::from_static("zonewatch-forwarded");
/// On an answer from the log: as of when.
const AS_OF: HeaderName = HeaderName::from_static("zonewatch-as-of");

/// Every process answers these itself.
const OWN: [&str; 3] = ["/livez", "/metrics", "/"];
/// Only the leader knows these.
const LIVE: [&str; 3] = ["/api/v1/agents", "/api/v1/events", "/api/v1/rejected-rows"];

#[derive(Clone)]
struct Forward {
    leader: Leader,
    api: Api,
    /// When the leader did not answer.
    silent: Arc<std::sync::Mutex<Option<tokio::time::Instant>>>,
}

/// Every route of a leader.
pub(super) fn router(api: Api, leader: Leader) -> Router {
    let forward = Forward { leader, api: api.clone(), silent: Arc::default() };
    every_route(api).layer(from_fn_with_state(forward, forward_or_serve))
}

async fn forward_or_serve(
    State(forward): State<Forward>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let leader = forward.leader.borrow().clone();
    if path == "/readyz" {
        let leader = leader.as_deref().unwrap_or("nobody yet");
        return format!("ready: a standby; {leader} leads\n").into_response();
    }
    if OWN.contains(&path) || path.starts_with("/assets/") {
        return next.run(request).await;
    }
    let only_live = LIVE.contains(&path) || request.method() == Method::POST;
    if request.headers().contains_key(FORWARDED) {
        return unanswered(leader.as_deref());
    }
    let (uri, headers, method) =
        (request.uri().clone(), request.headers().clone(), request.method().clone());
    if let Some(leader) = leader.as_deref().filter(|_| !forward.rests()) {
        match ask(leader, request).await {
            Ok(answer) => return answer,
            Err(why) => {
                tracing::debug!(leader, why, "the leader does not answer");
                forward.note_silence();
            }
        }
    }
    if only_live {
        return unanswered(leader.as_deref());
    }
    let mut again = Request::new(Body::empty());
    (*again.uri_mut(), *again.headers_mut(), *again.method_mut()) = (uri, headers, method);
    let as_of = forward.api.hub.now().rfc3339();
    let mut answer = next.run(again).await;
    if let Ok(as_of) = HeaderValue::try_from(as_of) {
        answer.headers_mut().insert(AS_OF, as_of);
    }
    answer
}

impl Forward {
    fn rests(&self) -> bool {
        let silent = self.silent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        silent.is_some_and(|since| since.elapsed() < REST)
    }

    fn note_silence(&self) {
        let mut silent = self.silent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *silent = Some(tokio::time::Instant::now());
    }
}

fn unanswered(leader: Option<&str>) -> Response {
    let who = match leader {
        Some(leader) => format!("{leader} leads, and does not answer"),
        None => "nobody leads yet".into(),
    };
    Problem::unavailable(format!("only the leading collector knows this; {who}; try again soon"))
        .into_response()
}

/// Asks the leader the same; its body is passed on as it comes.
async fn ask(leader: &str, mut request: Request) -> Result<Response, String> {
    let told = |error: &dyn std::error::Error| crate::config::chain(error);
    let uri: Uri = leader.parse().map_err(|error| told(&error))?;
    let authority = uri.authority().ok_or("no address")?.clone();
    let within = if request.method() == Method::POST { WORK_WITHIN } else { ANSWER_WITHIN };
    let asked = async {
        let stream = TcpStream::connect(authority.as_str()).await.map_err(|error| told(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| told(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever reads the body hears of it.
            let _broken = connection.await;
        });
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(|_| "no path")?;
        let headers = request.headers_mut();
        headers.remove(header::CONNECTION);
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        let answer = sender.send_request(request).await.map_err(|error| told(&error))?;
        Ok::<_, String>((answer, driver))
    };
    let (answer, driver) =
        tokio::time::timeout(within, asked).await.map_err(|_| "no answer in time".to_owned())??;
    let (mut head, body) = answer.into_parts();
    if head.status == StatusCode::SERVICE_UNAVAILABLE {
        // It drains, or has just begun: the log answers as well as it can.
        return Err("it is not ready".into());
    }
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    Ok(Response::from_parts(head, Body::new(Driven { body, _driver: driver })))
}

/// A body, with the connection that it comes from.
struct Driven {
    body: hyper::body::Incoming,
    _driver: JoinSet<()>,
}

impl hyper::body::Body for Driven {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }
}
