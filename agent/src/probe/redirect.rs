//! Where a redirect leads, and what goes along. Pure.

use http::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use proto::Cause;
use url::Url;

use super::fault::Stop;
use super::mask::mask_url;
use super::prepare::{check_url, strip};
use super::request::Request;

/// Redirects that are followed: as many as curl's and reqwest's users expect at least.
pub(super) const REDIRECTS_MAX: usize = 10;
/// The longest Location that is followed.
const LOCATION_MAX: usize = 8 * 1024;

/// Whether the answer says to go elsewhere, where redirects are followed.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a probe has been: at most [`REDIRECTS_MAX`] places and the first.
#[derive(Default)]
pub(super) struct Itinerary {
    visited: Vec<(Method, Url)>,
}

impl Itinerary {
    /// What to send after `from` was answered with `status` and `location`.
    ///
    /// Headers of the target's own, credentials among them, are sent to its own origin only, and not again once it was
    /// left. A body goes along with 307 and 308, as they demand.
    ///
    /// # Errors
    /// `Redirect`: nowhere to go, been there before, or too far already.
    pub(super) fn next(
        &mut self,
        from: &Request,
        status: StatusCode,
        location: Option<&[u8]>,
    ) -> Result<Request, Stop> {
        if self.visited.is_empty() {
            self.visited.push((from.method.clone(), from.url.clone()));
        }
        let code = status.as_u16();
        let failed = |kind, cause: String| Stop::Failed(kind, format!("status {code}: {cause}"));
        let nowhere = || failed(Cause::RedirectNoLocation, "no Location to go to".into());
        let url = target(from, location.ok_or_else(nowhere)?)
            .map_err(|cause| failed(Cause::RedirectBadLocation, cause))?;
        let mut method = from.method.clone();
        let mut headers = from.headers.clone();
        let mut body = from.body.clone();
        let as_get = match code {
            303 => method != Method::HEAD,
            301 | 302 => method == Method::POST,
            _ => false,
        };
        if as_get {
            method = Method::GET;
            body.clear();
            for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION] {
                headers.remove(name);
            }
        }
        if url.origin() != from.url.origin() {
            headers = HeaderMap::new();
            // A body may hold a secret that was meant for the first origin alone.
            if !body.is_empty() {
                let cause = "it would send the body to another origin".into();
                return Err(failed(Cause::RedirectWithBody, cause));
            }
        }
        let shown = mask_url(url.as_str());
        let place = (method.clone(), url.clone());
        if self.visited.contains(&place) {
            let cause = format!("a loop, {shown} was visited before");
            return Err(failed(Cause::RedirectLoop, cause));
        }
        if self.visited.len() > REDIRECTS_MAX {
            let cause = format!("more than {REDIRECTS_MAX} redirects, next {shown}");
            return Err(failed(Cause::RedirectTooMany, cause));
        }
        self.visited.push(place);
        Ok(Request::new(method, url, headers, body))
    }
}

/// The URL that `location` means, seen from `from`.
pub(super) fn target(from: &Request, location: &[u8]) -> Result<Url, String> {
    let text = std::str::from_utf8(location).map_err(|_| "the Location is not text".to_owned())?;
    let shown = || {
        let masked = mask_url(text);
        masked.chars().take(100).collect::<String>()
    };
    if text.len() > LOCATION_MAX {
        return Err("the Location is longer than 8 KiB".to_owned());
    }
    let mut url = from
        .url
        .join(text)
        .map_err(|error| format!("the Location `{}` is no URL: {error}", shown()))?;
    check_url(&url).map_err(|reason| format!("the Location `{}`: {reason}", shown()))?;
    strip(&mut url);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;
    use proto::Failure;

    use super::*;

    fn request(method: Method, url: &str) -> Request {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "x-api-key", "content-type"] {
            headers.insert(name, HeaderValue::from_static("secret"));
        }
        let body = if method == Method::GET { "" } else { "body" };
        let body = Bytes::from_static(body.as_bytes());
        Request::new(method, Url::parse(url).unwrap(), headers, body)
    }

    fn follow(from: &Request, status: u16, location: &str) -> Result<Request, String> {
        let status = StatusCode::from_u16(status).unwrap();
        Itinerary::default().next(from, status, Some(location.as_bytes())).map_err(
            |stop| match stop {
                Stop::Failed(kind, cause) if kind.failure() == Some(Failure::Redirect) => cause,
                other => panic!("{other:?}"),
            },
        )
    }

    #[test]
    fn a_location_is_read_from_where_it_was_given() {
        let from = request(Method::GET, "http://a.test/x/y?q");
        let check = |location: &str, expected: &str| {
            assert_eq!(follow(&from, 302, location).unwrap().url.as_str(), expected, "{location}");
        };
        check("/z", "http://a.test/z");
        check("z", "http://a.test/x/z");
        check("?r", "http://a.test/x/y?r");
        check("//b.test/", "http://b.test/");
        check("https://user:secret@b.test/#fragment", "https://b.test/");
        check("/ü", "http://a.test/%C3%BC");
    }

    #[test]
    fn only_http_leads_on() {
        let from = request(Method::GET, "http://a.test/");
        for location in ["ftp://a.test/", "javascript:alert(1)", "http://[", "http://a.test:0/"] {
            let cause = follow(&from, 301, location).err().expect(location);
            assert!(cause.contains("Location"), "{cause}");
        }
        let status = StatusCode::FOUND;
        assert!(Itinerary::default().next(&from, status, None).is_err());
    }

    #[test]
    fn a_post_becomes_a_get_where_browsers_make_it_one() {
        let check = |status: u16, method: Method, expected: Method, body: bool| {
            let next = follow(&request(method, "http://a.test/"), status, "/z").unwrap();
            assert_eq!((next.method, !next.body.is_empty()), (expected, body), "{status}");
            assert_eq!(next.headers.contains_key(CONTENT_TYPE), body);
        };
        check(301, Method::POST, Method::GET, false);
        check(302, Method::POST, Method::GET, false);
        check(303, Method::PUT, Method::GET, false);
        check(307, Method::POST, Method::POST, true);
        check(308, Method::PUT, Method::PUT, true);
        check(302, Method::PUT, Method::PUT, true);
    }

    #[test]
    fn no_header_of_the_target_s_goes_to_another_origin() {
        let from = request(Method::GET, "https://a.test/");
        assert_eq!(follow(&from, 302, "/same").unwrap().headers.len(), 4);
        for other in ["https://b.test/", "http://a.test/", "https://a.test:8443/"] {
            assert!(follow(&from, 302, other).unwrap().headers.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_body_never_goes_to_another_origin() {
        let from = request(Method::POST, "https://a.test/");
        assert!(follow(&from, 307, "/same").is_ok());
        for other in ["https://b.test/", "http://a.test/"] {
            let cause = follow(&from, 307, other).err().expect(other);
            assert!(cause.contains("another origin"), "{cause}");
        }
        assert!(follow(&from, 303, "https://b.test/").is_ok(), "a GET has none");
    }

    #[test]
    fn a_loop_ends_at_once_and_a_long_way_after_ten_redirects() {
        let from = request(Method::GET, "http://a.test/0");
        assert!(follow(&from, 302, "/0").err().unwrap().contains("loop"));
        let mut itinerary = Itinerary::default();
        let mut at = from;
        for hop in 1..=REDIRECTS_MAX {
            let location = format!("/{hop}");
            at = itinerary.next(&at, StatusCode::FOUND, Some(location.as_bytes())).unwrap();
        }
        assert!(itinerary.next(&at, StatusCode::FOUND, Some(b"/next")).is_err());
    }
}
