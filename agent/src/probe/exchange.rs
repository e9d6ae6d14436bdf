//! One request and its answer over one connection, HTTP/1.1 or HTTP/2.
//!
//! Until the head is whole, every end is a protocol failure: nothing came that could be called an answer. After it, every
//! early end is a broken body.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use proto::{Cause, Protocol};
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::fault::{Stop, io_cause, io_text};
use super::request::Request;
use super::shown::shown_headers;
use super::trace::{Phase, Trace};
use super::watched::{Seen, Watched};

/// The largest head of an answer, in bytes: eight times what servers limit themselves to.
pub const HEAD_MAX: usize = 64 * 1024;
/// The most headers of an answer.
const HEADERS_MAX: usize = 256;
/// The most of a body that is read, in bytes. A longer one is an answer all the same; its connection is cut.
pub const BODY_MAX: u64 = 1024 * 1024;
/// The part of a body that `expect_body` is held against, in bytes.
pub const BODY_MATCHED_MAX: usize = 64 * 1024;
/// What HTTP/2 lets come unread: a quarter of the largest body.
const BODY_WINDOW: u32 = 256 * 1024;

/// A connection whose answer has begun.
pub(super) struct Exchange {
    driver: Driver,
    /// Kept until the answer is read: without it the connection would end.
    sender: Sender,
    response: Response<Incoming>,
}

/// A whole answer, or as much of it as is read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The beginning of the body, if it was asked for.
    pub(super) kept: Vec<u8>,
}

enum Sender {
    Http1 { _sender: http1::SendRequest<Full<Bytes>> },
    Http2 { _sender: http2::SendRequest<Full<Bytes>> },
}

impl Exchange {
    /// Sends `request` over `stream` and waits for the head of the answer.
    pub(super) async fn http1<S>(
        stream: S,
        request: &Request,
        trace: &mut Trace,
    ) -> Result<Self, Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, seen) = Watched::new(stream);
        let failed = |error: &hyper::Error| head_failed(error, &seen);
        let message = request.http1().map_err(|error| unsendable(&error))?;
        // As lenient as browsers are: a monitor is not a validator.
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .max_headers(HEADERS_MAX)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| failed(&error))?;
        let mut driver = Driver::default();
        driver.add(async move {
            let _ = connection.await; // Its error reaches whoever waits for the answer.
        });
        let response = sender.send_request(message);
        let response = driver.during(response).await;
        // Noted where it was read: the head may have taken long to become whole.
        if let Some(first) = seen.first_at() {
            trace.enter_at(Phase::Transfer, first);
        }
        let response = response.map_err(|error| failed(&error))?;
        seen.head_is_done();
        trace.note.protocol = Some(match response.version() {
            http::Version::HTTP_10 => Protocol::Http10,
            _ => Protocol::Http11,
        });
        Ok(Self { driver, sender: Sender::Http1 { _sender: sender }, response })
    }

    /// The same in HTTP/2.
    pub(super) async fn http2<S>(
        stream: S,
        request: &Request,
        trace: &mut Trace,
    ) -> Result<Self, Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
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
            let _ = connection.await;
        });
        let response = sender.send_request(message);
        let response = driver.during(response).await.map_err(|error| failed(&error))?;
        // The first bytes of an HTTP/2 connection are settings: the head is the first that belongs to the answer.
        trace.enter(Phase::Transfer);
        seen.head_is_done();
        trace.note.protocol = Some(Protocol::Http2);
        Ok(Self { driver, sender: Sender::Http2 { _sender: sender }, response })
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn location(&self) -> Option<&HeaderValue> {
        self.response.headers().get(LOCATION)
    }

    /// Reads the body to its end or to [`BODY_MAX`]; keeps its beginning if `keep`.
    pub(super) async fn read(self, keep: bool, trace: &mut Trace) -> Result<Answer, Stop> {
        let Self { mut driver, sender, response } = self;
        let status = response.status();
        let headers = shown_headers(response.headers());
        if !headers.is_empty() {
            trace.note.more_mut().headers = headers;
        }
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
                trace.details.body_cut = true;
                break;
            }
        }
        trace.leave();
        drop((body, sender));
        driver.finish().await;
        Ok(Answer { status, kept })
    }
}

/// Only a redirect's URL can be at fault: a target's own was tried before.
fn unsendable(error: &http::Error) -> Stop {
    Stop::failed(
        Cause::RedirectBadLocation,
        format!("the redirect's URL cannot be requested: {error}"),
    )
}

/// Why no head came, as far as can be told.
fn head_failed(error: &hyper::Error, seen: &Seen) -> Stop {
    let bytes = seen.bytes();
    let (kind, cause) = if seen.flooded() {
        (Cause::ProtocolFlood, format!("{bytes} bytes, and still no head of an answer"))
    } else if error.is_parse_too_large() {
        let cause = format!(
            "the head of the answer has more than {HEAD_MAX} bytes or {HEADERS_MAX} headers"
        );
        (Cause::ProtocolLargeHead, cause)
    } else if error.is_parse() {
        let beginning = String::from_utf8_lossy(seen.beginning()).into_owned();
        let cause = format!("not HTTP: {}; it begins with {beginning:?}", innermost(error));
        (Cause::ProtocolNotHttp, cause)
    } else if let Some(io) = io_cause(error) {
        let kind = if bytes == 0 { Cause::ProtocolNoAnswer } else { Cause::ProtocolCutHead };
        (kind, format!("the connection broke before the head of an answer: {}", broken(io)))
    } else if bytes == 0 {
        let cause = "the connection was closed before any byte of an answer".to_owned();
        (Cause::ProtocolNoAnswer, cause)
    } else if error.is_incomplete_message() {
        let cause =
            format!("the connection was closed in the head of the answer, after {bytes} bytes");
        (Cause::ProtocolCutHead, cause)
    } else {
        (Cause::ProtocolHttp2, format!("no answer: {}", innermost(error)))
    };
    Stop::from_error(kind, error, cause)
}

fn body_failed(error: &hyper::Error, bytes: u64) -> Stop {
    let (kind, reason) = match io_cause(error) {
        Some(io) if io.kind() == io::ErrorKind::InvalidInput => (Cause::ReadMalformed, io_text(io)),
        Some(io) => match broken(io) {
            reason if reason == CLOSED => (Cause::ReadCutShort, reason),
            reason => (Cause::ReadBroken, reason),
        },
        None if error.is_incomplete_message() => (Cause::ReadCutShort, innermost(error)),
        None => (Cause::ReadBroken, innermost(error)),
    };
    Stop::from_error(kind, error, format!("the body broke off after {bytes} bytes: {reason}"))
}

const CLOSED: &str = "closed by the server";

/// How a connection broke. HTTP/2 calls an end that it did not expect a broken pipe.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => CLOSED.to_owned(),
        _ => io_text(error),
    }
}

/// The error that all others wrap, in its own words.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
