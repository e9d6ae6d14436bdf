//! What a fuzzer feeds inside the prober.

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use super::certificate::Facts;
use super::hosts::HostsFile;
use super::redirect;
use super::request::Request;

pub(crate) fn certificate(bytes: &[u8]) {
    if let Some(facts) = Facts::read(bytes) {
        let now = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
        let _whether = facts.check_validity(now);
    }
}

/// Where a redirect leads: never anywhere but to http and https, and never with credentials.
pub(crate) fn location(bytes: &[u8]) {
    let url = Url::parse("https://user:hunter2@shop.example/a/b?c").expect("a URL");
    let from = Request::new(Method::GET, url, HeaderMap::new(), Bytes::new());
    if let Ok(next) = redirect::target(&from, bytes) {
        assert!(matches!(next.scheme(), "http" | "https"), "{next}");
        assert!(next.username().is_empty() && next.password().is_none(), "{next}");
    }
}

pub(crate) fn hosts_file(bytes: &[u8]) {
    let file = HostsFile::parse(&String::from_utf8_lossy(bytes));
    let _found = file.lookup("localhost");
}
