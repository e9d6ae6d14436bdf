//! Answers of the last half second, each computed once however often it is asked for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use proto::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;

use super::Problem;
use crate::core::Core;
use crate::hub::Hub;

/// How old an answer may be: a probe is in every route within a second of being durable.
const FRESH: Duration = Duration::from_millis(500);
/// Answers kept. When so many are fresh, another is computed and not kept. A page of a thousand targets is some 300 KB.
const KEPT_MAX: usize = 64;

/// What was answered lately, by what was asked.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<String, (Instant, Bytes)>>>);

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
    /// task, and whoever asks the same meanwhile waits for it here.
    pub(super) async fn bytes(
        &self,
        hub: &Hub,
        asked: String,
        compute: impl FnOnce(&Core, Timestamp) -> Bytes + Send + 'static,
    ) -> Result<Bytes, Problem> {
        let mut answers = self.0.lock().await;
        if let Some((at, body)) = answers.get(&asked)
            && at.elapsed() < FRESH
        {
            return Ok(body.clone());
        }
        let body = hub.ask(compute).await?;
        if answers.len() >= KEPT_MAX {
            answers.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if answers.len() < KEPT_MAX {
            answers.insert(asked, (Instant::now(), body.clone()));
        }
        Ok(body)
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
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}
