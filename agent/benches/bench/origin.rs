//! What is probed where the server's speed is what matters: it answers after a given time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n\
    content-length: 2\r\nconnection: close\r\n\r\nok";

pub(crate) struct Origin {
    pub(crate) url: String,
    /// The certificate that it is to be trusted by, if it speaks TLS.
    pub(crate) ca: Option<NamedTempFile>,
    /// How many requests wait for their answer.
    pub(crate) waiting: Arc<AtomicU64>,
}

impl Origin {
    /// Answers after `delay`, until `tasks` ends.
    pub(crate) async fn start(tasks: &mut JoinSet<()>, delay: Duration, tls: bool) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener: TcpListener = socket.listen(4096).expect("it listens");
        let address = listener.local_addr().expect("bound");
        let waiting = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&waiting);
        let (acceptor, ca) = tls.then(identity).unzip();
        tasks.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (counted, acceptor) = (Arc::clone(&counted), acceptor.clone());
                answers.spawn(async move {
                    match acceptor {
                        None => answer(stream, delay, &counted).await,
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            answer(stream, delay, &counted).await;
                        }
                    }
                });
                while answers.try_join_next().is_some() {}
            }
        });
        let scheme = if tls { "https" } else { "http" };
        Self { url: format!("{scheme}://{address}/"), ca, waiting }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    delay: Duration,
    waiting: &AtomicU64,
) {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).await;
    waiting.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(delay).await;
    waiting.fetch_sub(1, Ordering::Relaxed);
    let _ = stream.write_all(ANSWER).await;
    let _ = stream.shutdown().await;
}

/// A server's certificate, made for now, and the file to trust it by.
fn identity() -> (TlsAcceptor, NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let ca = NamedTempFile::new().expect("a file");
    std::fs::write(ca.path(), made.cert.pem()).expect("it can be written");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they belong together");
    (TlsAcceptor::from(Arc::new(config)), ca)
}
