//! HTTPS servers with certificates made for a test.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::origin::{read_request, response};

/// An authority of its own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("the test's authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let file = pem_file(&certificate);
        Self { issuer: Issuer::new(params, key), file }
    }

    /// The path of its certificate.
    pub(crate) fn path(&self) -> String {
        path(&self.file)
    }

    /// A certificate for `names`, changed as the test likes.
    pub(crate) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = params(names);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Identity { certificate: certificate.der().clone(), key }
    }
}

/// What a server shows, and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// Signed by itself; the file holds its certificate.
    pub(crate) fn self_signed(names: &[&str], is_ca: IsCa) -> (Self, NamedTempFile) {
        let mut params = params(names);
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let file = pem_file(&certificate);
        (Self { certificate: certificate.der().clone(), key }, file)
    }
}

pub(crate) fn path(file: &NamedTempFile) -> String {
    file.path().to_str().expect("text").to_owned()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(rcgen::DnType::CommonName, "a server of the test");
    params
}

fn pem_file(certificate: &rcgen::Certificate) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(certificate.pem().as_bytes()).expect("written");
    file
}

/// Answers 200 in whatever is agreed on; ends when it is dropped.
pub(crate) struct TlsOrigin {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl TlsOrigin {
    pub(crate) async fn start(identity: Identity, alpn: &[&str]) -> Self {
        Self::scripted(identity, alpn, serve).await
    }

    /// Hands each connection to `script` after the handshake, and closes it when that ends.
    pub(crate) async fn scripted<F, Fut>(identity: Identity, alpn: &[&str], script: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let key = PrivatePkcs8KeyDer::from(identity.key.serialize_der());
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![identity.certificate], key.into())
                .expect("a certificate and its key");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(script);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
                connections.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        script(stream).await;
                    }
                });
            }
        });
        Self { address, _tasks: tasks }
    }

    /// Answers in HTTP/2 with a body of `bytes`.
    pub(crate) async fn large(identity: Identity, bytes: u64) -> Self {
        let body = Bytes::from(vec![b'x'; usize::try_from(bytes).expect("fits")]);
        Self::scripted(identity, &["h2"], move |stream| serve_http2(stream, Some(body.clone())))
            .await
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }
}

async fn serve(mut stream: TlsStream<TcpStream>) {
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        read_request(&mut stream).await;
        let _ = stream.write_all(&response(200, &[], "over TLS")).await;
        let _ = stream.shutdown().await;
        return;
    }
    serve_http2(stream, None).await;
}

/// Without a body of its own, says back what it was asked, so that a test can see it.
async fn serve_http2(stream: TlsStream<TcpStream>, body: Option<Bytes>) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let asked = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
        let body = body.clone().unwrap_or_else(|| Bytes::from(asked));
        async move { Ok::<_, hyper::Error>(hyper::Response::new(Full::new(body))) }
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
