//! Every request has a span, so that what is logged meanwhile says of which; but for those that are answered as the one before them.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// Runs the request in its span, and logs how it was answered. The route stands there, not the path: a path may hold the
/// name of a target, a query anything.
pub(super) async fn logged(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.as_deref().unwrap_or("none");
    let span = tracing::info_span!("request", method = %request.method(), route);
    async {
        let began = Instant::now();
        let response = next.run(request).await;
        let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis() as u64);
        tracing::debug!(status, ms, "request answered");
        response
    }
    .instrument(span)
    .await
}
