//! What a server's certificate says, and what is wrong with it, in words.

use proto::{Cause, Note, Timestamp};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names of a certificate that are shown when none of them is the target's.
const NAMES_SHOWN_MAX: usize = 4;

/// What is read from a certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Issuer and subject are the same.
    pub(super) self_issued: bool,
    /// Whom it is for: by its first name where it has no subject, as is usual today.
    pub(super) subject: String,
    pub(super) issuer: String,
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
            subject: subject(&certificate),
            issuer: clip(certificate.issuer().to_string()),
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

fn subject(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject().to_string();
    if !subject.is_empty() {
        return clip(subject);
    }
    let names = certificate.subject_alternative_name().ok().flatten();
    let first = names.and_then(|names| names.value.general_names.first());
    clip(first.map(|name| name.to_string()).unwrap_or_default())
}

/// To what crosses the wire: a certificate may hold names without end, and what is kept of them has no more room than it needs.
fn clip(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(Note::TEXT_MAX));
    text.shrink_to_fit();
    text
}

/// Why a handshake failed. `leaf` is the server's certificate, if it came to that.
pub(super) fn explain(error: &Error, leaf: Option<&Facts>) -> (Cause, String) {
    let is = |kind, text: &str| (kind, text.to_owned());
    match error {
        Error::InvalidCertificate(error) => invalid(error, leaf),
        Error::InvalidMessage(_) => {
            is(Cause::TlsNotTls, "the server does not speak TLS on this port")
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::HandshakeFailure => is(
                Cause::TlsNoCommonCipher,
                "the server accepts none of our cipher suites (alert: HandshakeFailure)",
            ),
            AlertDescription::ProtocolVersion => is(
                Cause::TlsOldVersion,
                "the server speaks neither TLS 1.2 nor 1.3 (alert: ProtocolVersion)",
            ),
            AlertDescription::UnrecognisedName => is(
                Cause::TlsUnknownName,
                "the server does not know the name (alert: UnrecognisedName)",
            ),
            AlertDescription::CertificateRequired => is(
                Cause::TlsClientCertificate,
                "the server asks for a client certificate (alert: CertificateRequired)",
            ),
            other => (Cause::TlsOther, format!("the server broke off (alert: {other:?})")),
        },
        Error::PeerIncompatible(reason) => (
            match reason {
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => Cause::TlsOldVersion,
                PeerIncompatible::NoCipherSuitesInCommon => Cause::TlsNoCommonCipher,
                _ => Cause::TlsOther,
            },
            format!("the server speaks no TLS that is considered safe ({reason:?})"),
        ),
        other => (Cause::TlsOther, other.to_string()),
    }
}

fn invalid(error: &CertificateError, leaf: Option<&Facts>) -> (Cause, String) {
    let is = |kind, text: &str| (kind, text.to_owned());
    match error {
        CertificateError::Expired => is(Cause::CertificateExpired, "the certificate has expired"),
        CertificateError::ExpiredContext { not_after, .. } => (
            Cause::CertificateExpired,
            format!("the certificate expired at {}", instant(*not_after)),
        ),
        CertificateError::NotValidYet => {
            is(Cause::CertificateNotYetValid, "the certificate is not valid yet")
        }
        CertificateError::NotValidYetContext { not_before, .. } => (
            Cause::CertificateNotYetValid,
            format!("the certificate is not valid before {}", instant(*not_before)),
        ),
        CertificateError::NotValidForName => {
            is(Cause::CertificateWrongName, "the certificate is for another name")
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            (Cause::CertificateWrongName, wrong_name(&expected.to_str(), presented))
        }
        CertificateError::UnknownIssuer if leaf.is_some_and(|leaf| leaf.self_issued) => {
            is(Cause::CertificateSelfSigned, "the certificate is self-signed")
        }
        CertificateError::UnknownIssuer => is(
            Cause::CertificateUnknownIssuer,
            "the certificate's issuer is unknown, or an intermediate certificate is missing",
        ),
        CertificateError::Revoked => is(Cause::CertificateRevoked, "the certificate is revoked"),
        // An issuer whose name is known and whose key is another: what a test's or a company's new authority looks like.
        CertificateError::BadSignature => {
            is(Cause::CertificateMalformed, "the certificate's signature is wrong")
        }
        CertificateError::BadEncoding => {
            is(Cause::CertificateMalformed, "the certificate is malformed")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            is(Cause::CertificateWrongPurpose, "the certificate is not one for servers")
        }
        error if is_authority_as_server(error) => {
            is(Cause::CertificateWrongPurpose, "the certificate is an authority's, not a server's")
        }
        other => (Cause::CertificateOther, format!("the certificate is not acceptable: {other}")),
    }
}

fn wrong_name(expected: &str, presented: &[String]) -> String {
    let names = presented.iter().take(NAMES_SHOWN_MAX).map(|name| plain(name));
    let names = names.collect::<Vec<_>>().join(", ");
    let more = if presented.len() > NAMES_SHOWN_MAX { ", …" } else { "" };
    match presented {
        [] => format!("the certificate is not for {expected}: it names nobody"),
        _ => format!("the certificate is not for {expected} but for {names}{more}"),
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

pub(super) fn instant(time: UnixTime) -> Timestamp {
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
        assert_eq!(facts.subject, "CN=rcgen self signed cert");
        assert_eq!(facts.issuer, facts.subject);
        // rcgen's defaults, from 1975 to 4096.
        assert_eq!(facts.not_before.rfc3339(), "1975-01-01T00:00:00.000Z");
        assert_eq!(facts.not_after.rfc3339(), "4096-01-01T00:00:00.000Z");
        assert_eq!(Facts::read(b"no certificate"), None);
    }

    #[test]
    fn each_kind_of_certificate_error_reads_as_what_an_operator_must_do() {
        let check = |error: CertificateError, kind: Cause, expected: &str| {
            let (found, text) = explain(&Error::InvalidCertificate(error), None);
            assert!(found == kind && text.contains(expected), "{found}: {text}");
        };
        check(CertificateError::Expired, Cause::CertificateExpired, "expired");
        check(CertificateError::NotValidYet, Cause::CertificateNotYetValid, "not valid yet");
        check(CertificateError::UnknownIssuer, Cause::CertificateUnknownIssuer, "unknown");
        check(CertificateError::BadSignature, Cause::CertificateMalformed, "signature");
        check(CertificateError::Revoked, Cause::CertificateRevoked, "revoked");
        let expected = "a.test".try_into().unwrap();
        let presented = vec!["DnsName(\"b.test\")".to_owned()];
        check(
            CertificateError::NotValidForNameContext { expected, presented },
            Cause::CertificateWrongName,
            "not for a.test but for b.test",
        );
    }
}
