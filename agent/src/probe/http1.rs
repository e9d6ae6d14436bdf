//! One request and its answer in HTTP/1.1, over a connection of its own.
//!
//! Written here and not taken from hyper, whose connections are made to live long: two thirds of a probe's user time, its
//! allocations and its memory while it waits went into that. A probe holds no buffer while it waits: what comes is read
//! on the stack, and taken up by [`Incoming`], which does no I/O.

mod body;
mod head;

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::StatusCode;
use proto::Cause;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use self::body::{BadBody, Body};
use self::head::{BadHead, Head, Parsed};
use super::exchange::{Answer, BEFORE_HEAD_MAX, BODY_MATCHED_MAX, BODY_MAX, HEAD_MAX, HEADERS_MAX};
use super::exchange::{broken, broken_body, kept_of};
use super::fault::Stop;
use super::request::Request;
use super::trace::{Phase, Trace};

/// What one read takes: as much as a TLS record holds.
const READ: usize = 16 * 1024;

/// A connection whose answer has begun.
pub(super) struct Answering<S> {
    stream: S,
    head: Head,
    incoming: Incoming,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Answering<S> {
    /// Sends `request` over `stream` and waits for the head of the answer; it may come before all is sent.
    pub(super) async fn ask(
        mut stream: S,
        request: &Request,
        keep: bool,
        trace: &mut Trace,
    ) -> Result<Self, Stop> {
        let mut incoming = Incoming::new(request.method == http::Method::HEAD, keep);
        let mut sending = Sending { unsent: request.http1(), flushed: false };
        loop {
            let step = poll_fn(|cx| {
                sending.poll(&mut stream, cx);
                poll_read(&mut stream, cx, |bytes| {
                    if incoming.heads == 0 && !bytes.is_empty() {
                        trace.enter(Phase::Transfer);
                    }
                    incoming.take_head(bytes)
                })
            });
            let head = step.await.map_err(|error| {
                let kind = incoming.cut_kind();
                let cause = format!(
                    "the connection broke before the head of an answer: {}",
                    broken(&error)
                );
                Stop::from_error(kind, &error, cause)
            })??;
            if let Some(head) = head {
                trace.note.protocol = Some(head.protocol);
                trace.body_bytes = incoming.body_bytes;
                return Ok(Self { stream, head, incoming });
            }
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(super) fn location(&self) -> Option<&[u8]> {
        self.head.location.as_deref()
    }
}

impl<S: AsyncRead + Farewell + Unpin> Answering<S> {
    /// Reads the body to its end or to [`BODY_MAX`].
    pub(super) async fn read(self, trace: &mut Trace) -> Result<Answer, Stop> {
        let Self { mut stream, head, mut incoming } = self;
        if !head.shown.is_empty() {
            trace.note.more_mut().headers = head.shown;
        }
        let broke = |reason: BadBody, bytes| broken_body(Cause::ReadMalformed, reason.0, bytes);
        if let Some(bad) = incoming.bad.take() {
            return Err(broke(bad, incoming.body_bytes));
        }
        while !incoming.body.is_done() {
            if incoming.body_bytes >= BODY_MAX {
                trace.body_cut();
                break;
            }
            let step = poll_fn(|cx| {
                poll_read(&mut stream, cx, |bytes| {
                    incoming.take_body(bytes);
                    bytes.is_empty()
                })
            });
            let ended = step.await;
            trace.body_bytes = incoming.body_bytes;
            let bytes = incoming.body_bytes;
            match ended {
                Ok(_) if incoming.bad.is_some() => {
                    return Err(broke(incoming.bad.take().expect("seen"), bytes));
                }
                Ok(false) => {}
                Ok(true) if incoming.body.may_end() => break,
                Ok(true) => {
                    return Err(broken_body(Cause::ReadCutShort, "closed by the server", bytes));
                }
                Err(error) => {
                    let (kind, reason) = match error.kind() {
                        io::ErrorKind::UnexpectedEof => (Cause::ReadCutShort, broken(&error)),
                        _ => (Cause::ReadBroken, broken(&error)),
                    };
                    let cause = format!("the body broke off after {bytes} bytes: {reason}");
                    return Err(Stop::from_error(kind, &error, cause));
                }
            }
        }
        trace.leave();
        poll_fn(|cx| stream.farewell(cx)).await;
        Ok(Answer { status: head.status, kept: kept_of(head.packing, incoming.kept)? })
    }
}

/// A request on its way.
struct Sending {
    unsent: Bytes,
    /// TLS holds back what the socket did not take.
    flushed: bool,
}

impl Sending {
    /// Sends as much as goes. An error shows where the answer is read: a server may answer first and hang up then.
    fn poll<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) {
        while !self.unsent.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(count)) if count > 0 => self.unsent.advance(count),
                Poll::Ready(_) => self.unsent.clear(),
                Poll::Pending => return,
            }
        }
        if !self.flushed {
            self.flushed = Pin::new(stream).poll_flush(cx).is_ready();
        }
    }
}

