//! One request and its answer over one connection, whatever it is spoken in, and the bounds of what is read.
//!
//! Until the head is whole, every end is a protocol failure: nothing came that could be called an answer. After it, every
//! early end is a broken body.

use std::io::{self, Read};

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::StatusCode;
use proto::Cause;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::fault::{Stop, io_text};
use super::trace::Trace;
use super::{http1, http2};

/// The largest head of an answer, in bytes: eight times what servers limit themselves to.
pub const HEAD_MAX: usize = 64 * 1024;
/// The most headers of an answer.
pub(super) const HEADERS_MAX: usize = 256;
/// Bytes that may come before the head of the final answer is whole: four heads of the largest size, so that interim
/// answers (1xx) and HTTP/2's own frames fit, but no flood of them.
pub(super) const BEFORE_HEAD_MAX: usize = 4 * HEAD_MAX;
/// The most of a body that is read, in bytes. A longer one is an answer all the same; its connection is cut.
pub const BODY_MAX: u64 = 1024 * 1024;
/// The part of a body that `expect_body` is held against, in bytes: unpacked, where it is packed.
pub const BODY_MATCHED_MAX: usize = 64 * 1024;

/// A connection whose answer has begun.
#[expect(clippy::large_enum_variant, reason = "the usual one is not allocated")]
pub(super) enum Exchange {
    Plain(http1::Answering<TcpStream>),
    Secure(Box<http1::Answering<TlsStream<TcpStream>>>),
    Http2(Box<http2::Answering>),
}

/// A whole answer, or as much of it as is read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The beginning of the body, unpacked, if it was asked for.
    pub(super) kept: Vec<u8>,
}

impl Exchange {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Plain(answering) => answering.status(),
            Self::Secure(answering) => answering.status(),
            Self::Http2(answering) => answering.status(),
        }
    }

    pub(super) fn location(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(answering) => answering.location(),
            Self::Secure(answering) => answering.location(),
            Self::Http2(answering) => answering.location(),
        }
    }

    /// Reads the body to its end or to [`BODY_MAX`].
    pub(super) async fn read(self, trace: &mut Trace) -> Result<Answer, Stop> {
        match self {
            Self::Plain(answering) => answering.read(trace).await,
            Self::Secure(answering) => answering.read(trace).await,
            Self::Http2(answering) => answering.read(trace).await,
        }
    }
}

/// How a body is packed. Nobody is asked to: some servers do all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Deflate,
}

impl Packing {
    /// Of a `content-encoding`. Others are held against `expect_body` as they stand.
    pub(super) fn of(content_encoding: &[u8]) -> Self {
        let name = content_encoding.trim_ascii().to_ascii_lowercase();
        match &name[..] {
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            _ => Self::None,
        }
    }
}

/// The beginning of a body as it was before it was packed: never more than [`BODY_MATCHED_MAX`], whatever it swells to.
pub(super) fn kept_of(packing: Packing, kept: Vec<u8>) -> Result<Vec<u8>, Stop> {
    if kept.is_empty() {
        return Ok(kept);
    }
    let limit = BODY_MATCHED_MAX as u64;
    let mut unpacked = Vec::new();
    let read = match packing {
        Packing::None => return Ok(kept),
        Packing::Gzip => MultiGzDecoder::new(&kept[..]).take(limit).read_to_end(&mut unpacked),
        Packing::Deflate => ZlibDecoder::new(&kept[..]).take(limit).read_to_end(&mut unpacked),
    };
    match read {
        // Cut where we stopped reading.
        Err(error) if unpacked.is_empty() || error.kind() != io::ErrorKind::UnexpectedEof => {
            let cause = "the body is not packed as its content-encoding says".to_owned();
            Err(Stop::Failed(Cause::ReadMalformed, cause))
        }
        _ => Ok(unpacked),
    }
}

/// A body that ended too early.
pub(super) fn broken_body(kind: Cause, reason: &str, bytes: u64) -> Stop {
    Stop::Failed(kind, format!("the body broke off after {bytes} bytes: {reason}"))
}

/// How a connection broke. HTTP/2 calls an end that it did not expect a broken pipe.
pub(super) fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "closed by the server".to_owned()
        }
        _ => io_text(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_body_is_unpacked_up_to_what_is_matched_and_no_further() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(b"hello").unwrap();
        assert_eq!(kept_of(Packing::Gzip, gzip(b"hello")).unwrap(), b"hello");
        assert_eq!(kept_of(Packing::Deflate, zlib.finish().unwrap()).unwrap(), b"hello");
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() <= BODY_MATCHED_MAX, "{}", bomb.len());
        assert_eq!(kept_of(Packing::Gzip, bomb).unwrap().len(), BODY_MATCHED_MAX);
    }

    #[test]
    fn a_packed_body_that_was_cut_gives_what_there_is_and_one_that_is_none_an_error() {
        let packed = gzip(&(0..20_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        let cut = packed[..packed.len() / 2].to_vec();
        assert!(!kept_of(Packing::Gzip, cut).unwrap().is_empty());
        assert!(kept_of(Packing::Gzip, b"not packed".to_vec()).is_err());
    }

    #[test]
    fn the_packing_is_read_in_any_case() {
        assert_eq!(Packing::of(b" GZip "), Packing::Gzip);
        assert_eq!(Packing::of(b"deflate"), Packing::Deflate);
        assert_eq!(Packing::of(b"br"), Packing::None);
    }
}
