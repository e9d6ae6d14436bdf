//! A client that sends what it is told, also what no library would, and reads one answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A loaded machine is slow; a server that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The header of this name; the names of headers have no case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Sends one request. `target` goes out as it stands.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let (head, body) = send_for_bytes(address, method, target, headers);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = String::from_utf8(body).expect("answers are UTF-8");
    Answer { status, head, body }
}

/// The same for an answer that may be no text.
pub(crate) fn send_for_bytes(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("the collector listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer comes");
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("a head and a body");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("heads are UTF-8");
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    (head, if chunked { without_chunks(&body) } else { body })
}

/// What is in the chunks of a body.
fn without_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|part| part == b"\r\n").expect("a chunk has a size");
        let size = std::str::from_utf8(&body[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        if size == 0 {
            return whole;
        }
        let chunk = &body[end + 2..];
        whole.extend_from_slice(&chunk[..size]);
        body = &chunk[size + 2..];
    }
}
