//! What is sent: one hop of a probe.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Uri, Version};
use http_body_util::Full;
use url::{Position, Url};

/// Says who asks: site owners see it in their logs.
const AGENT: &str =
    concat!("zonewatch/", env!("CARGO_PKG_VERSION"), " (+https://github.com/zonewatch/zonewatch)");

/// A request to an http or https URL with a host. Its URL holds neither credentials nor a fragment.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    /// What the target asks for, over the defaults; no header that belongs to the connection.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    http1: Bytes,
}

impl Request {
    pub(super) fn new(method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Self {
        let mut request = Self { method, url, headers, body, http1: Bytes::new() };
        request.http1 = request.in_http1().into();
        request
    }

    /// The host as in the URL: lower case, IPv6 in brackets.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Where to connect to.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// As sent in HTTP/1.1, head and body: made once, not at every probe.
    pub(super) fn http1(&self) -> Bytes {
        self.http1.clone()
    }

    /// One request, then the connection ends.
    fn in_http1(&self) -> Vec<u8> {
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        let mut out = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            out.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        let defaults = [(HOST, self.authority()), (USER_AGENT, AGENT), (ACCEPT, "*/*")];
        for (name, value) in defaults {
            if !self.headers.contains_key(&name) {
                line(name.as_str(), value.as_bytes());
            }
        }
        for (name, value) in &self.headers {
            line(name.as_str(), value.as_bytes());
        }
        // RFC 9110, 8.6: said of nothing, too, where something is usual.
        let usual = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        if usual || !self.body.is_empty() {
            line(CONTENT_LENGTH.as_str(), self.body.len().to_string().as_bytes());
        }
        line(CONNECTION.as_str(), b"close");
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// For HTTP/2, which has no `host` header but an authority.
    pub(super) fn http2(&self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        let uri = Uri::builder()
            .scheme(self.url.scheme())
            .authority(host.unwrap_or_else(|| self.authority()))
            .path_and_query(target)
            .build()?;
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.remove(HOST);
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(request)
    }

    /// Host and port, the port only if it is not the scheme's own.
    fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }
}
