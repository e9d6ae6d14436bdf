//! The head of an HTTP/1 answer, and what it says about the body. Pure.
//!
//! As lenient as browsers are about lines that are not headers: a monitor is no validator. What decides where the body
//! ends is read strictly.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::StatusCode;
use httparse::{Header, ParserConfig, Response, Status};
use proto::{Protocol, ShownHeader};

use super::super::exchange::{HEADERS_MAX, Packing};
use super::super::shown::shown_header;

/// A head that is whole.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) protocol: Protocol,
    pub(super) status: StatusCode,
    pub(super) framing: Framing,
    pub(super) packing: Packing,
    pub(super) location: Option<Bytes>,
    pub(super) shown: Vec<(ShownHeader, Bytes)>,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes; there may be none.
    Length(u64),
    /// Where its last chunk says so.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What the bytes that came so far are.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A beginning.
    Partial,
    /// An interim answer of this length: another will follow.
    Interim(usize),
    /// The answer's head, and its length.
    Final(Head, usize),
}

/// What no head can be made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHead {
    /// More headers than are read.
    TooMany,
    /// Not HTTP, for this reason.
    NotHttp(&'static str),
}

/// Reads a head at the beginning of `bytes`. The answer to a HEAD request has no body whatever it says.
pub(super) fn parse(bytes: &[u8], to_head: bool) -> Result<Parsed, BadHead> {
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = Response::new(&mut []);
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooMany),
        Err(error) => return Err(BadHead::NotHttp(text(error))),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(BadHead::NotHttp("invalid HTTP status code"))?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Parsed::Interim(length));
    }
    let headers = &*response.headers;
    let bodiless = to_head
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let head = Head {
        protocol: if response.version == Some(0) { Protocol::Http10 } else { Protocol::Http11 },
        status,
        framing: if bodiless { Framing::Length(0) } else { framing(headers)? },
        packing: Packing::of(values(headers, "content-encoding").next().unwrap_or_default()),
        location: values(headers, "location").next().map(Bytes::copy_from_slice),
        shown: ShownHeader::ALL
            .into_iter()
            .filter_map(|name| Some(shown_header(name, values(headers, name.name()).next()?)))
            .collect(),
    };
    Ok(Parsed::Final(head, length))
}

fn values<'a>(headers: &'a [Header<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|h| h.value)
}

/// RFC 9112, 6.3: chunks are stronger than a length, several lengths must agree.
fn framing(headers: &[Header<'_>]) -> Result<Framing, BadHead> {
    if let Some(codings) = values(headers, "transfer-encoding").last() {
        let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(if chunked { Framing::Chunked } else { Framing::UntilClose });
    }
    let mut length = None;
    for value in values(headers, "content-length").flat_map(|value| value.split(|b| *b == b',')) {
        let digits = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = digits.parse::<u64>().ok().filter(|_| plain);
        let bytes = bytes.ok_or(BadHead::NotHttp("invalid content-length"))?;
        if *length.get_or_insert(bytes) != bytes {
            return Err(BadHead::NotHttp("contradictory content-lengths"));
        }
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

fn text(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "invalid header name",
        httparse::Error::HeaderValue => "invalid header value",
        httparse::Error::NewLine => "invalid line ending",
        httparse::Error::Status => "invalid HTTP status",
        httparse::Error::Version => "invalid HTTP version",
        _ => "invalid status line",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn whole(bytes: &str, to_head: bool) -> Head {
        match parse(bytes.as_bytes(), to_head) {
            Ok(Parsed::Final(head, length)) if length == bytes.len() => head,
            other => panic!("{bytes:?}: {other:?}"),
        }
    }

    #[test]
    fn the_end_of_a_body_is_where_the_head_says() {
        for (status, headers, expected) in [
            (200, "", Framing::UntilClose),
            (200, "content-length: 7\r\n", Framing::Length(7)),
            (200, "content-length: 7\r\nContent-Length: 7, 7\r\n", Framing::Length(7)),
            (200, "transfer-encoding: gzip, chunked\r\n", Framing::Chunked),
            (200, "content-length: 7\r\nTransfer-Encoding: Chunked\r\n", Framing::Chunked),
            (200, "transfer-encoding: gzip\r\n", Framing::UntilClose),
            (204, "content-length: 7\r\n", Framing::Length(0)),
            (304, "transfer-encoding: chunked\r\n", Framing::Length(0)),
            (101, "", Framing::Length(0)),
        ] {
            let head = whole(&format!("HTTP/1.1 {status} Any\r\n{headers}\r\n"), false);
            assert_eq!(head.framing, expected, "{status} {headers}");
        }
        let asked_for_head = whole("HTTP/1.0 200 OK\r\ncontent-length: 7\r\n\r\n", true);
        assert_eq!(asked_for_head.framing, Framing::Length(0));
        assert_eq!(asked_for_head.protocol, Protocol::Http10);
    }

    #[test]
    fn a_length_that_is_none_or_contradicts_itself_is_no_http() {
        for value in ["-1", "+1", "1 2", "", "0x10", "99999999999999999999", "1, 2"] {
            let bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {value}\r\n\r\n");
            let parsed = parse(bytes.as_bytes(), false);
            assert!(matches!(parsed, Err(BadHead::NotHttp(_))), "{value}: {parsed:?}");
        }
    }

    #[test]
    fn interim_answers_are_told_from_the_last_one() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200";
        assert!(matches!(parse(bytes, false), Ok(Parsed::Interim(40))));
        assert!(matches!(parse(&bytes[40..], false), Ok(Parsed::Partial)));
    }

    #[test]
    fn what_is_not_http_is_known_by_its_first_bytes() {
        for bytes in
            ["SSH-2.0-OpenSSH", "<html>", "HTTP/9.9 200 OK\r\n", "HTTP/1.1 099 Low\r\n\r\n"]
        {
            let parsed = parse(bytes.as_bytes(), false);
            assert!(matches!(parsed, Err(BadHead::NotHttp(_))), "{bytes}: {parsed:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(parse(many.as_bytes(), false).map(|_| ()), Err(BadHead::TooMany));
    }
}
