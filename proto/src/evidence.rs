//! What is told about a result besides its outcome and its phases: rare or long, so it travels only when it is new.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::outcome::{Failure, closed_set};
use crate::time::Timestamp;

/// Details of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Note {
    /// The address that was dialled; none when none was.
    pub remote_address: Option<SocketAddr>,
    /// Why it failed, for people; empty for an answer that was as expected.
    pub cause: String,
    /// The same as a closed value.
    pub kind: Option<Cause>,
    /// What the answer was spoken in.
    pub protocol: Option<Protocol>,
    /// What the last hop's connection was secured with.
    pub tls: Option<TlsVersion>,
    /// Redirects that were followed.
    pub redirects: u8,
    /// When the server's certificate expires; of several hops' the first to do so.
    pub certificate_expires: Option<Timestamp>,
    /// What most results lack.
    pub more: Option<Box<More>>,
}

/// The long part of a [`Note`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct More {
    /// Where the last redirect led, without credentials and query; empty when none was followed.
    pub location: String,
    /// Whom the certificate that expires first is for; empty when none was seen.
    pub certificate_subject: String,
    /// Who signed it.
    pub certificate_issuer: String,
    /// Of the last answer, as sent; each header at most once.
    pub headers: Vec<(ShownHeader, Bytes)>,
    /// The beginning of the body, of an answer that was not as expected.
    pub body_start: Bytes,
}

impl Note {
    /// The longest text that crosses the wire, in bytes.
    pub const TEXT_MAX: usize = 256;
    /// The longest beginning of a body that does, in bytes.
    pub const BODY_START_MAX: usize = 512;
    /// The long part, made where there is none yet.
    pub fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

closed_set! {
    /// What an answer was spoken in.
    Protocol {
        /// HTTP/1.0.
        Http10 = 1 "HTTP/1.0",
        /// HTTP/1.1.
        Http11 = 2 "HTTP/1.1",
        /// HTTP/2.
        Http2 = 3 "HTTP/2",
    }
}

closed_set! {
    /// What a connection was secured with.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = 1 "TLS 1.2",
        /// TLS 1.3.
        Tls13 = 2 "TLS 1.3",
    }
}

closed_set! {
    /// The headers of an answer that are worth showing: who answered, what, and what to do next.
    ShownHeader {
        /// The server's program.
        Server = 1 "server",
        /// What the body is.
        ContentType = 2 "content-type",
        /// Where a redirect that was not followed leads, without credentials and query.
        Location = 3 "location",
        /// When a server that is overloaded wants to be asked again.
        RetryAfter = 4 "retry-after",
        /// The proxies between.
        Via = 5 "via",
        /// How to be let in.
        WwwAuthenticate = 6 "www-authenticate",
    }
}

