//! `/websites-status`: of all vantages from a text that is kept written, of one vantage written as it is read.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::answer::{PART, json_response};
use super::first::of_vantage;
use super::query::Parameters;
use super::{Api, Problem};
use crate::hub::{Hub, Stopped};
use crate::state::VantageIdx;
use crate::view::websites::{Ready, Websites};

/// Websites in one piece of one vantage's answer: some milliseconds of the core's time, half a megabyte.
const PIECE: usize = 4096;
/// What is shorter is one piece, with an ETag, that may be kept.
const WHOLE_MAX: usize = 512 << 10;
/// How often the text is brought up to date though nobody asks: then whoever does waits for little.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// The text for all vantages.
#[derive(Clone, Default)]
pub struct Sites(Arc<Mutex<Ready>>);

impl Sites {
    /// The text as of now, in pieces. Between two of the core's events it is asked for a part of the way.
    async fn text(&self, hub: &Hub) -> Result<Vec<Bytes>, Stopped> {
        loop {
            let sites = self.clone();
            let text = hub.ask(move |core, now| {
                // Whoever asks at the same time goes on from here: they wait for the core, never for this lock.
                let mut ready = sites.0.lock().unwrap_or_else(PoisonError::into_inner);
                ready.renew(core.state(), now, PART).then(|| ready.text())
            });
            if let Some(text) = text.await? {
                return Ok(text);
            }
        }
    }

    /// Keeps the text written until `stop`.
    ///
    /// # Errors
    /// When the collector stops first.
    pub async fn keep(self, hub: Hub, stop: CancellationToken) -> Result<(), Stopped> {
        loop {
            self.text(&hub).await?;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(KEEP_EVERY) => {}
            }
        }
    }
}

pub(super) async fn websites(
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, only) = of_vantage(&api, "websites", parameters).await?;
    if let Some(only) = only {
        return of_one(api, only).await;
    }
    let text = api.sites.text(&api.hub).await?;
    let length: usize = text.iter().map(Bytes::len).sum();
    if length < WHOLE_MAX {
        return Ok(json_response(text.concat().into()));
    }
    let mut response = in_pieces(stream::iter(text));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

/// In pieces: a million websites neither hold up the core nor stand in memory.
async fn of_one(api: Api, only: VantageIdx) -> Result<Response, Problem> {
    let begun = piece(&api, Websites::new(only)).await?;
    let (first, websites) = begun.expect("it begins with something");
    if websites.is_over() {
        return Ok(json_response(first));
    }
    // When the collector stops, the answer is cut.
    let rest = stream::unfold((api, websites), |(api, websites)| async {
        let (piece, websites) = piece(&api, websites).await.ok()??;
        Some((piece, (api, websites)))
    });
    Ok(in_pieces(stream::once(ready(first)).chain(rest)))
}

/// The next piece of the object; nothing after its end.
async fn piece(api: &Api, mut websites: Websites) -> Result<Option<(Bytes, Websites)>, Stopped> {
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
            piece => return Ok(piece.map(|piece| (piece.into(), websites))),
        }
    }
}

fn in_pieces(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    // The compression asks once more after the end.
    (headers, Body::from_stream(pieces.map(Ok::<_, Infallible>).fuse())).into_response()
}
