//! `GET /api/v1/events`: server-sent events. A listener reads the ring at its own pace; the kernel cuts one that does not read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::query::Parameters;
use super::{Api, Problem};
use crate::news::{News, Next, Position};

/// Listeners at once: each holds a connection and nothing else.
const LISTENERS_MAX: usize = 256;
/// A comment so often keeps the connection open where something on the way closes silent ones.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a listener hears first: come back after two seconds when the stream ends.
const HEAD: &[u8] = b"retry: 2000\n\n";

/// The listeners, and what they listen to.
#[derive(Clone)]
pub struct Listeners {
    news: News,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Listeners {
    /// None yet. Every stream ends at `stop`.
    pub fn new(news: News, stop: CancellationToken) -> Self {
        Self { news, room: Arc::new(Semaphore::new(LISTENERS_MAX)), stop }
    }
}

struct Listener {
    news: News,
    wake: watch::Receiver<u64>,
    place: Position,
    stop: CancellationToken,
    greeted: bool,
    _room: OwnedSemaphorePermit,
}

impl Listener {
    /// What to send next; nothing when the stream is to end.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Bytes::from_static(HEAD));
        }
        loop {
            self.wake.borrow_and_update();
            if let Next::Events(bytes, place) = self.news.after(self.place) {
                self.place = place;
                return Some(bytes);
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.wake.changed() => changed.ok()?,
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

pub(super) async fn events(
    State(api): State<Api>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let Listeners { news, room, stop } = api.listeners;
    let room = room
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable(format!("{LISTENERS_MAX} clients listen already")))?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // An id that no collector wrote is one of the past: it is told of the gap.
    let place = last.map_or(news.end(), |id| Position::parse(id).unwrap_or_default());
    let wake = news.watch();
    let listener = Listener { news, wake, place, stop, greeted: false, _room: room };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok::<_, Infallible>(bytes), listener))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(stream.fuse())).into_response())
}
