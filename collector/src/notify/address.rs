//! Where messages go. Addresses hold secrets in their user, path and query: nothing but scheme and host is ever shown.

use std::fmt;
use std::str::FromStr;

use url::Url;
use xxhash_rust::xxh3::xxh3_64;

/// An address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no http(s) URL.
    #[error("not an http:// or https:// URL with a host")]
    Url,
    /// The word before the `+` is unknown.
    #[error(
        "`{0}+` is no shape; expected json+, slack+, teams+ or pagerduty+ before the URL, or none for JSON"
    )]
    Shape(String),
    /// PagerDuty wants to know whom.
    #[error(
        "expected the integration's routing key as the user: pagerduty+https://KEY@events.pagerduty.com/v2/enqueue"
    )]
    RoutingKey,
}

/// A receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// The address with everything secret.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What tells it from others in the log: the same for the same address.
    pub fn id(&self) -> u64 {
        xxh3_64(self.url.as_str().as_bytes())
    }
}

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text.trim()).map_err(|_| AddressError::Url)?;
        let fine = matches!(url.scheme(), "http" | "https") && url.has_host();
        if fine { Ok(Self { url }) } else { Err(AddressError::Url) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => write!(f, "{}://{host}:{port}/…", self.url.scheme()),
            None => write!(f, "{}://{host}/…", self.url.scheme()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// How a message is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Everything, as JSON of our own.
    Json,
    /// An incoming webhook of Slack, or of what speaks like it.
    Slack,
    /// An adaptive card for a workflow of Teams.
    Teams,
    /// Events API v2.
    PagerDuty,
}

/// A webhook: a shape, a `+`, and a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to.
    pub endpoint: Endpoint,
    /// How.
    pub shape: Shape,
    /// PagerDuty's key of the integration; empty for others.
    routing_key: String,
}

impl Webhook {
    /// What tells PagerDuty whom to page.
    pub(super) fn routing_key(&self) -> &str {
        &self.routing_key
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({:?} {})", self.shape, self.endpoint)
    }
}

impl FromStr for Webhook {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Url)?;
        let (shape, scheme) = scheme.split_once('+').unwrap_or(("json", scheme));
        let shape = match shape {
            "json" => Shape::Json,
            "slack" => Shape::Slack,
            "teams" => Shape::Teams,
            "pagerduty" => Shape::PagerDuty,
            other => return Err(AddressError::Shape(other.to_owned())),
        };
        let mut endpoint: Endpoint = format!("{scheme}://{rest}").parse()?;
        let mut routing_key = String::new();
        if shape == Shape::PagerDuty {
            routing_key = endpoint.url.username().to_owned();
            if routing_key.is_empty() || endpoint.url.set_username("").is_err() {
                return Err(AddressError::RoutingKey);
            }
        }
        Ok(Self { endpoint, shape, routing_key })
    }
}

impl Webhook {
    /// As [`Endpoint::id`], and for every key of PagerDuty another.
    pub fn id(&self) -> u64 {
        let Self { endpoint, shape: _, routing_key } = self;
        endpoint.id() ^ if routing_key.is_empty() { 0 } else { xxh3_64(routing_key.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_stands_before_the_url_and_nothing_secret_is_ever_shown() {
        let slack: Webhook =
            "slack+https://hooks.slack.com/services/T0/B0/secret".parse().expect("fine");
        assert_eq!(slack.shape, Shape::Slack);
        assert_eq!(slack.endpoint.to_string(), "https://hooks.slack.com/…");
        assert!(!format!("{slack:?}").contains("secret"));
        let plain: Webhook = "http://u:secret@127.0.0.1:8080/hook?k=secret".parse().expect("fine");
        assert_eq!(
            (plain.shape, plain.endpoint.to_string().as_str()),
            (Shape::Json, "http://127.0.0.1:8080/…")
        );
        assert_ne!(plain.id(), slack.id());
    }

    #[test]
    fn pagerduty_has_its_key_as_the_user_and_does_not_send_it_in_the_url() {
        let pager: Webhook =
            "pagerduty+https://KEY@events.pagerduty.com/v2/enqueue".parse().expect("fine");
        assert_eq!(pager.routing_key(), "KEY");
        assert_eq!(pager.endpoint.url().as_str(), "https://events.pagerduty.com/v2/enqueue");
        let none: Result<Webhook, _> = "pagerduty+https://events.pagerduty.com/".parse();
        assert_eq!(none, Err(AddressError::RoutingKey));
    }

    #[test]
    fn what_is_no_address_is_told_without_showing_it() {
        for bad in ["", "hooks.slack.com/secret", "ftp://secret/", "https://", "slack+:secret"] {
            let error = bad.parse::<Webhook>().expect_err(bad).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let error = "discord+https://x/".parse::<Webhook>().expect_err("unknown").to_string();
        assert!(error.contains("json+, slack+, teams+ or pagerduty+"), "{error}");
    }
}
