//! One request and its answer in HTTP/2, over a connection of its own: hyper's, driven by whoever waits.

use std::error::Error;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, LOCATION};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use proto::{Cause, Protocol};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::driver::Driver;
use super::exchange::{Answer, BODY_MATCHED_MAX, BODY_MAX, HEAD_MAX, Packing};
use super::exchange::{broken, kept_of};
use super::fault::{Stop, io_cause};
use super::request::Request;
use super::shown::shown_headers;
use super::trace::{Phase, Trace};
use super::watched::{Seen, Watched};

/// What may come unread: a quarter of the largest body.
const BODY_WINDOW: u32 = 256 * 1024;

/// A connection whose answer has begun.
pub(super) struct Answering {
    driver: Driver,
    /// Kept until the answer is read: without it the connection would end.
    sender: http2::SendRequest<Full<Bytes>>,
    response: Response<Incoming>,
    keep: bool,
}

impl Answering {
    /// Sends `request` over `stream` and waits for the head of the answer.
    pub(super) async fn ask(
        stream: TlsStream<TcpStream>,
        request: &Request,
        keep: bool,
        trace: &mut Trace,
    ) -> Result<Self, Stop> {
        let (io, seen) = Watched::new(stream);
        let failed = |error: &hyper::Error| head_failed(error, &seen);
        let message = request.http2().map_err(|error| unsendable(&error))?;
        let mut driver = Driver::default();
        let (mut sender, connection) = http2::Builder::new(driver.executor())
            .initial_stream_window_size(BODY_WINDOW)
            .initial_connection_window_size(BODY_WINDOW)
            .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| failed(&error))?;
        driver.add(async move {
            let _ = connection.await; // Its error reaches whoever waits for the answer.
        });
        let response = sender.send_request(message);
        let response = driver.during(response).await.map_err(|error| failed(&error))?;
        // The first bytes of an HTTP/2 connection are settings: the head is the first that belongs to the answer.
        trace.enter(Phase::Transfer);
        seen.head_is_done();
        trace.note.protocol = Some(Protocol::Http2);
        Ok(Self { driver, sender, response, keep })
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn location(&self) -> Option<&[u8]> {
        self.response.headers().get(LOCATION).map(|location| location.as_bytes())
    }

    /// Reads the body to its end or to [`BODY_MAX`].
    pub(super) async fn read(self, trace: &mut Trace) -> Result<Answer, Stop> {
        let Self { mut driver, sender, response, keep } = self;
        let status = response.status();
        let headers = response.headers();
        let shown = shown_headers(headers);
        if !shown.is_empty() {
            trace.note.more_mut().headers = shown;
        }
        let packing = headers.get(CONTENT_ENCODING);
        let packing = packing.map_or(Packing::None, |value| Packing::of(value.as_bytes()));
        let mut body = response.into_body();
        let mut kept = Vec::new();
        let keep_max = if keep { BODY_MATCHED_MAX } else { 0 };
        while let Some(frame) = driver.during(body.frame()).await {
            let frame = frame.map_err(|error| body_failed(&error, trace.body_bytes))?;
            let Some(data) = frame.data_ref() else { continue };
            trace.body_bytes += data.len() as u64;
            let room = keep_max - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            if trace.body_bytes >= BODY_MAX && !body.is_end_stream() {
                trace.body_cut();
                break;
            }
        }
        trace.leave();
        drop((body, sender));
        driver.finish().await;
        Ok(Answer { status, kept: kept_of(packing, kept)? })
    }
}

/// Only a redirect's URL can be at fault: a target's own was tried before.
fn unsendable(error: &http::Error) -> Stop {
    let cause = format!("the redirect's URL cannot be requested: {error}");
    Stop::Failed(Cause::RedirectBadLocation, cause)
}

/// Why no head came, as far as can be told.
fn head_failed(error: &hyper::Error, seen: &Seen) -> Stop {
    let bytes = seen.bytes();
    let (kind, cause) = if seen.flooded() {
        (Cause::ProtocolFlood, format!("{bytes} bytes, and still no head of an answer"))
    } else if let Some(io) = io_cause(error) {
        let kind = if bytes == 0 { Cause::ProtocolNoAnswer } else { Cause::ProtocolCutHead };
        (kind, format!("the connection broke before the head of an answer: {}", broken(io)))
    } else if bytes == 0 {
        let cause = "the connection was closed before any byte of an answer".to_owned();
        (Cause::ProtocolNoAnswer, cause)
    } else {
        (Cause::ProtocolHttp2, format!("no answer: {}", innermost(error)))
    };
    Stop::from_error(kind, error, cause)
}

fn body_failed(error: &hyper::Error, bytes: u64) -> Stop {
    let (kind, reason) = match io_cause(error) {
        Some(io) => match broken(io) {
            reason if io.kind() == std::io::ErrorKind::BrokenPipe => (Cause::ReadCutShort, reason),
            reason => (Cause::ReadBroken, reason),
        },
        // What h2 says of an end in the middle of a stream; the error itself does not tell it apart.
        None if innermost(error).contains("broken pipe") => {
            (Cause::ReadCutShort, "closed by the server".to_owned())
        }
        None => (Cause::ReadBroken, innermost(error)),
    };
    Stop::from_error(kind, error, format!("the body broke off after {bytes} bytes: {reason}"))
}

/// The error that all others wrap, in its own words.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
