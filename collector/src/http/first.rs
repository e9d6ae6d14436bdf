//! The three routes of the first version.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::ready;
use futures_util::{StreamExt, stream};

use super::answer::{in_parts, json, json_response};
use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::hub::Stopped;
use crate::state::VantageIdx;
use crate::view::first::{self, Counts};
use crate::view::past_hour::PastHour;
use crate::view::websites::Websites;

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
    Ok(api.answers.kept(asked, counted).await?.json())
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
    Ok(api.answers.kept(asked, counted).await?.json())
}

/// The next piece of the object; nothing after its end.
async fn piece(api: &Api, mut websites: Websites) -> Result<Option<(String, Websites)>, Stopped> {
    loop {
        let asked = api.hub.ask(move |core, now| {
            let piece = websites.go_on(core.state(), now, PIECE);
            (piece, websites)
        });
        let piece;
        (piece, websites) = asked.await?;
        match piece {
            // Names that are not on the list any more fill no piece.
            Some(piece) if piece.is_empty() => {}
            piece => return Ok(piece.map(|piece| (piece, websites))),
        }
    }
}

/// Every target by name, in pieces: a million of them neither hold up the core nor stand in memory.
pub(super) async fn websites(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, only) = parse(&api, "websites", parameters).await?;
    let begun = piece(&api, Websites::new(only)).await?;
    let (first, websites) = begun.expect("it begins with something");
    if websites.is_over() {
        return Ok(json_response(first.into()));
    }
    // When the collector stops, the answer is cut.
    let rest = stream::unfold((api, websites), |(api, websites)| async {
        let (piece, websites) = piece(&api, websites).await.ok()??;
        Some((piece, (api, websites)))
    });
    let pieces = stream::once(ready(first)).chain(rest).map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    // The compression asks once more after the end.
    Ok((headers, Body::from_stream(pieces.fuse())).into_response())
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
