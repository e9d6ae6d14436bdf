//! Dashboards that are hosted elsewhere: which origins may read the API, and what they may send.

use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Api, Problem};

/// For so many seconds a browser need not ask again whether it may ask.
const REMEMBERED_S: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, if-none-match, last-event-id");
/// What a script of the other origin may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, next-cursor, retry-after");

/// An origin as browsers write it: `https://status.example`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: expected an origin like https://status.example, and no path");
        let url = url::Url::parse(text.trim()).map_err(|_| wrong())?;
        let origin = url.origin().ascii_serialization();
        let is_web = matches!(url.scheme(), "http" | "https");
        let bare = text.trim().trim_end_matches('/').eq_ignore_ascii_case(&origin);
        // A default port is left out, as browsers do.
        let with_port = url.port_or_known_default().map(|port| format!("{origin}:{port}"));
        let ported = with_port.is_some_and(|full| text.trim().eq_ignore_ascii_case(&full));
        if !is_web || !(bare || ported) {
            return Err(wrong());
        }
        HeaderValue::from_str(&origin).map(Self).map_err(|_| wrong())
    }
}

/// Answers a browser's question whether another origin may ask, and lets those that may read what they asked for. A
/// token is asked for all the same.
pub(super) async fn allow(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.origins.is_empty() {
        return next.run(request).await;
    }
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let allowed = origin_of(&api, request.headers());
    let mut response = match (&allowed, asks_first) {
        (Some(_), true) => {
            let headers = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_S),
            ];
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        _ => next.run(request).await,
    };
    let mut add = |name: HeaderName, value| response.headers_mut().append(name, value);
    add(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = allowed {
        add(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        add(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// A page elsewhere must not make the agents probe: browsers say where a request comes from.
pub(super) async fn no_strangers(State(api): State<Api>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let own = || {
        let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
        let host = headers.get(header::HOST)?.to_str().ok()?;
        Some(origin.split_once("://")?.1 == host)
    };
    let is_strange = headers.contains_key(header::ORIGIN)
        && origin_of(&api, headers).is_none()
        && own() != Some(true);
    if request.method() == Method::POST && is_strange {
        return Problem::forbidden("a page of another origin asks; see --cors-origin")
            .into_response();
    }
    next.run(request).await
}

/// The origin that asks, if it may.
fn origin_of(api: &Api, headers: &HeaderMap) -> Option<HeaderValue> {
    let asking = headers.get(header::ORIGIN)?;
    api.origins.iter().find(|Origin(origin)| origin == asking).map(|Origin(origin)| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it_and_a_path_is_refused() {
        for (given, origin) in [
            ("https://status.example", "https://status.example"),
            ("https://Status.example/", "https://status.example"),
            ("https://status.example:443", "https://status.example"),
            ("http://localhost:8000", "http://localhost:8000"),
        ] {
            let read = given.parse::<Origin>().map(|Origin(value)| value);
            assert_eq!(read, Ok(HeaderValue::from_static(origin)), "{given}");
        }
        for wrong in ["*", "null", "status.example", "https://a.example/path", "ftp://a.example"] {
            let error = wrong.parse::<Origin>().expect_err(wrong);
            assert!(error.contains("expected an origin like"), "{error}");
        }
    }
}
