//! `/api/v1/incidents`.

use axum::extract::State;
use axum::response::Response;
use proto::IncidentKind;

use super::answer::{json, json_response};
use super::query::Parameters;
use super::{Api, Problem};
use crate::view::incidents;

pub(super) async fn incidents(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let open = parameters.choice("state", &["open", "closed"])?.map(|state| state == "open");
    let kinds = IncidentKind::ALL.map(IncidentKind::name);
    let kind = parameters.choice("kind", &kinds)?;
    let kind = IncidentKind::ALL.into_iter().find(|known| kind.as_deref() == Some(known.name()));
    let id = parameters.text("id");
    let name = parameters.text("target");
    let limit = parameters.number("limit", 100, 1..=1000)?;
    let members = parameters.number("members", 20, 0..=1000)?;
    let before = parameters.position("cursor")?;
    parameters.finish()?;
    let found = api.hub.ask(move |core, now| {
        let state = core.state();
        let target = match &name {
            None => None,
            Some(name) => Some(state.by_name(name).map(|idx| state.target(idx).uid)?),
        };
        let question = incidents::Question { id, open, kind, target, before, limit, members };
        Some(incidents::incidents(state, core.store_trouble(), now, &question))
    });
    let found = found.await?.ok_or_else(|| Problem::not_found("`target`: no such target"))?;
    Ok(json_response(json(&found)))
}
