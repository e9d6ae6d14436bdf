//! Answers given again, byte for byte: who asks the same while an answer is fresh gets the head and the body that were made
//! for whoever asked first, compressed or not, and nothing is looked at again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::FreshUntil;

/// Answers kept, each as long as a [`FreshUntil`] may be. When so many are fresh, no other is.
const KEPT_MAX: usize = 64;

/// Who says who they are, where they come from, or what they have already, may get something else.
const OWN: [header::HeaderName; 3] = [header::AUTHORIZATION, header::ORIGIN, header::IF_NONE_MATCH];

/// A whole response.
struct Kept {
    until: Instant,
    headers: HeaderMap,
    body: Bytes,
}

/// What a response depends on: the path with its query, and the encodings that are accepted.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    path: String,
    accepts: Option<HeaderValue>,
}

/// What there is to say to a request.
pub(super) enum Asked {
    /// This.
    Known(Response),
    /// It has to be answered; if there is a key, others may get the same.
    Anew(Option<Key>),
}

/// The responses to one path, by the encodings that were asked for: a few.
type Variants = Vec<(Option<HeaderValue>, Arc<Kept>)>;

/// The responses of the last half second, by path.
#[derive(Clone, Default)]
pub(super) struct Again(Arc<Mutex<HashMap<String, Variants>>>);

impl Again {
    /// What is known of what is asked.
    pub(super) fn asked<B: hyper::body::Body>(&self, request: &Request<B>) -> Asked {
        let headers = request.headers();
        let is_plain = request.method() == Method::GET
            && request.body().is_end_stream()
            && !OWN.iter().any(|name| headers.contains_key(name));
        let Some(path) = request.uri().path_and_query().filter(|_| is_plain) else {
            return Asked::Anew(None);
        };
        let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
        let (path, accepts) = (path.as_str(), accepted.next());
        if accepted.next().is_some() {
            return Asked::Anew(None); // They count together, and one line of them would stand for all.
        }
        match self.fresh(path, accepts) {
            Some(kept) => {
                tracing::debug!(
                    path = request.uri().path(),
                    "request answered as the one before it"
                );
                Asked::Known(kept.response())
            }
            None => Asked::Anew(Some(Key { path: path.to_owned(), accepts: accepts.cloned() })),
        }
    }

    fn fresh(&self, path: &str, accepts: Option<&HeaderValue>) -> Option<Arc<Kept>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, kept) = known.get(path)?.iter().find(|(known, _)| known.as_ref() == accepts)?;
        (Instant::now() < kept.until).then(|| kept.clone())
    }

    /// Passes a response on, and keeps it if it may be given again.
    pub(super) async fn learn<E>(
        self,
        key: Option<Key>,
        response: impl Future<Output = Result<Response, E>>,
    ) -> Result<Response, E> {
        let (parts, body) = response.await?.into_parts();
        let until = parts.extensions.get::<FreshUntil>().filter(|_| parts.status == StatusCode::OK);
        let (Some(FreshUntil(until)), Some(key)) = (until.copied(), key) else {
            return Ok(Response::from_parts(parts, body));
        };
        // What is fresh stands in memory: nothing is waited for here, but that it is compressed.
        let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
            return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let kept = Arc::new(Kept { until, headers: parts.headers, body });
        let response = kept.response();
        self.keep(key, kept);
        Ok(response)
    }

    fn keep(&self, key: Key, kept: Arc<Kept>) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, variants| {
            variants.retain(|(_, kept)| now < kept.until);
            !variants.is_empty()
        });
        if known.values().map(Vec::len).sum::<usize>() >= KEPT_MAX {
            return;
        }
        let variants = known.entry(key.path).or_default();
        // Of those who asked at the same time the first was enough.
        if variants.iter().all(|(accepts, _)| *accepts != key.accepts) {
            variants.push((key.accepts, kept));
        }
    }
}

impl Kept {
    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.headers_mut() = self.headers.clone();
        response
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(600);

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Request<Body> {
        let mut request = Request::get(path).body(Body::empty()).expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        request
    }

    async fn text(response: Response) -> String {
        let tag = response.headers().get(header::ETAG).cloned();
        let body = axum::body::to_bytes(response.into_body(), 100).await.expect("it is there");
        format!("{tag:?} {}", String::from_utf8_lossy(&body))
    }

    /// Asks, and answers with `body` if it is not known yet; says whether it was, and what is given.
    async fn ask(
        again: &Again,
        request: &Request<Body>,
        (status, until): (StatusCode, Option<Instant>),
        body: &'static str,
    ) -> (bool, String) {
        match again.asked(request) {
            Asked::Known(response) => (true, text(response).await),
            Asked::Anew(key) => {
                let mut answer = (status, [(header::ETAG, "tag")], body).into_response();
                until.map(|until| answer.extensions_mut().insert(FreshUntil(until)));
                let answer = again.clone().learn(key, async { Ok::<_, Infallible>(answer) }).await;
                (false, text(answer.unwrap_or_else(|never| match never {})).await)
            }
        }
    }

    #[tokio::test]
    async fn the_same_is_given_again_while_it_is_fresh_and_only_to_who_asks_the_same() {
        let again = Again::default();
        let fresh = (StatusCode::OK, Some(Instant::now() + SOON));
        let plain = get("/a?b=c", &[]);
        let first = ask(&again, &plain, fresh, "first").await;
        assert_eq!(first, (false, "Some(\"tag\") first".to_owned()));
        assert_eq!(ask(&again, &plain, fresh, "second").await, (true, first.1));
        let packed = get("/a?b=c", &[(header::ACCEPT_ENCODING, "gzip")]);
        assert!(!ask(&again, &packed, fresh, "packed").await.0);
        assert!(ask(&again, &packed, fresh, "").await.1.ends_with("packed"));
        assert!(ask(&again, &plain, fresh, "").await.1.ends_with("first"));
        for path in ["/a", "/a?b=d", "/a?b=c&"] {
            assert!(!ask(&again, &get(path, &[]), fresh, "").await.0, "{path}");
        }
        for name in OWN {
            let own = get("/a?b=c", &[(name.clone(), "x")]);
            assert!(!ask(&again, &own, fresh, "").await.0, "{name}");
            assert!(!ask(&again, &own, fresh, "").await.0, "{name}: nor was it kept");
        }
        let mut head = get("/a?b=c", &[]);
        *head.method_mut() = Method::HEAD;
        assert!(!ask(&again, &head, fresh, "").await.0);
        let sent = Request::get("/a?b=c").body(Body::from("something")).expect("a request");
        assert!(!ask(&again, &sent, fresh, "").await.0);
    }

    #[tokio::test]
    async fn what_is_stale_or_wrong_or_one_too_many_is_not_given_again() {
        let again = Again::default();
        let (ok, soon, over) = (StatusCode::OK, Instant::now() + SOON, Instant::now());
        for kind in [(ok, None), (ok, Some(over)), (StatusCode::UNAUTHORIZED, Some(soon))] {
            for _ in 0..2 {
                assert!(!ask(&again, &get("/a", &[]), kind, "").await.0, "{kind:?}");
            }
        }
        for n in 0..=KEPT_MAX {
            assert!(!ask(&again, &get(&format!("/{n}"), &[]), (ok, Some(soon)), "").await.0);
        }
        assert!(ask(&again, &get("/0", &[]), (ok, Some(soon)), "").await.0);
        let last = get(&format!("/{KEPT_MAX}"), &[]);
        assert!(!ask(&again, &last, (ok, Some(soon)), "").await.0);
    }
}
