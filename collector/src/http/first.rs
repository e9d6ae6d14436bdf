//! Two of the three routes of the first version: counts.

use axum::extract::State;
use axum::response::Response;

use super::answer::{in_parts, json};
use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::state::VantageIdx;
use crate::view::first::{self, Counts};
use crate::view::past_hour::PastHour;

pub(super) async fn latest(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = of_vantage(&api, "latest", parameters).await?;
    let counted = async {
        let counts = in_parts(
            &api.hub,
            |_, _| Counts::new(),
            move |counts, state, now, part| first::latest(state, now, only, part, counts),
        );
        Ok::<_, Problem>(json(&counts.await?))
    };
    Ok(api.answers.kept(asked, counted).await?.json())
}

pub(super) async fn past_hour(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = of_vantage(&api, "past-hour", parameters).await?;
    let round = api.round;
    let counted = async {
        let counting = in_parts(
            &api.hub,
            move |state, now| PastHour::new(state, now, round, only),
            |counting, state, _, part| counting.count(state, part),
        );
        Ok::<_, Problem>(json(&counting.await?.finish()))
    };
    Ok(api.answers.kept(asked, counted).await?.json())
}

/// What is asked, in one spelling, and of which one vantage.
pub(super) async fn of_vantage(
    api: &Api,
    route: &str,
    mut parameters: Parameters,
) -> Result<(String, Option<VantageIdx>), Problem> {
    let name = parameters.text("vantage");
    parameters.finish()?;
    let only = vantage(api, name.as_deref()).await?;
    Ok((format!("{route}?{name:?}"), only))
}