closed_set! {
    /// Why a probe was not up: finer than [`Failure`], and as closed. The name begins with what it belongs to.
    Cause {
        /// There is no such name.
        DnsNoSuchName = 1 "dns_nxdomain",
        /// The name server failed.
        DnsServerFailure = 2 "dns_servfail",
        /// The name server refused to answer.
        DnsRefused = 3 "dns_refused",
        /// No name server answered in time, and there was still time to tell.
        DnsTimeout = 4 "dns_timeout",
        /// The name exists and has no address.
        DnsNoAddress = 5 "dns_no_address",
        /// No name server could be asked.
        DnsUnreachable = 6 "dns_unreachable",
        /// DNS cannot hold the name.
        DnsBadName = 7 "dns_bad_name",
        /// Anything else about the name, such as an answer that makes no sense.
        DnsOther = 8 "dns_other",
        /// Nobody listens.
        ConnectRefused = 10 "connect_refused",
        /// No way to the host or its network.
        ConnectUnreachable = 11 "connect_unreachable",
        /// The system gave up waiting.
        ConnectTimeout = 12 "connect_timeout",
        /// Anything else while connecting, or several things at several addresses.
        ConnectOther = 13 "connect_other",
        /// The certificate has expired.
        CertificateExpired = 20 "certificate_expired",
        /// The certificate is not valid yet.
        CertificateNotYetValid = 21 "certificate_not_yet_valid",
        /// The certificate is for another name.
        CertificateWrongName = 22 "certificate_wrong_name",
        /// The certificate is signed by itself.
        CertificateSelfSigned = 23 "certificate_self_signed",
        /// Nobody that is trusted signed the certificate, or a certificate between is missing.
        CertificateUnknownIssuer = 24 "certificate_unknown_issuer",
        /// The certificate was revoked.
        CertificateRevoked = 25 "certificate_revoked",
        /// The certificate is not one for servers.
        CertificateWrongPurpose = 26 "certificate_wrong_purpose",
        /// The certificate is malformed or its signature is wrong.
        CertificateMalformed = 27 "certificate_malformed",
        /// Anything else about the certificate.
        CertificateOther = 28 "certificate_other",
        /// The server accepts nothing that we offer.
        TlsNoCommonCipher = 30 "tls_no_common_cipher",
        /// The server speaks an old TLS only.
        TlsOldVersion = 31 "tls_old_version",
        /// The server does not know the name.
        TlsUnknownName = 32 "tls_unknown_name",
        /// The server asks for a client's certificate.
        TlsClientCertificate = 33 "tls_client_certificate",
        /// What answered does not speak TLS.
        TlsNotTls = 34 "tls_not_tls",
        /// The connection ended in the handshake.
        TlsClosed = 35 "tls_closed",
        /// Anything else in the handshake.
        TlsOther = 36 "tls_other",
        /// The time was up while the name was resolved.
        TimeoutResolve = 40 "timeout_resolve",
        /// … while connecting.
        TimeoutConnect = 41 "timeout_connect",
        /// … in the handshake.
        TimeoutTls = 42 "timeout_tls",
        /// … while waiting for the answer.
        TimeoutProcessing = 43 "timeout_processing",
        /// … while the answer came.
        TimeoutTransfer = 44 "timeout_transfer",
        /// What came was not HTTP.
        ProtocolNotHttp = 50 "protocol_not_http",
        /// The connection ended before any byte of an answer.
        ProtocolNoAnswer = 51 "protocol_no_answer",
        /// The connection ended in the head of the answer.
        ProtocolCutHead = 52 "protocol_cut_head",
        /// The head has more bytes or headers than are read.
        ProtocolLargeHead = 53 "protocol_large_head",
        /// More came before the head than any head is worth.
        ProtocolFlood = 54 "protocol_flood",
        /// The server broke the rules of HTTP/2, or off.
        ProtocolHttp2 = 55 "protocol_http2",
        /// A redirect without a Location.
        RedirectNoLocation = 60 "redirect_no_location",
        /// A redirect to what is no http or https URL.
        RedirectBadLocation = 61 "redirect_bad_location",
        /// A redirect to where the probe has been.
        RedirectLoop = 62 "redirect_loop",
        /// More redirects than are followed.
        RedirectTooMany = 63 "redirect_too_many",
        /// A redirect that would send the body to somebody else.
        RedirectWithBody = 64 "redirect_with_body",
        /// A redirect to https, and this agent has no trust roots.
        RedirectNoRoots = 65 "redirect_no_roots",
        /// The body ended before its announced end.
        ReadCutShort = 70 "read_cut_short",
        /// The connection was reset, or broke otherwise, in the body.
        ReadBroken = 71 "read_broken",
        /// The body is not framed as it says, or cannot be unpacked.
        ReadMalformed = 72 "read_malformed",
        /// The address is one that nobody should probe.
        BlockedAlways = 80 "blocked_always",
        /// The address is private, and this agent does not probe those.
        BlockedPrivate = 81 "blocked_private",
        /// The collector's settings refuse the address.
        BlockedSettings = 82 "blocked_settings",
        /// The status is not one of those that are expected.
        UnexpectedStatus = 90 "unexpected_status",
        /// The body is not what is expected.
        UnexpectedBody = 91 "unexpected_body",
    }
}

impl Cause {
    /// What a probe that ended for this counts under; none for an answer.
    pub fn failure(self) -> Option<Failure> {
        Some(match self.number() {
            1..10 => Failure::Dns,
            10..20 => Failure::Connect,
            20..40 => Failure::Tls,
            40..50 => Failure::Timeout,
            50..60 => Failure::Protocol,
            60..70 => Failure::Redirect,
            70..80 => Failure::Read,
            80..90 => Failure::Blocked,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_belongs_to_the_failure_that_its_name_begins_with() {
        for cause in Cause::ALL {
            assert_eq!(Cause::from_number(cause.number()), Some(cause));
            let (family, _) = cause.name().split_once('_').expect("a family and what it was");
            let expected = cause.failure().map_or("unexpected", Failure::name);
            let family = if family == "certificate" { "tls" } else { family };
            assert_eq!(family, expected, "{cause}");
        }
    }
}
