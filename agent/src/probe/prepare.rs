//! From a specification to what can be probed; the last check before the network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use percent_encoding::percent_decode_str;
use proto::{ProbeSpec, StatusSet};
use url::{ParseError, Url};

use super::patterns::{Pattern, Patterns};
use super::permits::{HostLimit, Permits};
use super::request::Request;
use super::tls::{TlsConfigs, Trust};

/// The longest URL, as the target file has it.
const URL_MAX: usize = 8 * 1024;

/// A specification that can be probed, again and again.
pub struct Prepared {
    pub(super) first: Request,
    pub(super) limit: HostLimit,
    pub(super) timeout: Duration,
    pub(super) expect_status: StatusSet,
    pub(super) expect_body: Option<Arc<Pattern>>,
    pub(super) follow_redirects: bool,
    /// None: https cannot be spoken, as there are no roots. Only met by redirects.
    pub(super) trust: Option<Arc<Trust>>,
}

impl Prepared {
    /// The host that is probed first: what [`super::Prober::permit`] goes by.
    pub fn host(&self) -> &str {
        &self.limit.host
    }

    /// How long a probe may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Why a specification cannot be probed. Shows no secret of it.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Not an http or https URL with a host.
    #[error("the url cannot be probed: {0}")]
    Url(String),
    /// No such method.
    #[error("`{0}` is not a method that can be probed")]
    Method(String),
    /// The name or the value cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or its value is malformed")]
    Header(String),
    /// Malformed, or larger than an agent takes.
    #[error("expect_body is not a usable regular expression: {0}")]
    ExpectBody(String),
    /// The file cannot be used.
    #[error("tls_ca {path}: {reason}")]
    TlsCa {
        /// As given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An https target, and nothing to verify it with.
    #[error("this agent has no trust roots: install ca-certificates, or give the target a tls_ca")]
    NoRoots,
    /// A probe must be given some time.
    #[error("the timeout is zero")]
    Timeout,
}

pub(super) fn prepare(
    spec: &ProbeSpec,
    tls: &TlsConfigs,
    permits: &Permits,
    patterns: &Patterns,
) -> Result<Prepared, Unfit> {
    let ProbeSpec {
        url,
        timeout,
        expect_status,
        method,
        headers,
        body,
        expect_body,
        follow_redirects,
        tls_ca,
        tls_verify,
    } = spec;
    if timeout.is_zero() {
        return Err(Unfit::Timeout);
    }
    let (url, credentials) = parse_url(url)?;
    let mut headers = parse_headers(headers)?;
    if let Some(credentials) = credentials {
        headers.entry(AUTHORIZATION).or_insert(credentials);
    }
    let method = match Method::from_bytes(method.as_bytes()) {
        Ok(valid) if valid != Method::CONNECT => valid,
        _ => return Err(Unfit::Method(method.clone())),
    };
    let trust = match tls_ca {
        _ if !tls_verify => Some(tls.unverified()),
        Some(path) => {
            Some(tls.ca_file(path).map_err(|reason| Unfit::TlsCa { path: path.clone(), reason })?)
        }
        None => tls.system(),
    };
    if trust.is_none() && url.scheme() == "https" {
        return Err(Unfit::NoRoots);
    }
    let first = Request::new(method, url, headers, Bytes::copy_from_slice(body));
    // Built once to see that it can be.
    first.http2().map_err(|error| Unfit::Url(error.to_string()))?;
    Ok(Prepared {
        limit: permits.of(first.host()),
        first,
        timeout: *timeout,
        expect_status: expect_status.clone(),
        expect_body: expect_body
            .as_deref()
            .map(|text| patterns.get(text).map_err(Unfit::ExpectBody))
            .transpose()?,
        follow_redirects: *follow_redirects,
        trust,
    })
}

/// The URL as it is sent, and the credentials that it held.
fn parse_url(text: &str) -> Result<(Url, Option<HeaderValue>), Unfit> {
    let bad = |reason: &str| Unfit::Url(reason.to_owned());
    if text.len() > URL_MAX {
        return Err(bad("it is longer than 8 KiB"));
    }
    let mut url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => bad("it begins with neither http:// nor https://"),
        error => Unfit::Url(error.to_string()),
    })?;
    check_url(&url).map_err(bad)?;
    let credentials = basic(&url);
    strip(&mut url);
    Ok((url, credentials))
}

