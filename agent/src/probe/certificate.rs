//! What a server's certificate says, and what is wrong with it, in words.

use proto::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names of a certificate that are shown when none of them is the target's.
const NAMES_SHOWN_MAX: usize = 4;

/// What is read from a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Issuer and subject are the same.
    pub(super) self_issued: bool,
}

impl Facts {
    /// None for what is no certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let instant = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1_000));
        let validity = certificate.validity();
        Some(Self {
            not_before: instant(validity.not_before.timestamp()),
            not_after: instant(validity.not_after.timestamp()),
            self_issued: certificate.issuer().as_raw() == certificate.subject().as_raw(),
        })
    }

    /// Whether `now` lies in the time that the certificate is made for.
    pub(super) fn check_validity(&self, now: UnixTime) -> Result<(), CertificateError> {
        if instant(now) < self.not_before {
            return Err(CertificateError::NotValidYet);
        }
        if instant(now) > self.not_after {
            return Err(CertificateError::Expired);
        }
        Ok(())
    }
}

/// Why a handshake failed, for people. `leaf` is the server's certificate, if it came to that.
pub(super) fn explain(error: &Error, leaf: Option<Facts>) -> String {
    match error {
        Error::InvalidCertificate(error) => invalid(error, leaf),
        Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the server accepts none of our cipher suites (alert: HandshakeFailure)".to_owned()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server speaks neither TLS 1.2 nor 1.3 (alert: ProtocolVersion)".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know the name (alert: UnrecognisedName)".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate (alert: CertificateRequired)".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server broke off (alert: {alert:?})"),
        Error::PeerIncompatible(reason) => {
            format!("the server speaks no TLS that is considered safe ({reason:?})")
        }
        other => other.to_string(),
    }
}

fn invalid(error: &CertificateError, leaf: Option<Facts>) -> String {
    match error {
        CertificateError::Expired => "the certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired at {}", instant(*not_after))
        }
        CertificateError::NotValidYet => "the certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", instant(*not_before))
        }
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().take(NAMES_SHOWN_MAX).map(|name| plain(name));
            let names = names.collect::<Vec<_>>().join(", ");
            let more = if presented.len() > NAMES_SHOWN_MAX { ", …" } else { "" };
            let expected = expected.to_str();
            match presented.as_slice() {
                [] => format!("the certificate is not for {expected}: it names nobody"),
                _ => format!("the certificate is not for {expected} but for {names}{more}"),
            }
        }
        CertificateError::UnknownIssuer if leaf.is_some_and(|leaf| leaf.self_issued) => {
            "the certificate is self-signed".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the certificate's issuer is unknown, or an intermediate certificate is missing"
                .to_owned()
        }
        CertificateError::Revoked => "the certificate is revoked".to_owned(),
        CertificateError::BadSignature => "the certificate's signature is wrong".to_owned(),
        CertificateError::BadEncoding => "the certificate is malformed".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not one for servers".to_owned()
        }
        error if is_authority_as_server(error) => {
            "the certificate is an authority's, not a server's".to_owned()
        }
        other => format!("the certificate is not acceptable: {other}"),
    }
}

/// Whether what is wrong is that an authority's certificate was shown as a server's. rustls hands webpki's own error
/// through, which only its name tells apart.
pub(super) fn is_authority_as_server(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

/// `DnsName("a.example")` as a.example.
fn plain(presented: &str) -> &str {
    presented.split_once("(\"").map_or(presented, |(_, rest)| rest.trim_end_matches("\")"))
}

fn instant(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_when_it_expires_and_who_issued_it() {
        let signed = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let facts = Facts::read(signed.cert.der()).unwrap();
        assert!(facts.self_issued);
        // rcgen's defaults, from 1975 to 4096.
        assert_eq!(facts.not_before.rfc3339(), "1975-01-01T00:00:00.000Z");
        assert_eq!(facts.not_after.rfc3339(), "4096-01-01T00:00:00.000Z");
        assert_eq!(Facts::read(b"no certificate"), None);
    }

    #[test]
    fn each_kind_of_certificate_error_reads_as_what_an_operator_must_do() {
        let check = |error: CertificateError, expected: &str| {
            let text = explain(&Error::InvalidCertificate(error), None);
            assert!(text.contains(expected), "{text}");
        };
        check(CertificateError::Expired, "expired");
        check(CertificateError::NotValidYet, "not valid yet");
        check(CertificateError::UnknownIssuer, "issuer is unknown");
        check(CertificateError::BadSignature, "signature");
        check(CertificateError::Revoked, "revoked");
        let expected = "a.test".try_into().unwrap();
        let presented = vec!["DnsName(\"b.test\")".to_owned()];
        check(
            CertificateError::NotValidForNameContext { expected, presented },
            "not for a.test but for b.test",
        );
    }
}
