//! The three routes of the first version.

use axum::extract::{Query as Parse, State};
use axum::response::Response;

use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem, Query};
use crate::view::first;

pub(super) async fn latest(
    State(api): State<Api>,
    Parse(query): Parse<Query>,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "latest", query).await?;
    api.answers.json(&api.hub, asked, move |core, now| first::latest(core.state(), now, only)).await
}

pub(super) async fn past_hour(
    State(api): State<Api>,
    Parse(query): Parse<Query>,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "past-hour", query).await?;
    let round = api.round;
    let compute =
        move |core: &crate::core::Core, now| first::past_hour(core.state(), now, round, only);
    api.answers.json(&api.hub, asked, compute).await
}

pub(super) async fn websites(
    State(api): State<Api>,
    Parse(query): Parse<Query>,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "websites", query).await?;
    api.answers
        .json(&api.hub, asked, move |core, now| first::websites(core.state(), now, only))
        .await
}

async fn parse(
    api: &Api,
    route: &str,
    query: Query,
) -> Result<(String, Option<crate::state::VantageIdx>), Problem> {
    let mut parameters = Parameters::new(query);
    let name = parameters.text("vantage");
    parameters.finish()?;
    let only = vantage(api, name.as_deref()).await?;
    Ok((format!("{route}?{name:?}"), only))
}
