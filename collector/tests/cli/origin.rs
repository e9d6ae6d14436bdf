//! A web server on a thread of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers `/NAME/STATUS` with that status, and `/NAME/STATUS/MS` as late as that. It lasts as long as the tests.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::<Mutex<HashMap<String, usize>>>::default();
        let counts = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = counts.clone();
                std::thread::spawn(move || answer(stream, &counts));
            }
        });
        Self { address, asked }
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().expect("not poisoned").get(name).copied().unwrap_or(0)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

/// A client that goes away early is none of this server's business.
fn answer(mut stream: TcpStream, counts: &Mutex<HashMap<String, usize>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let mut parts = request.split(' ').nth(1)?.trim_start_matches('/').split('/');
    let (name, status) = (parts.next()?, parts.next()?.to_owned());
    let late = parts.next().map_or(0, |ms| ms.parse().expect("milliseconds"));
    *counts.lock().expect("not poisoned").entry(name.to_owned()).or_default() += 1;
    std::thread::sleep(Duration::from_millis(late));
    let head =
        format!("HTTP/1.1 {status} Said So\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(head.as_bytes()).ok()
}
