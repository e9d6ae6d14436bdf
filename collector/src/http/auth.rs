//! Bearer tokens of the API.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Api, Problem};

/// Lets a request through if the API asks for no token, or it carries one that is accepted.
pub(super) async fn require_token(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let Some(tokens) = &api.tokens else { return next.run(request).await };
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(crate::tokens::bearer) {
        Some(token) if tokens.borrow().accept(token) => next.run(request).await,
        _ => Problem::unauthorized().into_response(),
    }
}
