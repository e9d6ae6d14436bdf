//! The three routes of the first version.

use axum::extract::State;
use axum::response::Response;

use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::view::first;

pub(super) async fn latest(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "latest", parameters).await?;
    api.answers.json(&api.hub, asked, move |core, now| first::latest(core.state(), now, only)).await
}

pub(super) async fn past_hour(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "past-hour", parameters).await?;
    let round = api.round;
    let compute =
        move |core: &crate::core::Core, now| first::past_hour(core.state(), now, round, only);
    api.answers.json(&api.hub, asked, compute).await
}

pub(super) async fn websites(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "websites", parameters).await?;
    api.answers
        .json(&api.hub, asked, move |core, now| first::websites(core.state(), now, only))
        .await
}

async fn parse(
    api: &Api,
    route: &str,
    mut parameters: Parameters,
) -> Result<(String, Option<crate::state::VantageIdx>), Problem> {
    let name = parameters.text("vantage");
    parameters.finish()?;
    let only = vantage(api, name.as_deref()).await?;
    Ok((format!("{route}?{name:?}"), only))
}
