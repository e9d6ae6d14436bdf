//! TLS as a careful client speaks it: full verification against the system's roots, unless a target says otherwise.
//!
//! One configuration is shared by all probes of a kind. Nothing is resumed: every probe sees the whole handshake, and so
//! the certificate of today.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use dashmap::DashMap;
use proto::{Cause, TlsVersion};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, Error, ProtocolVersion, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::warn;
use url::{Host, Url};

use super::certificate;
use super::fault::{Stop, io_text};
use super::known::Known;
use super::trace::Trace;
use super::verify::{Anything, Inspector, Listed};

/// CA files that are held read: at about 300 KiB for a system's whole bundle, 75 MiB at the very worst.
const CA_FILES_MAX: usize = 256;

/// How the certificates of a target are judged.
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    /// What it has found good, and the number that it has there; nothing if it finds good whatever is shown.
    pub(super) known: Option<(u64, Arc<Known>)>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.known.as_ref().map(|(number, _)| number);
        f.debug_tuple("Trust").field(&number).finish()
    }
}

/// The configurations of this process.
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    known: Arc<Known>,
    /// None when the system has no roots.
    system: Option<Arc<Trust>>,
    unverified: Arc<Trust>,
    /// By path, with the file's time of modification when it was read.
    ca_files: DashMap<String, (Option<SystemTime>, Arc<Trust>)>,
}

impl TlsConfigs {
    pub(super) fn new() -> Result<Self, Error> {
        let (provider, known) = (Arc::new(provider()), Arc::<Known>::default());
        let anything = Arc::new(Anything::new(Arc::clone(&provider)));
        let unverified = Trust::new(&provider, None, anything)?;
        let loaded = rustls_native_certs::load_native_certs();
        for error in loaded.errors {
            warn!(%error, "some of the system's trust roots cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        let system = if roots.is_empty() {
            warn!("the system has no trust roots: https targets without tls_ca cannot be probed");
            None
        } else {
            let verifier = in_roots(&provider, roots).map_err(Error::General)?;
            Some(Trust::new(&provider, Some(&known), verifier)?)
        };
        Ok(Self { provider, known, system, unverified, ca_files: DashMap::new() })
    }

    /// Trust in the system's roots; none when it has none.
    pub(super) fn system(&self) -> Option<Arc<Trust>> {
        self.system.clone()
    }

    /// Trust in whatever the server shows.
    pub(super) fn unverified(&self) -> Arc<Trust> {
        self.unverified.clone()
    }

    /// Trust in the authorities in the PEM file at `path` and in nobody else. Read again when the file changes.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn ca_file(&self, path: &str) -> Result<Arc<Trust>, String> {
        let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok();
        if let Some(held) = self.ca_files.get(path)
            && held.0 == modified
        {
            return Ok(held.1.clone());
        }
        let text = std::fs::read(path).map_err(|error| io_text(&error))?;
        let listed = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let listed = listed.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let signed = in_roots(&self.provider, roots)?;
        let verifier = Arc::new(Listed::new(signed, listed));
        let trust = Trust::new(&self.provider, Some(&self.known), verifier);
        let trust = trust.map_err(|error| error.to_string())?;
        if self.ca_files.len() >= CA_FILES_MAX {
            self.ca_files.clear();
        }
        self.ca_files.insert(path.to_owned(), (modified, trust.clone()));
        Ok(trust)
    }
}

impl Trust {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        known: Option<&Arc<Known>>,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<Arc<Self>, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        let known = known.map(|known| (known.number(), Arc::clone(known)));
        Ok(Arc::new(Self { config: Arc::new(config), verifier, known }))
    }
}

/// Trust in who was signed, directly or not, by one of `roots`.
fn in_roots(
    provider: &Arc<CryptoProvider>,
    roots: RootCertStore,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    if roots.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// aws-lc-rs, with the suite in front that costs least where AES has instructions of its own: everywhere we run.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let cheapest = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != cheapest);
    provider
}

/// The handshake with the host of `url` over `stream`. `trace` learns of the certificate also when it is refused.
pub(super) async fn handshake(
    trust: &Arc<Trust>,
    url: &Url,
    stream: TcpStream,
    trace: &mut Trace,
) -> Result<TlsStream<TcpStream>, Stop> {
    let name = server_name(url)?;
    let inspector = Arc::new(Inspector::new(Arc::clone(trust)));
    let mut config = ClientConfig::clone(&trust.config); // A few reference counts: every probe has its own inspector.
    let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(&inspector) as _;
    config.dangerous().set_certificate_verifier(verifier);

    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let leaf = inspector.leaf();
    // Of several hops the one that expires first: it is the one to do something about.
    if let Some(leaf) = leaf
        && trace.note.certificate_expires.is_none_or(|earlier| leaf.not_after < earlier)
    {
        trace.note.certificate_expires = Some(leaf.not_after);
        let more = trace.note.more_mut();
        more.certificate_subject.clone_from(&leaf.subject);
        more.certificate_issuer.clone_from(&leaf.issuer);
    }
    let stream = shaken.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let (kind, cause) = match tls {
            Some(tls) => certificate::explain(tls, leaf),
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                let cause = "the server closed the connection during the TLS handshake";
                (Cause::TlsClosed, cause.to_owned())
            }
            None => (Cause::TlsClosed, format!("TLS handshake: {}", io_text(&error))),
        };
        Stop::from_error(kind, &error, cause)
    })?;
    let session = stream.get_ref().1;
    trace.note.tls = Some(match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    });
    trace.detail(|details| {
        let cipher = session.negotiated_cipher_suite();
        details.cipher = cipher.map(|suite| format!("{:?}", suite.suite()));
    });
    Ok(stream)
}

/// The name that the certificate must be for.
fn server_name(url: &Url) -> Result<ServerName<'static>, Stop> {
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(ServerName::IpAddress(std::net::IpAddr::V4(ip).into())),
        Some(Host::Ipv6(ip)) => Ok(ServerName::IpAddress(std::net::IpAddr::V6(ip).into())),
        Some(Host::Domain(host)) => {
            let name = host.strip_suffix('.').unwrap_or(host).to_owned();
            ServerName::try_from(name).map_err(|_| no_name(host))
        }
        None => Err(no_name("")),
    }
}

fn no_name(host: &str) -> Stop {
    Stop::failed(
        Cause::CertificateWrongName,
        format!("`{host}` is not a name that a certificate can be for"),
    )
}
