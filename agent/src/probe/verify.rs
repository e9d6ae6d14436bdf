//! Who decides about a server's certificate, round rustls's own verifier.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{Facts, is_authority_as_server};
use super::known::Question;
use super::tls::Trust;

/// Asks a trust's verifier, unless the chain is known to be good, and remembers what was shown: rustls does not tell when the
/// answer is no.
#[derive(Debug)]
pub(super) struct Inspector {
    trust: Arc<Trust>,
    leaf: OnceLock<Arc<Facts>>,
}

impl Inspector {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self { trust, leaf: OnceLock::new() }
    }

    /// What the server's certificate says, if it came to that.
    pub(super) fn leaf(&self) -> Option<&Facts> {
        self.leaf.get().map(AsRef::as_ref)
    }

    /// Nothing is overwritten: a handshake shows one certificate.
    fn saw(&self, leaf: &Arc<Facts>) {
        let _ = self.leaf.set(Arc::clone(leaf));
    }
}

impl ServerCertVerifier for Inspector {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust { verifier, known, .. } = &*self.trust;
        let known = known
            .as_ref()
            .map(|(number, known)| (known, Question::new(*number, name, leaf, intermediates)));
        if let Some((known, question)) = &known
            && let Some(facts) = known.get(question, now)
        {
            self.saw(&facts);
            return Ok(ServerCertVerified::assertion());
        }
        let facts = Facts::read(leaf).map(Arc::new);
        facts.iter().for_each(|facts| self.saw(facts));
        let verified = verifier.verify_server_cert(leaf, intermediates, name, ocsp, now)?;
        if let (Some((known, question)), Some(facts)) = (known, facts) {
            known.add(question, facts, intermediates, now);
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.verifier.supported_verify_schemes()
    }
}

/// `tls_ca`: signed by a certificate of the file, or one of them itself. Tools make self-signed certificates that call
/// themselves authorities, which webpki takes for no server's: listed by the target's owner, they are what is expected.
#[derive(Debug)]
pub(super) struct Listed {
    inner: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl Listed {
    pub(super) fn new(
        inner: Arc<WebPkiServerVerifier>,
        listed: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { inner, listed }
    }
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(leaf, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(error))
                if is_authority_as_server(&error) && self.listed.iter().any(|one| one == leaf) =>
            {
                let facts = Facts::read(leaf).ok_or(CertificateError::BadEncoding)?;
                facts.check_validity(now)?;
                verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `tls_verify = false`: takes every certificate, and every signature with it.
#[derive(Debug)]
pub(super) struct Anything(Arc<CryptoProvider>);

impl Anything {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self(provider)
    }
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use rustls::crypto::aws_lc_rs;

    use super::*;

    /// Refuses the first time, and counts how often it is asked.
    #[derive(Debug, Default)]
    struct Second(AtomicU32);

    impl ServerCertVerifier for Second {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(CertificateError::UnknownIssuer.into()),
                _ => Ok(ServerCertVerified::assertion()),
            }
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            unreachable!("the test shows a chain and no more")
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            unreachable!("the test shows a chain and no more")
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn a_chain_is_asked_for_until_it_is_found_good_and_what_it_says_is_told_every_time() {
        let signed = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let verifier = Arc::new(Second::default());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trust = Trust::new(&provider, Some(&Arc::default()), Arc::clone(&verifier) as _);
        let trust = trust.unwrap();
        let name = ServerName::try_from("a.test").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
        for (good, asked) in [(false, 1), (true, 2), (true, 2), (true, 2)] {
            let inspector = Inspector::new(Arc::clone(&trust));
            let found = inspector.verify_server_cert(signed.cert.der(), &[], &name, &[], now);
            assert_eq!((found.is_ok(), verifier.0.load(Ordering::Relaxed)), (good, asked));
            assert_eq!(inspector.leaf().unwrap().subject, "CN=rcgen self signed cert");
        }
    }
}