/// What of `url` keeps it from being probed.
pub(super) fn check_url(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither http nor https");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it has no host");
    }
    if url.port() == Some(0) {
        return Err("port 0 cannot be connected to");
    }
    Ok(())
}

/// Takes off what is not sent: credentials and the fragment.
pub(super) fn strip(url: &mut Url) {
    // Both fail only for URLs without a host, which have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
}

fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Headers that belong to the connection are ours to set: they are passed over, as `connection: keep-alive` copied from
/// a browser should not cost the target.
fn parse_headers(pairs: &[(String, String)]) -> Result<HeaderMap, Unfit> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let bad = || Unfit::Header(name.clone());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        let ours = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, TE, TRAILER];
        let hop_by_hop = ["keep-alive", "proxy-connection"].contains(&name.as_str());
        if !hop_by_hop && !ours.contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// `set` as the target file writes it.
pub(super) fn status_text(set: &StatusSet) -> impl fmt::Display {
    let ranges = set.ranges().iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(spec: &ProbeSpec) -> Result<Prepared, Unfit> {
        let tls = TlsConfigs::new().expect("aws-lc-rs has usable defaults");
        prepare(spec, &tls, &Permits::new(1), &Patterns::default())
    }

    #[track_caller]
    fn unfit(change: impl FnOnce(&mut ProbeSpec)) -> String {
        let mut spec = ProbeSpec::get("http://user:secret@a.test/");
        change(&mut spec);
        let reason = prepared(&spec).map(|_| ()).expect_err("unfit").to_string();
        assert!(!reason.contains("secret"), "{reason}");
        reason
    }

    #[test]
    fn what_cannot_be_probed_is_named_without_its_secrets() {
        assert!(unfit(|spec| spec.url = "ftp://a.test/secret".into()).contains("http"));
        assert!(unfit(|spec| spec.url = "http://u:secret@a:99999/".into()).contains("port"));
        assert!(unfit(|spec| spec.url = "http://u:secret@a:0/".into()).contains("port 0"));
        assert!(unfit(|spec| spec.url = "secret".into()).contains("url"));
        assert!(
            unfit(|spec| spec.url = format!("http://a/{}", "a".repeat(9000))).contains("8 KiB")
        );
        assert!(unfit(|spec| spec.method = "BAD METHOD".into()).contains("BAD METHOD"));
        assert!(unfit(|spec| spec.method = "CONNECT".into()).contains("CONNECT"));
        let headers = [("x".into(), "secret\n".into())];
        assert!(unfit(|spec| spec.headers = headers.into()).contains("`x`"));
        assert!(unfit(|spec| spec.expect_body = Some("(".into())).contains("regular expression"));
        assert!(unfit(|spec| spec.expect_body = Some("\\w{5000}".into())).contains("bytes"));
        assert!(unfit(|spec| spec.tls_ca = Some("/nowhere.pem".into())).contains("/nowhere.pem"));
        assert!(unfit(|spec| spec.timeout = Duration::ZERO).contains("zero"));
    }

    #[test]
    fn credentials_become_a_header_and_leave_the_url() {
        let spec = ProbeSpec::get("http://us%40er:p%3Ass@a.test/x?y#fragment");
        let first = prepared(&spec).unwrap().first;
        assert_eq!(first.url.as_str(), "http://a.test/x?y");
        let decoded = STANDARD
            .decode(first.headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap());
        assert_eq!(decoded.unwrap(), b"us@er:p:ss");
    }

    #[test]
    fn a_header_that_belongs_to_the_connection_is_passed_over() {
        let headers = [("Connection", "keep-alive"), ("content-length", "7"), ("X-Mine", "1")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parsed = parse_headers(&headers).unwrap();
        assert_eq!(parsed.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-mine"]);
    }

    #[test]
    fn hosts_in_other_scripts_and_odd_spellings_of_addresses_are_understood() {
        let host = |url: &str| prepared(&ProbeSpec::get(url)).unwrap().host().to_owned();
        assert_eq!(host("http://bücher.example/"), "xn--bcher-kva.example");
        assert_eq!(host("http://0x7f.1/"), "127.0.0.1");
        assert_eq!(host("http://[::1]:8080/"), "[::1]");
    }

    #[test]
    fn expected_codes_read_as_in_the_target_file() {
        let set = StatusSet::parse("200-299,404").unwrap();
        assert_eq!(status_text(&set).to_string(), "200-299,404");
    }
}
