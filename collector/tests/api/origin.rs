//! The internet of these tests: one server on loopback, and name servers that know one answer each.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use tokio::net::{TcpListener, UdpSocket};

/// `/status/CODE`, `/slow/MS` and `/redirect`, which leads to a URL with a password.
pub(crate) async fn start() -> (SocketAddr, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let routes = Router::new()
        .route("/status/{code}", any(status))
        .route("/slow/{ms}", any(slow))
        .route("/redirect", any(redirect))
        .with_state(address);
    (address, async move { axum::serve(listener, routes).await.expect("it serves") })
}

async fn status(Path(code): Path<u16>) -> impl IntoResponse {
    (StatusCode::from_u16(code).expect("a code"), "hello")
}

async fn slow(Path(ms): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "at last"
}

async fn redirect(State(address): State<SocketAddr>) -> impl IntoResponse {
    let to = format!("http://moved:{}@{address}/status/204", crate::secrets::PASSWORDS[1]);
    (StatusCode::FOUND, [(header::LOCATION, to)])
}

/// Answers every question for an IPv4 address with `ip`, or says that no name exists.
pub(crate) async fn name_server(ip: Option<[u8; 4]>) -> (SocketAddr, impl Future<Output = ()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    let serve = async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = answer(&packet[..length], ip) {
                let _asker_is_gone = socket.send_to(&answer, from).await;
            }
        }
    };
    (address, serve)
}

fn answer(query: &[u8], ip: Option<[u8; 4]>) -> Option<Vec<u8>> {
    let name_end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(..name_end + 5)?;
    let wants_ipv4 = question[name_end + 1..name_end + 3] == [0, 1];
    let known = ip.filter(|_| wants_ipv4);
    let mut answer = question.to_vec();
    let code = if ip.is_some() { 0 } else { 3 };
    answer[2..12].copy_from_slice(&[
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(known.is_some()),
        0,
        0,
        0,
        0,
    ]);
    if let Some(octets) = known {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(octets);
    }
    Some(answer)
}

/// A port of this machine on which nobody listens while `_taken` lives: bound, but never listening.
pub(crate) fn dead_port() -> (SocketAddr, tokio::net::TcpSocket) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((IpAddr::from([127, 0, 0, 1]), 0).into()).expect("a free port");
    (socket.local_addr().expect("bound"), socket)
}
