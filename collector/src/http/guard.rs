//! What holds for every route: headers that let a browser do nothing but read, a bound on bodies, and one on time.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;

/// No route has a body to speak of.
const BODY_BYTES_MAX: u64 = 64 << 10;
/// A question may take as long as a million targets need, and a queue before it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Answers are data: nothing in them is run, framed, sniffed for another type, or loaded by another site's page.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Wraps every route. The page has a policy of its own, which stays.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = answer(request, next).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

async fn answer(request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > BODY_BYTES_MAX {
        return Problem::too_large("a body of more than 64 KiB; no route takes one")
            .into_response();
    }
    // Only a GET is a question: what is done at a POST may take as long as a probe.
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::unavailable("no answer within 30 s; the collector is busy").into_response()
        }
    }
}
