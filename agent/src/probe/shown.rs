//! What of an answer is shown beside its status: some headers, and addresses without secrets. Pure.

use bytes::Bytes;
use http::HeaderMap;
use proto::{Note, ShownHeader};
use url::{Position, Url};

use super::mask::mask_url;

/// Those of `headers` that are worth showing, each once.
pub(super) fn shown_headers(headers: &HeaderMap) -> Vec<(ShownHeader, Bytes)> {
    let value =
        |header: ShownHeader| Some(shown_header(header, headers.get(header.name())?.as_bytes()));
    ShownHeader::ALL.into_iter().filter_map(value).collect()
}

/// One of them, without secrets, cut to what crosses the wire.
pub(super) fn shown_header(header: ShownHeader, value: &[u8]) -> (ShownHeader, Bytes) {
    let value = match header {
        ShownHeader::Location => shown_text(value).into(),
        _ => Bytes::copy_from_slice(&value[..value.len().min(Note::TEXT_MAX)]),
    };
    (header, value)
}

/// Where a redirect leads, without credentials, query and fragment: those hold tokens, and change every time.
pub(super) fn shown_url(url: &Url) -> String {
    mask_url(&url[..Position::AfterPath])
}

/// The same for what need not be a URL.
fn shown_text(location: &[u8]) -> String {
    let text = String::from_utf8_lossy(location);
    let end = text.find(['?', '#']).unwrap_or(text.len());
    mask_url(&text[..end])
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_that_say_who_answered_are_shown_and_no_other() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("server", "nginx"),
            ("set-cookie", "secret"),
            ("location", "https://user:secret@b.test/x?token=secret#secret"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let shown = shown_headers(&headers);
        let expected = [
            (ShownHeader::Server, Bytes::from("nginx")),
            (ShownHeader::Location, Bytes::from("https://***@b.test/x")),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_place_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://user:secret@b.test:8443/x/y?token=secret#secret").unwrap();
        assert_eq!(shown_url(&url), "https://***@b.test:8443/x/y");
        assert_eq!(shown_text(b"/login?next=secret"), "/login");
    }
}