/// Reads once, on the stack, and hands on what came: nothing at the connection's end.
fn poll_read<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let mut space = [const { MaybeUninit::uninit() }; READ];
    let mut buffer = ReadBuf::uninit(&mut space);
    match Pin::new(stream).poll_read(cx, &mut buffer) {
        Poll::Ready(Ok(())) => Poll::Ready(Ok(take(buffer.filled()))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => Poll::Pending,
    }
}

/// Something that may have a last word before it is closed.
pub(super) trait Farewell {
    /// Says it: ready at once, whether it arrives or not.
    fn farewell(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Farewell for TcpStream {
    /// Closing says it.
    fn farewell(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Farewell for TlsStream<TcpStream> {
    fn farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().1.send_close_notify();
        let _ = Pin::new(self).poll_flush(cx);
        Poll::Ready(())
    }
}

/// What came, taken up piece by piece.
struct Incoming {
    to_head: bool,
    keep_max: usize,
    /// A head that is not whole yet.
    buffer: Vec<u8>,
    /// Bytes of heads that came.
    heads: usize,
    body: Body,
    body_bytes: u64,
    kept: Vec<u8>,
    bad: Option<BadBody>,
}

impl Incoming {
    fn new(to_head: bool, keep: bool) -> Self {
        Self {
            to_head,
            keep_max: if keep { BODY_MATCHED_MAX } else { 0 },
            buffer: Vec::new(),
            heads: 0,
            body: Body::new(head::Framing::UntilClose),
            body_bytes: 0,
            kept: Vec::new(),
            bad: None,
        }
    }

    /// Takes what came before the head was whole; the head, once it is.
    fn take_head(&mut self, came: &[u8]) -> Result<Option<Head>, Stop> {
        if came.is_empty() {
            return Err(self.cut());
        }
        self.heads += came.len();
        // Parsed where it lies, unless it came in pieces.
        let mut joined = std::mem::take(&mut self.buffer);
        let bytes = if joined.is_empty() {
            came
        } else {
            let first_line = joined.contains(&b'\n');
            let seen = joined.len().saturating_sub(EMPTY_LINE.len());
            joined.extend_from_slice(came);
            // Parsing it anew for every byte would cost: only when its first line, or all of it, may be whole.
            let whole = ends(&joined[seen..]) || (!first_line && came.contains(&b'\n'));
            if !whole && joined.len() <= HEAD_MAX {
                self.buffer = joined;
                return self.bounded();
            }
            &joined
        };
        let mut rest = bytes;
        loop {
            match head::parse(rest, self.to_head) {
                Ok(Parsed::Partial) => {
                    self.buffer = rest.to_vec();
                    return self.bounded();
                }
                Ok(Parsed::Interim(length)) => {
                    rest = &rest[length..];
                    if self.heads - rest.len() > BEFORE_HEAD_MAX {
                        return Err(self.flood());
                    }
                    if rest.is_empty() {
                        return Ok(None);
                    }
                }
                Ok(Parsed::Final(head, length)) => {
                    self.body = Body::new(head.framing);
                    self.take_body(&rest[length..]);
                    return Ok(Some(head));
                }
                Err(bad) => return Err(bad_head(&bad, rest)),
            }
        }
    }

    fn bounded(&self) -> Result<Option<Head>, Stop> {
        if self.buffer.len() > HEAD_MAX {
            return Err(bad_head(&BadHead::TooMany, &[]));
        }
        if self.heads > BEFORE_HEAD_MAX {
            return Err(self.flood());
        }
        Ok(None)
    }

    fn take_body(&mut self, came: &[u8]) {
        let Self { body, body_bytes, kept, keep_max, .. } = self;
        let taken = body.take(came, |data| {
            *body_bytes += data.len() as u64;
            let room = *keep_max - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
        });
        self.bad = taken.err();
    }

    fn cut_kind(&self) -> Cause {
        if self.heads == 0 { Cause::ProtocolNoAnswer } else { Cause::ProtocolCutHead }
    }

    fn cut(&self) -> Stop {
        Stop::Failed(
            self.cut_kind(),
            match self.heads {
                0 => "the connection was closed before any byte of an answer".to_owned(),
                bytes => {
                    format!(
                        "the connection was closed in the head of the answer, after {bytes} bytes"
                    )
                }
            },
        )
    }

    fn flood(&self) -> Stop {
        let cause = format!("{} bytes, and still no head of an answer", self.heads);
        Stop::Failed(Cause::ProtocolFlood, cause)
    }
}

/// What a head ends with, at its longest.
const EMPTY_LINE: &[u8] = b"\n\r\n";

/// Whether there is an empty line in `bytes`.
fn ends(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n")
        || bytes.windows(EMPTY_LINE.len()).any(|three| three == EMPTY_LINE)
}

/// Bytes of what is not HTTP that are shown as evidence.
const BEGINNING: usize = 32;

fn bad_head(bad: &BadHead, bytes: &[u8]) -> Stop {
    match bad {
        BadHead::TooMany => Stop::Failed(
            Cause::ProtocolLargeHead,
            format!(
                "the head of the answer has more than {HEAD_MAX} bytes or {HEADERS_MAX} headers"
            ),
        ),
        BadHead::NotHttp(reason) => {
            let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(BEGINNING)]);
            let cause = format!("not HTTP: {reason}; it begins with {beginning:?}");
            Stop::Failed(Cause::ProtocolNotHttp, cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, however the bytes come in: all at once, and one by one.
    #[track_caller]
    fn taken(bytes: &[u8]) -> (u16, u64, Vec<u8>) {
        let run = |step: usize| {
            let mut incoming = Incoming::new(false, true);
            let mut parts = bytes.chunks(step);
            let head = parts.by_ref().find_map(|part| incoming.take_head(part).expect("a head"));
            let head = head.expect("it is whole");
            parts.for_each(|part| incoming.take_body(part));
            assert!(incoming.bad.is_none() && incoming.body.may_end());
            (head.status.as_u16(), incoming.body_bytes, incoming.kept)
        };
        let whole = run(bytes.len());
        assert_eq!(whole, run(1));
        assert_eq!(whole, run(7));
        whole
    }

    #[test]
    fn an_answer_is_the_same_in_one_piece_and_byte_by_byte() {
        let interim =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello, and no more of it";
        assert_eq!(taken(answer), (201, 5, b"hello".to_vec()));
        assert_eq!(taken(&[&interim[..], answer].concat()), (201, 5, b"hello".to_vec()));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(taken(chunked), (200, 3, b"abc".to_vec()));
    }

    #[tokio::test]
    async fn a_request_is_sent_whole_through_a_connection_that_buffers_and_takes_little_at_a_time()
    {
        let body = Bytes::from(vec![b'x'; 10_000]);
        let url = url::Url::parse("http://a.test/").unwrap();
        let request = Request::new(http::Method::POST, url, http::HeaderMap::new(), body);
        let length = request.http1().len();
        let (near, mut far) = tokio::io::duplex(64);
        let near = tokio::io::BufStream::new(near);
        let mut trace = Trace::detailed();
        let asked = Answering::ask(near, &request, false, &mut trace);
        let served = async {
            let mut came = vec![0; length];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut came).await.unwrap();
            let answer = b"HTTP/1.1 204 None\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut far, answer).await.unwrap();
        };
        let (answering, ()) = tokio::join!(asked, served);
        assert_eq!(answering.unwrap().status(), StatusCode::NO_CONTENT);
    }

    #[test]
    fn what_is_not_http_is_known_at_its_first_line_also_in_pieces() {
        let mut incoming = Incoming::new(false, false);
        let mut parts = b"HTTP/1.1 2x0 OK\r\nmore: of it\r\n".chunks(1);
        let stop = parts.find_map(|part| incoming.take_head(part).err());
        assert!(matches!(stop, Some(Stop::Failed(Cause::ProtocolNotHttp, _))), "{stop:?}");
        assert!(parts.len() > 10, "it was known before the end");
    }

    #[test]
    fn a_flood_before_the_head_ends_at_the_limit_in_one_piece_too() {
        let flood = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000);
        for step in [flood.len(), READ, 41] {
            let mut incoming = Incoming::new(false, false);
            let stop = flood.chunks(step).find_map(|part| incoming.take_head(part).err());
            assert!(matches!(stop, Some(Stop::Failed(Cause::ProtocolFlood, _))), "{stop:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_long_body_is_kept_and_all_of_it_counted() {
        let body = vec![b'x'; 2 * BODY_MATCHED_MAX];
        let mut incoming = Incoming::new(false, true);
        incoming.take_head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        incoming.take_body(&body);
        assert_eq!(
            (incoming.body_bytes, incoming.kept.len()),
            (body.len() as u64, BODY_MATCHED_MAX)
        );
    }
}
