//! `healthcheck`: whether the collector on this machine is live.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use agent::local_get;

/// Why it is not taken to be live.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// No answer.
    #[error(transparent)]
    NoAnswer(#[from] local_get::LocalGetError),
    /// Another answer than 200.
    #[error("the answer is {0}")]
    Answer(axum::http::StatusCode),
}

/// Asks the collector that listens on `address` (on every address: on loopback) whether it is live.
///
/// # Errors
/// When it does not say so.
pub async fn check(address: SocketAddr) -> Result<(), HealthError> {
    let host: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let uri = format!("http://{}/livez", SocketAddr::new(host, address.port()));
    let (status, _) = local_get::get(uri.parse().expect("an address makes a URL")).await?;
    if status.is_success() { Ok(()) } else { Err(HealthError::Answer(status)) }
}
