//! The three routes of the first version.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::answer::{in_parts, json, json_response};
use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::state::VantageIdx;
use crate::view::first::{self, Counts};
use crate::view::past_hour::PastHour;

/// Websites in one piece of the answer: some milliseconds of the core's time, half a megabyte.
const PIECE: usize = 4096;

pub(super) async fn latest(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "latest", parameters).await?;
    let counted = async {
        let counts = in_parts(
            &api.hub,
            |_, _| Counts::new(),
            move |counts, state, now, part| first::latest(state, now, only, part, counts),
        );
        Ok::<_, Problem>(json(&counts.await?))
    };
    Ok(json_response(api.answers.kept(asked, counted).await?))
}

pub(super) async fn past_hour(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (asked, only) = parse(&api, "past-hour", parameters).await?;
    let round = api.round;
    let counted = async {
        let counting = in_parts(
            &api.hub,
            move |state, now| PastHour::new(state, now, round, only),
            |counting, state, _, part| counting.count(state, part),
        );
        Ok::<_, Problem>(json(&counting.await?.finish()))
    };
    Ok(json_response(api.answers.kept(asked, counted).await?))
}

/// Where the stream of websites is.
struct Websites {
    api: Api,
    only: Option<VantageIdx>,
    after: Option<String>,
    begun: bool,
    over: bool,
}

impl Websites {
    /// The next piece of the object; none after its end, and none when the collector stops: the answer is cut then.
    async fn next(&mut self) -> Option<String> {
        while !self.over {
            let (only, after) = (self.only, self.after.take());
            let asked = self.api.hub.ask(move |core, now| {
                first::websites(core.state(), now, only, after.as_deref(), PIECE)
            });
            let (piece, after) = asked.await.ok()?;
            self.over = after.is_none();
            self.after = after;
            if piece.is_empty() && !self.over {
                continue;
            }
            let begin = match (std::mem::replace(&mut self.begun, true), piece.is_empty()) {
                (false, _) => "{",
                (true, true) => "",
                (true, false) => ",",
            };
            return Some(format!("{begin}{piece}{}", if self.over { "}" } else { "" }));
        }
        None
    }
}

/// Every target by name, in pieces: a million of them neither hold up the core nor stand in memory.
pub(super) async fn websites(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, only) = parse(&api, "websites", parameters).await?;
    let mut websites = Websites { api, only, after: None, begun: false, over: false };
    let first = websites.next().await.unwrap_or_default();
    if websites.over {
        return Ok(json_response(first.into()));
    }
    let rest =
        futures_util::stream::unfold((Some(first), websites), |(first, mut websites)| async move {
            let piece = match first {
                Some(first) => first,
                None => websites.next().await?,
            };
            Some((Ok::<_, Infallible>(piece), (None, websites)))
        });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(rest.fuse())).into_response())
}

async fn parse(
    api: &Api,
    route: &str,
    mut parameters: Parameters,
) -> Result<(String, Option<VantageIdx>), Problem> {
    let name = parameters.text("vantage");
    parameters.finish()?;
    let only = vantage(api, name.as_deref()).await?;
    Ok((format!("{route}?{name:?}"), only))
}
