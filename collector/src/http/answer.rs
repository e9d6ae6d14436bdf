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

/// How long an answer is given without another being computed.
const FRESH: Duration = Duration::from_millis(500);
/// While the next one is being computed, whoever asks gets the one before, if it was begun no longer ago than this: a probe is
/// in every route within a second of being durable.
const STALE: Duration = Duration::from_millis(900);
/// Answers kept. When so many are fresh, another is computed and not kept. A page of a thousand targets is some 300 KB.
const KEPT_MAX: usize = 64;
/// A response with a longer body is not given again as it is: what is long is not asked for often.
const AGAIN_MAX: usize = 64 << 10;
/// Targets looked at between two events: some milliseconds of the core's time.
pub(super) const PART: usize = 8192;

/// An answer, and who computes the next one.
#[derive(Default)]
struct Place {
    answer: Lock<Option<Answer>>,
    computing: Mutex<()>,
}

#[derive(Clone)]
struct Answer {
    begun: Instant,
    done: Instant,
    body: Bytes,
}

/// Until when a response may be given again as it is: one of its extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct FreshUntil(pub(super) Instant);

/// A body, and until when it is fresh; one that was given while the next is being computed is not.
pub(super) struct Given {
    pub(super) body: Bytes,
    fresh: Option<FreshUntil>,
}

impl Given {
    /// As a JSON response.
    pub(super) fn json(self) -> Response {
        let fresh = self.fresh.filter(|_| self.body.len() <= AGAIN_MAX);
        let mut response = json_response(self.body);
        fresh.map(|fresh| response.extensions_mut().insert(fresh));
        response
    }
}

impl Answer {
    fn fresh(self) -> Given {
        Given { body: self.body, fresh: Some(FreshUntil(self.done + FRESH)) }
    }
}

impl Place {
    fn answer(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self) -> Option<Given> {
        self.answer().filter(|answer| answer.done.elapsed() < FRESH).map(Answer::fresh)
    }

    fn stale(&self) -> Option<Given> {
        let answer = self.answer().filter(|answer| answer.begun.elapsed() < STALE)?;
        Some(Given { body: answer.body, fresh: None })
    }
}

type Kept = Arc<Place>;

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
        Ok(self.given(hub, asked, render).await?.json())
    }

    /// The answer to `asked`, from memory or computed now. It is rendered where it is computed: only bytes leave the core's
    /// task.
    pub(super) async fn given(
        &self,
        hub: &Hub,
        asked: String,
        compute: impl FnOnce(&Core, Timestamp) -> Bytes + Send + 'static,
    ) -> Result<Given, Problem> {
        self.kept(asked, async { Ok(hub.ask(compute).await?) }).await
    }

    /// The answer to `asked`, from memory or as `compute` says. Whoever asks the same meanwhile gets the one before, or waits
    /// for it here; whoever asks something else does not.
    pub(super) async fn kept(
        &self,
        asked: String,
        compute: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Result<Given, Problem> {
        let place = self.place(asked);
        if let Some(given) = place.fresh() {
            return Ok(given);
        }
        let _turn = match place.computing.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                if let Some(given) = place.stale() {
                    return Ok(given);
                }
                place.computing.lock().await
            }
        };
        if let Some(given) = place.fresh() {
            return Ok(given);
        }
        let begun = Instant::now();
        let body = compute.await?;
        let answer = Answer { begun, done: Instant::now(), body };
        *place.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        Ok(answer.fresh())
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
    begin: impl FnOnce(&State, Timestamp) -> A + Send + 'static,
    step: impl Fn(&mut A, &State, Timestamp, Range<usize>) + Clone + Send + 'static,
) -> Result<A, Stopped> {
    let begun = hub.ask(move |core, now| (begin(core.state(), now), now)).await?;
    let ((mut counted, now), mut first) = (begun, 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn while_an_answer_is_computed_whoever_asks_gets_the_one_before_or_waits_for_it() {
        let answers = Answers::default();
        let of = |text: &'static str| async move {
            Ok::<_, Problem>(Bytes::from_static(text.as_bytes()))
        };
        let body = |given: Result<Given, Problem>| {
            given.ok().map(|given| (given.fresh.is_some(), given.body))
        };
        let is = |text: &'static str, fresh| Some((fresh, Bytes::from_static(text.as_bytes())));
        let first = answers.kept("a".into(), of("first")).await;
        assert_eq!(body(first), is("first", true));
        let again = answers.kept("a".into(), of("never computed")).await;
        assert_eq!(body(again), is("first", true));
        // It is not fresh any more, and somebody computes the next one.
        let place = answers.place("a".into());
        let set = |done: Duration, begun: Duration| {
            let now = Instant::now();
            let body = Bytes::from_static(b"first");
            let answer = Answer { begun: now - begun, done: now - done, body };
            *place.answer.lock().expect("not poisoned") = Some(answer);
        };
        set(FRESH, FRESH);
        let turn = place.computing.try_lock().expect("nobody computes");
        let stale = answers.kept("a".into(), of("never computed")).await;
        assert_eq!(body(stale), is("first", false));
        // Too old to be given: whoever asks waits for the next one.
        set(FRESH, STALE);
        let mut waiting = Box::pin(answers.kept("a".into(), of("second")));
        let pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(pending.await);
        drop(turn);
        assert_eq!(body(waiting.await), is("second", true));
    }
}
