//! Where others reach this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tokio::net::TcpListener;

/// An address for documentation (RFC 5737): nothing is sent there.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// `http://HOST:PORT` of this port; empty when that cannot be known. A port of every address is reached at the one from which
/// this machine speaks to others.
pub(super) fn reached_at(listener: &TcpListener) -> String {
    let Ok(mut address) = listener.local_addr() else { return String::new() };
    if address.ip().is_unspecified() {
        match outbound() {
            Some(ip) => address.set_ip(ip),
            None => return String::new(),
        }
    }
    format!("http://{address}")
}

fn outbound() -> Option<IpAddr> {
    // Connecting a datagram socket only chooses a route.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(SocketAddr::from(ELSEWHERE)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
