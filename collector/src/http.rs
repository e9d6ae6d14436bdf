//! The HTTP API and the page: thin shells over [`crate::view`].

mod again;
mod answer;
mod auth;
mod conditional;
mod cors;
mod cursor;
mod events;
mod exposition;
mod first;
pub(crate) mod fuzz;
mod guard;
mod history;
mod incidents;
mod listing;
mod metrics;
mod openapi;
mod page;
mod probe_now;
mod probes;
mod problem;
mod query;
mod requests;
mod server;
mod v1;
mod websites;

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::hub::{Hub, LogHealth};
use crate::notify::Counts;
use crate::reload::Live;
use crate::sessions::Refusals;
use crate::target_file::{Health, Rejected};
use crate::tokens::Tokens;

pub use answer::Answers;
pub use cors::Origin;
pub use cursor::Orders;
pub use events::Listeners;
pub use history::History;
pub use listing::Lists;
pub use problem::Problem;
pub use server::serve;
pub use websites::Sites;

/// What every route may need.
#[derive(Clone)]
pub struct Api {
    /// The core's task.
    pub hub: Hub,
    /// The length of a round: the default interval.
    pub round: std::time::Duration,
    /// How long hours are kept: no window is longer.
    pub keep: std::time::Duration,
    /// How long slots are kept.
    pub keep_slots: std::time::Duration,
    /// Finished hours.
    pub history: History,
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
    /// The index of the list of targets.
    pub lists: Lists,
    /// What `/websites-status` says.
    pub sites: Sites,
    /// Orders of lists that somebody may read further.
    pub orders: Orders,
    /// What became of messages to receivers.
    pub notified: Counts,
    /// Who listens to what happens.
    pub listeners: Listeners,
}

/// Every route of the API that a token guards, by its path: those that `assets/openapi.json` has.
pub fn routes() -> Vec<(&'static str, MethodRouter<Api>)> {
    vec![
        ("/latest-summary", get(first::latest)),
        ("/past-hour-summary", get(first::past_hour)),
        ("/websites-status", get(websites::websites)),
        ("/api/v1/summary", get(v1::summary)),
        ("/api/v1/hours", get(history::hours)),
        ("/api/v1/uptime", get(history::uptime)),
        ("/api/v1/targets/{name}/history", get(history::target_history)),
        ("/api/v1/targets", get(listing::targets)),
        ("/api/v1/targets/{name}", get(v1::target)),
        ("/api/v1/targets/{name}/probe", post(probe_now::everywhere)),
        ("/api/v1/changes", get(v1::changes)),
        ("/api/v1/incidents", get(incidents::incidents)),
        ("/api/v1/events", get(events::events)),
        ("/api/v1/agents", get(v1::agents)),
        ("/api/v1/vantages", get(v1::vantages)),
        ("/api/v1/rejected-rows", get(v1::rejected_rows)),
        ("/api/v1/openapi.json", get(openapi::document)),
        ("/metrics", get(metrics::metrics)),
        ("/metrics/probes", get(probes::probes)),
    ]
}

/// Everything that the HTTP port serves.
pub fn router(api: Api) -> Router {
    let guarded = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, route)| router.route(path, route))
        .layer(from_fn(conditional::not_again))
        .layer(from_fn_with_state(api.clone(), cors::no_strangers))
        .layer(from_fn_with_state(api.clone(), auth::require_token));
    Router::new()
        .merge(guarded)
        .merge(page::routes())
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .fallback(|| async {
            Problem::not_found("no such route; see docs/api.md for those there are")
        })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn(guard::guard))
        .layer(from_fn_with_state(api.clone(), cors::allow))
        .with_state(api)
        .layer(from_fn(requests::logged))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
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
