//! `GET /metrics/probes`: streamed family by family, piece by piece, between the core's events.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use proto::SHARDS;

use super::exposition::PLAIN;
use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::view::blackbox::{FAMILIES, Question, piece};

/// Where the stream is.
struct Place {
    api: Api,
    question: Question,
    family: usize,
    first: usize,
}

pub(super) async fn probes(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let category = parameters.text("category");
    let name = parameters.text("vantage");
    let shard = parameters.part("shard", SHARDS)?;
    parameters.finish()?;
    let vantage = vantage(&api, name.as_deref()).await?;
    let question = Question { category, vantage, shard };
    let place = Place { api, question, family: 0, first: 0 };
    let stream = futures_util::stream::unfold(place, |mut place| async move {
        loop {
            let (family, first) = (FAMILIES.get(place.family)?, place.first);
            let question = place.question.clone();
            let asked = place
                .api
                .hub
                .ask(move |core, now| piece(core.state(), now, &question, family, first));
            // When the collector stops, the answer ends early, and the scraper sees that it is cut.
            let (text, next) = asked.await.ok()?;
            match next {
                Some(next) => place.first = next,
                None => (place.family, place.first) = (place.family + 1, 0),
            }
            if !text.is_empty() {
                return Some((Ok::<_, Infallible>(text), place));
            }
        }
    });
    // The compression asks once more after the end.
    Ok(([(header::CONTENT_TYPE, PLAIN)], Body::from_stream(stream.fuse())).into_response())
}
