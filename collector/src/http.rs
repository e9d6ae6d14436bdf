//! The HTTP API and the page: thin shells over [`crate::view`].

mod answer;
mod auth;
mod cors;
mod events;
mod first;
pub(crate) mod fuzz;
mod guard;
mod metrics;
mod page;
mod probe_now;
mod problem;
mod query;
mod server;
mod v1;

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;

use crate::hub::{Hub, LogHealth};
use crate::reload::Live;
use crate::sessions::Refusals;
use crate::target_file::{Health, Rejected};
use crate::tokens::Tokens;

pub use answer::Answers;
pub use cors::Origin;
pub use events::Listeners;
pub use problem::Problem;
pub use server::serve;

/// What every route may need.
#[derive(Clone)]
pub struct Api {
    /// The core's task.
    pub hub: Hub,
    /// The length of a round: the default interval.
    pub round: std::time::Duration,
    /// How long slots are kept: no window is longer.
    pub keep_slots: std::time::Duration,
    /// Where the target file is.
    pub targets: Arc<str>,
    /// What the target file's last reading left out.
    pub rejected: watch::Receiver<Arc<Rejected>>,
    /// Whether it can be read now.
    pub source_health: watch::Receiver<Health>,
    /// Whether the log can be written.
    pub log_health: watch::Receiver<LogHealth>,
    /// Bearer tokens, if any are asked for.
    pub tokens: Option<Live<Tokens>>,
    /// Agents that were not let in.
    pub refusals: Arc<Refusals>,
    /// Origins of dashboards that are hosted elsewhere.
    pub origins: Arc<[Origin]>,
    /// Answers of the last half second.
    pub answers: Answers,
    /// Who listens to what happens.
    pub listeners: Listeners,
}

/// Every route.
pub fn router(api: Api) -> Router {
    let guarded = Router::new()
        .route("/latest-summary", get(first::latest))
        .route("/past-hour-summary", get(first::past_hour))
        .route("/websites-status", get(first::websites))
        .route("/api/v1/summary", get(v1::summary))
        .route("/api/v1/targets", get(v1::targets))
        .route("/api/v1/targets/{name}", get(v1::target))
        .route("/api/v1/targets/{name}/probe", post(probe_now::everywhere))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/changes", get(v1::changes))
        .route("/api/v1/agents", get(v1::agents))
        .route("/api/v1/vantages", get(v1::vantages))
        .route("/api/v1/rejected-rows", get(v1::rejected_rows))
        .route("/metrics", get(metrics::metrics))
        .layer(axum::middleware::from_fn_with_state(api.clone(), auth::require_token));
    Router::new()
        .merge(guarded)
        .merge(page::routes())
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .fallback(|| async {
            Problem::not_found("no such route; see docs/api.md for those there are")
        })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(axum::middleware::from_fn(guard::guard))
        .layer(axum::middleware::from_fn_with_state(api.clone(), cors::allow))
        .with_state(api)
}

/// Ready: the target file was read, and the log can be written.
async fn readyz(Shared(api): Shared<Api>) -> Response {
    let health = api.log_health.borrow().clone();
    if let LogHealth::Failing(error) = health {
        let text = format!("the log cannot be written: {error}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    match api.hub.ask(|core, _| core.state().first_load.is_some()).await {
        Ok(true) => "ready\n".into_response(),
        Ok(false) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the target file is being loaded\n").into_response()
        }
        Err(stopped) => (StatusCode::SERVICE_UNAVAILABLE, format!("{stopped}\n")).into_response(),
    }
}
