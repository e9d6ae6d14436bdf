//! One request to a receiver. What goes wrong is told without the address, which is secret.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::Endpoint;
use crate::config::chain;

/// A receiver that takes longer is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken.
    Taken,
    /// It never will be: the receiver does not understand it.
    Refused(String),
    /// Not now.
    Failed {
        /// Why.
        why: String,
        /// How long the receiver wants to be left alone.
        after: Option<Duration>,
    },
}

/// A client for all requests to one receiver: no redirects, which could lead a signed message elsewhere.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(ANSWER_WITHIN)
        .redirect(Policy::none())
        .user_agent(concat!("zonewatch-collector/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Posts JSON.
pub(super) async fn post(
    client: &Client,
    endpoint: &Endpoint,
    path: Option<&str>,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Sent {
    let mut url = endpoint.url().clone();
    if let Some(path) = path {
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    }
    let request = client.post(url).headers(headers).header("content-type", "application/json");
    match request.body(body).send().await {
        Ok(answer) => judge(answer.status(), answer.headers()),
        Err(error) => Sent::Failed { why: chain(&error.without_url()), after: None },
    }
}

fn judge(status: StatusCode, headers: &HeaderMap) -> Sent {
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let why = format!("it answers {status}");
    match status {
        _ if status.is_success() => Sent::Taken,
        // These say that the message is wrong. All others may be mended: a key, a path, a proxy, the receiver itself.
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Sent::Refused(why),
        _ => Sent::Failed { why, after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_that_is_wrong_is_given_up() {
        let judged = |code| judge(StatusCode::from_u16(code).expect("a code"), &HeaderMap::new());
        for code in [200, 202, 204] {
            assert_eq!(judged(code), Sent::Taken);
        }
        for code in [400, 413, 422] {
            assert!(matches!(judged(code), Sent::Refused(_)), "{code}");
        }
        for code in [301, 401, 403, 404, 408, 429, 500, 502, 503] {
            assert!(matches!(judged(code), Sent::Failed { .. }), "{code}");
        }
    }

    #[test]
    fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "30".parse().expect("a value"))]);
        let judged = judge(StatusCode::TOO_MANY_REQUESTS, &headers);
        let Sent::Failed { after, .. } = judged else { panic!("{judged:?}") };
        assert_eq!(after, Some(Duration::from_secs(30)));
    }
}
