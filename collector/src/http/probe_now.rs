//! `POST /api/v1/targets/{name}/probe`.

use axum::extract::State;
use axum::response::Response;

use super::answer::{json, json_response};
use super::query::{Name, Parameters};
use super::{Api, Problem};
use crate::core::Asked;
use crate::view::asked;

pub(super) async fn everywhere(
    State(api): State<Api>,
    Name(name): Name,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    match api.hub.ask_agents(name.clone()).await? {
        Asked::Unknown => Err(Problem::not_found(format!("no target is called `{name}`"))),
        Asked::TooMany(wait) => Err(Problem::too_many("probes were asked for", wait)),
        Asked::Answered { at, vantages } => {
            Ok(json_response(json(&asked::everywhere(name, at, vantages))))
        }
    }
}
