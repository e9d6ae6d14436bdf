//! ETag and 304: whoever has an answer already is told that it is still the same.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use xxhash_rust::xxh3::xxh3_128;

/// Names a whole JSON answer by its content, and leaves it out where the client names the same one. What is streamed has
/// no name.
pub(super) async fn not_again(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_get = request.method() == Method::GET;
    let response = next.run(request).await;
    let is_json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let whole = response.body().size_hint().exact().is_some();
    if !(is_get && is_json && whole && response.status() == StatusCode::OK) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response(); // What is in memory can be read.
    };
    // Weak: compressed or not, it says the same.
    let tag = format!("W/\"{:032x}\"", xxh3_128(&bytes));
    let same =
        known.as_ref().and_then(|tags| tags.to_str().ok()).is_some_and(|tags| names(tags, &tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether an If-None-Match names this tag; weakness does not matter there.
fn names(tags: &str, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.split(',').any(|known| known.trim() == "*" || plain(known) == plain(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_several_tags_counts_weak_or_not() {
        assert!(names("W/\"a\"", "W/\"a\""));
        assert!(names("\"b\", \"a\"", "W/\"a\""));
        assert!(names("*", "W/\"a\""));
        assert!(!names("\"ab\"", "W/\"a\""));
    }
}
