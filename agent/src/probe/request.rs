//! What is sent: one hop of a probe.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
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
}

impl Request {
    /// The host as in the URL: lower case, IPv6 in brackets.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Where to connect to.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// For HTTP/1.1: one request, then the connection ends.
    pub(super) fn http1(&self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        let mut request = self.with(target.parse()?, Version::HTTP_11);
        let headers = request.headers_mut();
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::try_from(self.authority())?);
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(request)
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
        let mut request = self.with(uri, Version::HTTP_2);
        request.headers_mut().remove(HOST);
        Ok(request)
    }

    /// Host and port, the port only if it is not the scheme's own.
    fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    fn with(&self, uri: Uri, version: Version) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = version;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        request
    }
}
