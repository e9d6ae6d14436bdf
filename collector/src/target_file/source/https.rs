//! A list that a web server keeps, asked for by ETag.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use tokio_stream::StreamExt;

use super::super::{FileError, TargetFile, mask_url};
use super::Version;
use super::stream::{self, Input};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest silence inside an answer.
const SILENT_AT_MOST: Duration = Duration::from_secs(30);
/// A million rows, 100 MB, at 3 Mbit/s.
const DONE_WITHIN: Duration = Duration::from_secs(300);
const REDIRECTS_MAX: usize = 5;
/// A longer ETag is not kept: the list is then fetched whole each time.
const VERSION_BYTES_MAX: usize = 1024;

/// An https URL and the client that asks it.
#[derive(Clone)]
pub struct Https {
    url: Url,
    client: Client,
}

impl PartialEq for Https {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Https {}

impl FromStr for Https {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        // A redirect to plain http ends in an error, too.
        let client = Client::builder()
            .https_only(true)
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENT_AT_MOST)
            .timeout(DONE_WITHIN)
            .redirect(Policy::limited(REDIRECTS_MAX))
            .user_agent(concat!("zonewatch-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("TLS cannot be set up: {}", chain(&error)))?;
        Ok(Self { url, client })
    }
}

impl fmt::Display for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_url(self.url.as_str()))
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Https({self})")
    }
}

/// An answer whose body has yet to come.
pub(super) struct Answer {
    pub(super) version: Option<Version>,
    pub(super) length: Option<u64>,
    response: Response,
}

impl Https {
    /// Asks; nothing when the list is the one `known`.
    pub(super) async fn get(&self, known: Option<&Version>) -> Result<Option<Answer>, String> {
        let mut request = self.client.get(self.url.clone());
        if let Some(Version(etag)) = known {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(None),
            StatusCode::OK => Ok(Some(Answer::of(response))),
            status => Err(format!("the answer is {status}; expected 200")),
        }
    }
}

impl Answer {
    pub(super) fn of(response: Response) -> Self {
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| etag.len() <= VERSION_BYTES_MAX);
        let version = etag.map(|etag| Version(etag.to_owned()));
        Self { version, length: response.content_length(), response }
    }

    /// Has the body read by `rows`, on a thread of its own, while it arrives.
    pub(super) async fn read(
        self,
        shown: &str,
        rows: impl FnOnce(Input) -> Result<TargetFile, FileError> + Send + 'static,
    ) -> Result<TargetFile, FileError> {
        let chunks = self.response.bytes_stream();
        let chunks = chunks.map(|chunk| chunk.map_err(|error| chain(&error.without_url())));
        stream::read(chunks, shown, rows).await
    }
}

fn chain(error: &reqwest::Error) -> String {
    crate::config::chain(error)
}
