//! stub
use std::time::Duration;
/// stub
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Target {
    pub name: String,
    pub interval: Duration,
    pub spec: proto::ProbeSpec,
    pub category: String,
    pub labels: Vec<(String, String)>,
    pub vantages: Vec<String>,
    pub paused: bool,
    pub slow_after: Option<Duration>,
}
