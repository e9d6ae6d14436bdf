//! JSON answers, computed at most twice a second however often they are asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use proto::Timestamp;
use serde::Serialize;

use super::Problem;
use crate::core::Core;
use crate::hub::Hub;

/// How old an answer may be: a probe is in every route within a second of being durable.
const FRESH: Duration = Duration::from_millis(500);
/// Answers kept; past that the oldest go. A page of a thousand targets is some 300 KB.
const KEPT_MAX: usize = 64;

/// The answers of the last half second, by what was asked.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<String, (Instant, Bytes)>>>);

impl Answers {
    /// The answer to `asked` (a path with its query, in one spelling), from memory or computed now.
    pub(super) async fn json<T: Serialize>(
        &self,
        hub: &Hub,
        asked: String,
        compute: impl FnOnce(&Core, Timestamp) -> T + Send + 'static,
    ) -> Result<Response, Problem> {
        if let Some(body) = self.recall(&asked) {
            return Ok(json_response(body));
        }
        // Rendered where it is computed: only bytes leave the core's task.
        let body = hub
            .ask(move |core, now| serde_json::to_vec(&compute(core, now)).map(Bytes::from))
            .await?
            .expect("views are plain JSON");
        self.keep(asked, body.clone());
        Ok(json_response(body))
    }

    fn recall(&self, asked: &str) -> Option<Bytes> {
        let answers = self.0.lock().expect("nothing panics while it holds this");
        let (at, body) = answers.get(asked)?;
        (at.elapsed() < FRESH).then(|| body.clone())
    }

    fn keep(&self, asked: String, body: Bytes) {
        let mut answers = self.0.lock().expect("nothing panics while it holds this");
        if answers.len() >= KEPT_MAX {
            answers.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if answers.len() < KEPT_MAX {
            answers.insert(asked, (Instant::now(), body));
        }
    }
}

/// A JSON body as a response.
pub(super) fn json_response(body: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}
