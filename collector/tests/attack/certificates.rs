//! An authority, and certificates of it, as files.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names; those with `://` are URIs.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        let mut params = CertificateParams::default();
        for name in names {
            let text = (*name).try_into().expect("ASCII");
            params.subject_alt_names.push(match name.contains("://") {
                true => SanType::URI(text),
                false => SanType::DnsName(text),
            });
        }
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Identity { cert, key: key.serialize_pem() }
    }
}

impl Identity {
    /// Puts both files in place, each at once, as tools that renew certificates do.
    pub(crate) fn write(&self, cert: &str, key: &str) {
        put(cert, &self.cert);
        put(key, &self.key);
    }
}

/// Replaces a file all at once.
pub(crate) fn put(path: &str, text: &str) {
    let draft = format!("{path}.new");
    std::fs::write(&draft, text).expect("it can be written");
    std::fs::rename(&draft, Path::new(path)).expect("it can be renamed");
}
