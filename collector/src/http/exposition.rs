//! Metrics in the format that the scraper asks for: OpenMetrics, or the older text format.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

const OPEN: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// The older format, which every scraper and `promtool check metrics` read.
pub(super) const PLAIN: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// An answer with `open`, which is OpenMetrics.
pub(super) fn answer(headers: &HeaderMap, open: &str) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepted.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        return ([(header::CONTENT_TYPE, OPEN)], open.to_owned()).into_response();
    }
    ([(header::CONTENT_TYPE, PLAIN)], agent::plain_metrics(open)).into_response()
}
