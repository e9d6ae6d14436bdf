//! The page at `/`: four files inside the program, and headers that let nothing else in.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;

/// Only what this server serves is loaded, and no page frames it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Api> {
    let html =
        || async { asset("text/html; charset=utf-8", include_str!("../../assets/index.html")) };
    let script =
        || async { asset("text/javascript; charset=utf-8", include_str!("../../assets/app.js")) };
    let style =
        || async { asset("text/css; charset=utf-8", include_str!("../../assets/style.css")) };
    let icon = || async { asset("image/svg+xml", include_str!("../../assets/icon.svg")) };
    Router::new()
        .route("/", get(html))
        .route("/app.js", get(script))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, text).into_response()
}
