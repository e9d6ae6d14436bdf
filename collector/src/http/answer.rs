//! Answers of the last half second, each computed once however often it is asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use proto::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;

use super::Problem;
use crate::core::Core;
use crate::hub::{Hub, Stopped};
use crate::state::State;

/// How old an answer may be: a probe is in every route within a second of being durable.
const FRESH: Duration = Duration::from_millis(500);
/// Answers kept. When so many are fresh, another is computed and not kept. A page of a thousand targets is some 300 KB.
const KEPT_MAX: usize = 64;
/// Targets looked at between two events: some milliseconds of the core's time.
const PART: usize = 8192;

/// When it was computed, and what it is; nothing while that is on its way.
type Kept = Arc<Mutex<Option<(Instant, Bytes)>>>;

/// What was answered lately, by what was asked.
#[derive(Clone, Default)]
pub struct Answers(Arc<Lock<HashMap<String, (Instant, Kept)>>>);

impl Answers {
    /// The JSON answer to `asked` (a route with its parameters, in one spelling).
    pub(super) async fn json<T: Serialize>(
        &self,
        hub: &Hub,
        asked: String,
        compute: impl FnOnce(&Core, Timestamp) -> T + Send + 'static,
    ) -> Result<Response, Problem> {
        let render = move |core: &Core, now| json(&compute(core, now));
        Ok(json_response(self.bytes(hub, asked, render).await?))
    }

    /// The answer to `asked`, from memory or computed now. It is rendered where it is computed: only bytes leave the core's
    /// task.
    pub(super) async fn bytes(
        &self,
        hub: &Hub,
        asked: String,
        compute: impl FnOnce(&Core, Timestamp) -> Bytes + Send + 'static,
    ) -> Result<Bytes, Problem> {
        self.kept(asked, async { Ok(hub.ask(compute).await?) }).await
    }

    /// The answer to `asked`, from memory or as `compute` says. Whoever asks the same meanwhile waits for it here; whoever
    /// asks something else does not.
    pub(super) async fn kept(
        &self,
        asked: String,
        compute: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Result<Bytes, Problem> {
        let place = self.place(asked);
        let mut place = place.lock().await;
        if let Some((at, body)) = place.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(body.clone());
        }
        let body = compute.await?;
        *place = Some((Instant::now(), body.clone()));
        Ok(body)
    }

    fn place(&self, asked: String) -> Kept {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(&asked) {
            kept.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if kept.len() >= KEPT_MAX && !kept.contains_key(&asked) {
            return Kept::default();
        }
        let (at, place) = kept.entry(asked).or_insert_with(|| (Instant::now(), Kept::default()));
        *at = Instant::now();
        place.clone()
    }
}

/// Goes over all targets in parts, each between two of the core's events, as of one instant.
pub(super) async fn in_parts<A: Send + 'static>(
    hub: &Hub,
    begin: impl FnOnce(Timestamp) -> A,
    step: impl Fn(&mut A, &State, Timestamp, Range<usize>) + Clone + Send + 'static,
) -> Result<A, Stopped> {
    let now = hub.ask(|_, now| now).await?;
    let (mut counted, mut first) = (begin(now), 0);
    loop {
        let step = step.clone();
        let asked = hub.ask(move |core, _| {
            let mut counted = counted;
            step(&mut counted, core.state(), now, first..first + PART);
            (counted, first + PART < core.state().targets().len())
        });
        let more;
        (counted, more) = asked.await?;
        if !more {
            return Ok(counted);
        }
        first += PART;
    }
}

/// A view as JSON.
pub(super) fn json(view: &impl Serialize) -> Bytes {
    serde_json::to_vec(view).expect("views are plain JSON").into()
}

/// A JSON body as a response.
pub(super) fn json_response(body: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        // It may be kept, and is asked for again with its ETag.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    (headers, body).into_response()
}
