//! A list in an S3 bucket, asked for by ETag. One signed GET: an SDK for all of S3 would cost a minute of build time.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::header::IF_NONE_MATCH;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::sync::OnceCell;

use super::Version;
use super::https::Answer;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest silence inside an answer.
const SILENT_AT_MOST: Duration = Duration::from_secs(30);
/// A million rows, 100 MB, at 3 Mbit/s.
const DONE_WITHIN: Duration = Duration::from_secs(300);
/// Other addresses of the service, as every AWS tool reads them: the first that is set.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// An object.
#[derive(Clone)]
pub struct S3 {
    bucket: String,
    key: String,
    endpoint: Option<String>,
    client: Client,
    /// Found when it is first needed: credentials renew themselves.
    shared: std::sync::Arc<OnceCell<SdkConfig>>,
}

impl PartialEq for S3 {
    fn eq(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key)
    }
}

impl Eq for S3 {}

impl FromStr for S3 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.get(5..).unwrap_or_default();
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(fine) || key.is_empty() {
            return Err("expected s3://bucket/key".into());
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENT_AT_MOST)
            .timeout(DONE_WITHIN)
            // A bucket of another region redirects, and the signature would not be the one expected there.
            .redirect(Policy::none())
            .build()
            .map_err(|error| format!("TLS cannot be set up: {}", crate::config::chain(&error)))?;
        let endpoint = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok());
        let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty());
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Ok(Self { bucket, key, endpoint, client, shared: std::sync::Arc::default() })
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({self})")
    }
}

impl S3 {
    /// Asks; nothing when the object is the one `known`.
    pub(super) async fn get(&self, known: Option<&Version>) -> Result<Option<Answer>, String> {
        let load = || async { aws_config::defaults(BehaviorVersion::latest()).load().await };
        let shared = self.shared.get_or_init(load).await;
        let region = shared.region().ok_or("no region: set AWS_REGION")?.as_ref();
        let url = self.url(region);
        let mut request = self.client.get(&url);
        for (name, value) in signature(&url, region, shared).await? {
            request = request.header(name, value);
        }
        if let Some(Version(etag)) = known {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await;
        let response = response.map_err(|error| crate::config::chain(&error.without_url()))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(None),
            StatusCode::OK => Ok(Some(Answer::of(response))),
            StatusCode::MOVED_PERMANENTLY | StatusCode::TEMPORARY_REDIRECT => Err(format!(
                "the bucket is not in {region}: set AWS_REGION to the region that it is in"
            )),
            StatusCode::NOT_FOUND => Err("there is no such bucket or key (404)".into()),
            StatusCode::FORBIDDEN => {
                Err("these credentials may not read it, or there is no such key (403)".into())
            }
            status => Err(format!("the answer is {status}; expected 200")),
        }
    }

    /// By path, which every bucket has, whatever is in its name.
    fn url(&self, region: &str) -> String {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{region}.amazonaws.com{suffix}"),
        };
        format!("{endpoint}/{}/{}", self.bucket, encoded(&self.key))
    }
}

/// A key as it stands in a URL.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The headers that say who asks.
async fn signature(
    url: &str,
    region: &str,
    shared: &SdkConfig,
) -> Result<Vec<(String, String)>, String> {
    let provider = shared.credentials_provider().ok_or("no AWS credentials")?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials
        .map_err(|error| format!("no AWS credentials: {}", crate::config::chain(&error)))?;
    let mut settings = SigningSettings::default();
    // As S3 wants it: the path is signed as it is sent, and the (empty) body by its hash.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = credentials.into();
    let builder = SigningParams::builder().identity(&identity).region(region).name("s3");
    #[expect(clippy::disallowed_methods, reason = "a signature is dated by the wall clock")]
    let params = builder.time(SystemTime::now()).settings(settings).build();
    let params = params.map_err(|error| error.to_string())?.into();
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(&[]));
    let signed = request.and_then(|request| sign(request, &params));
    let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
    let headers = instructions.headers();
    Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_a_key_make_a_url_in_their_region() {
        let s3: S3 = "s3://my.lists/eu/all sites+.csv".parse().unwrap();
        assert_eq!(s3.to_string(), "s3://my.lists/eu/all sites+.csv");
        let plain = S3 { endpoint: None, ..s3.clone() };
        let url = "https://s3.eu-west-1.amazonaws.com/my.lists/eu/all%20sites%2B.csv";
        assert_eq!(plain.url("eu-west-1"), url);
        assert!(plain.url("cn-north-1").contains("amazonaws.com.cn/"));
        let moto = S3 { endpoint: Some("http://127.0.0.1:5000/".into()), ..s3 };
        assert!(moto.url("eu-west-1").starts_with("http://127.0.0.1:5000/my.lists/eu/"));
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for bad in ["s3://", "s3://bucket", "s3://bucket/", "s3://B/key", "s3:///key"] {
            assert!(
                bad.parse::<S3>().is_err_and(|error| error.contains("s3://bucket/key")),
                "{bad}"
            );
        }
    }
}
