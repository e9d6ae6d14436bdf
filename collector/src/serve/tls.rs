//! TLS on the agents' port: version 1.3 alone, certificates from files that may change, and the places that a client's names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The files of `--tls-cert`, `--tls-key` and `--client-ca`.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of the agents' certificates.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be had with these files. No sentence holds any of their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{option} {}: cannot be read", path.display())]
    Unreadable {
        /// Which option.
        option: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{option} {}: holds no {expected}; expected PEM", path.display())]
    Pem {
        /// Which option.
        option: &'static str,
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
    },
    /// They do not belong together, or are of a kind that TLS does not take.
    #[error("--tls-cert, --tls-key and --client-ca: {0}")]
    Refused(String),
}

impl TlsFiles {
    /// All that is watched.
    pub fn paths(&self) -> Vec<PathBuf> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).cloned().collect()
    }

    /// Reads them.
    ///
    /// # Errors
    /// When a server cannot work with them.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let refused = |error: rustls::Error| TlsError::Refused(error.to_string());
        let chain = certificates("--tls-cert", &self.cert)?;
        let key = read("--tls-key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Pem {
            option: "--tls-key",
            path: self.key.clone(),
            expected: "private key",
        })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions = &[&rustls::version::TLS13];
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).map_err(refused)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("--client-ca", path)? {
                    roots.add(authority).map_err(refused)?;
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = verifier.build().map_err(|e| TlsError::Refused(e.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable {
        option,
        path: path.to_owned(),
        source,
    })
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(&read(option, path)?).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::Pem { option, path: path.to_owned(), expected: "certificate" }),
    }
}

/// Where an agent may say it is: `zonewatch://VANTAGE/ZONE` among the URIs of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As in its Hello.
    pub vantage: String,
    /// As in its Hello.
    pub zone: String,
}

/// Every place that a certificate names; of one that cannot be read, none.
pub fn places(certificate: &[u8]) -> Vec<Place> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    uris.filter_map(place).collect()
}

/// Names with other characters than a URI's are percent-encoded.
fn place(uri: &str) -> Option<Place> {
    let (vantage, zone) = uri.strip_prefix("zonewatch://")?.split_once('/')?;
    let plain = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
        (!text.is_empty()).then(|| text.into_owned())
    };
    Some(Place { vantage: plain(vantage)?, zone: plain(zone)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_vantage_and_a_zone_and_nothing_less() {
        let is =
            |vantage: &str, zone: &str| Some(Place { vantage: vantage.into(), zone: zone.into() });
        assert_eq!(place("zonewatch://eu-west-1/eu-west-1a"), is("eu-west-1", "eu-west-1a"));
        assert_eq!(place("zonewatch://K%C3%B6ln/raum%201"), is("Köln", "raum 1"));
        assert_eq!(place("zonewatch://a/b/c"), is("a", "b/c"));
        for other in [
            "zonewatch://eu",
            "zonewatch://eu/",
            "zonewatch:///a",
            "https://eu/a",
            "",
            "zonewatch://%ff/a",
        ] {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn a_certificate_names_its_places_and_anything_else_none() {
        use rcgen::{CertificateParams, KeyPair, SanType};
        let mut params = CertificateParams::new(["agent.example".to_owned()]).expect("a name");
        for uri in ["zonewatch://eu/a", "https://else.example/", "zonewatch://eu/b"] {
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let zones: Vec<_> = places(certificate.der()).into_iter().map(|place| place.zone).collect();
        assert_eq!(zones, ["a", "b"]);
        assert_eq!(places(b"nonsense"), []);
        assert_eq!(places(&certificate.der()[..40]), []);
    }
}
