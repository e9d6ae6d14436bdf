//! A web server with a certificate of a test's own authority. It keeps one list, under an ETag that the test chooses.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

/// What is answered, and what was asked.
#[derive(Default)]
pub(crate) struct Desk {
    /// The status line's code and reason; with 200, an asker who knows the ETag gets 304.
    pub(crate) status: String,
    pub(crate) etag: String,
    pub(crate) body: String,
    /// The length that is announced, if it is not the body's.
    pub(crate) announced: Option<usize>,
    /// Further header lines.
    pub(crate) headers: String,
    /// The statuses that were answered, in order.
    pub(crate) answered: Vec<String>,
    /// The Authorization that was sent last.
    pub(crate) authorization: String,
}

pub(crate) struct HttpsServer {
    address: SocketAddr,
    authority: NamedTempFile,
    desk: Arc<Mutex<Desk>>,
}

impl HttpsServer {
    pub(crate) fn start(body: &str) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = authority.self_signed(&key).expect("signed");
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(root.pem().as_bytes()).expect("written");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a certificate and its key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let desk = Arc::new(Mutex::new(Desk {
            status: "200 OK".into(),
            etag: "\"1\"".into(),
            body: body.into(),
            ..Desk::default()
        }));
        let (served, config) = (desk.clone(), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (desk, config) = (served.clone(), config.clone());
                std::thread::spawn(move || answer(stream, config, &desk));
            }
        });
        Self { address, authority: file, desk }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/targets.csv", self.address.port())
    }

    pub(crate) fn url_with(&self, credentials: &str) -> String {
        self.url().replace("https://", &format!("https://{credentials}@"))
    }

    /// The variable that makes a program trust the authority, and no other.
    pub(crate) fn trust(&self) -> (&'static str, String) {
        ("SSL_CERT_FILE", self.authority.path().to_str().expect("UTF-8").to_owned())
    }

    /// Changes what is answered, or looks at what was.
    pub(crate) fn desk<T>(&self, with: impl FnOnce(&mut Desk) -> T) -> T {
        with(&mut self.desk.lock().expect("not poisoned"))
    }
}

/// One request a connection. A peer that breaks off is its own affair.
fn answer(stream: TcpStream, config: Arc<ServerConfig>, desk: &Mutex<Desk>) -> Option<()> {
    let session = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(session, stream));
    let (mut known, mut authorization) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                known = value.to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = value.to_owned();
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let reply = {
        let mut desk = desk.lock().expect("not poisoned");
        let unchanged = desk.status.starts_with("200") && known == desk.etag;
        let status = if unchanged { "304 Not Modified".into() } else { desk.status.clone() };
        let body = if unchanged { "" } else { &desk.body };
        let length = desk.announced.unwrap_or(body.len());
        let length = if unchanged { 0 } else { length };
        let reply = format!(
            "HTTP/1.1 {status}\r\nETag: {}\r\nContent-Length: {length}\r\nConnection: close\r\n{}\r\n{body}",
            desk.etag, desk.headers
        );
        desk.answered.push(status);
        desk.authorization = authorization;
        reply
    };
    let stream = stream.get_mut();
    stream.write_all(reply.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}
