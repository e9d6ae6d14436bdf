//! The routes under /api/v1.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::answer::{in_parts, json, json_response};
use super::query::{Name, Parameters};
use super::{Api, Problem};
use crate::state::VantageIdx;
use crate::view::{changes, fleet, summary, target};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The vantage of this name, or a 400 that says which there are.
pub(super) async fn vantage(api: &Api, name: Option<&str>) -> Result<Option<VantageIdx>, Problem> {
    let Some(name) = name.map(str::to_owned) else { return Ok(None) };
    let found = api.hub.ask(move |core, _| {
        core.state().vantage_idx(&name).ok_or_else(|| {
            let known: Vec<&str> =
                core.state().vantages().map(|(_, vantage)| vantage.name.as_str()).collect();
            let expected = match known.is_empty() {
                true => "there is none yet".to_owned(),
                false => format!("expected one of {}", known.join(", ")),
            };
            Problem::bad_request(format!("`vantage={name}`: {expected}"))
        })
    });
    found.await?.map(Some)
}

pub(super) async fn summary(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let window = parameters.duration("window", HOUR, api.keep)?;
    let name = parameters.text("vantage");
    let zone = parameters.text("zone");
    let category = parameters.text("category");
    parameters.finish()?;
    let vantage = vantage(&api, name.as_deref()).await?;
    let question = summary::Question { window, round: api.round, vantage, zone, category };
    if window > api.keep_slots {
        return super::history::long_summary(api, question, name).await;
    }
    let asked = format!("summary {question:?}");
    let counted = async {
        let counting = in_parts(
            &api.hub,
            |_, now| summary::Counting::new(now, question),
            |counting, state, _, part| counting.count(state, part),
        );
        let counting = counting.await?;
        // Millions of samples are sorted here, on a thread that may take its time.
        let rendered = tokio::task::spawn_blocking(move || json(&counting.finish())).await;
        rendered.map_err(|_| Problem::unavailable("the summary could not be computed"))
    };
    Ok(api.answers.kept(asked, counted).await?.json())
}

pub(super) async fn target(
    State(api): State<Api>,
    Name(name): Name,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let asked = name.clone();
    let full = api.hub.ask(move |core, now| target::full(core.state(), now, &asked)).await?;
    let full = full.ok_or_else(|| Problem::not_found(format!("no target is called `{name}`")))?;
    Ok(json_response(json(&full)))
}

pub(super) async fn changes(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let (from, to) = parameters.span(api.hub.now(), DAY)?;
    let name = parameters.text("target");
    let limit = parameters.number("limit", 100, 1..=1000)?;
    let before = parameters.position("cursor")?;
    parameters.finish()?;
    let found = api.hub.ask(move |core, _| {
        let target = match &name {
            None => None,
            Some(name) => Some(core.state().by_name(name).map(|idx| core.state().target(idx).uid)?),
        };
        let question = changes::Question { from, to, target, before, limit };
        Some(json(&changes::changes(core.state(), &question)))
    });
    let found = found.await?;
    found.map(json_response).ok_or_else(|| Problem::not_found("`target`: no such target"))
}

pub(super) async fn agents(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    api.answers.json(&api.hub, "agents".into(), fleet::agents).await
}

pub(super) async fn vantages(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    api.answers.json(&api.hub, "vantages".into(), |core, _| fleet::vantages(core)).await
}

#[derive(Serialize)]
struct RejectedRows {
    file: String,
    /// Why the newest reading changed nothing, if it failed.
    problem: Option<String>,
    total: usize,
    rows: Vec<RejectedRow>,
}

#[derive(Serialize)]
struct RejectedRow {
    line: u64,
    name: Option<String>,
    reason: String,
}

pub(super) async fn rejected_rows(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let rejected = api.rejected.borrow().clone();
    let row = |row: &'_ crate::target_file::RejectedRow| RejectedRow {
        line: row.line,
        name: row.name.clone(),
        reason: row.reason.clone(),
    };
    let rows = rejected.rows.iter().map(row).collect();
    let file = api.targets.to_string();
    let problem = api.source_health.borrow().problem.clone();
    Ok(json_response(json(&RejectedRows { file, problem, total: rejected.total, rows })))
}
