//! What is told about a result. What a newer version says and this one does not know is passed over.

use bytes::Bytes;

use super::clip;
use super::raw::v1 as raw;
use crate::evidence::{Cause, More, Note, Protocol, ShownHeader, TlsVersion};
use crate::time::Timestamp;

pub(super) fn note_to_raw(index: usize, note: &Note) -> raw::Note {
    let Note { remote_address, cause, kind, protocol, tls, redirects, certificate_expires, more } =
        note;
    let number = |number: Option<u32>| number.unwrap_or(0) as i32;
    let base = raw::Note {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        remote_address: remote_address.map(|address| address.to_string()).unwrap_or_default(),
        cause: clip(cause, Note::TEXT_MAX).to_owned(),
        certificate_expires_ms: certificate_expires.map_or(0, Timestamp::millis),
        kind: number(kind.map(Cause::number)),
        protocol: number(protocol.map(Protocol::number)),
        tls: number(tls.map(TlsVersion::number)),
        redirects: (*redirects).into(),
        ..raw::Note::default()
    };
    let Some(more) = more else { return base };
    let More { location, certificate_subject, certificate_issuer, headers, body_start } = &**more;
    let text = |text: &str| clip(text, Note::TEXT_MAX).to_owned();
    raw::Note {
        location: text(location),
        certificate_subject: text(certificate_subject),
        certificate_issuer: text(certificate_issuer),
        headers: headers
            .iter()
            .map(|(header, value)| raw::ShownHeader {
                name: header.number() as i32,
                value: Bytes::copy_from_slice(cut(value, Note::TEXT_MAX)),
            })
            .collect(),
        body_start: Bytes::copy_from_slice(cut(body_start, Note::BODY_START_MAX)),
        ..base
    }
}

pub(super) fn note_from_raw(note: raw::Note) -> Note {
    fn known<T>(number: i32, from_number: impl Fn(u32) -> Option<T>) -> Option<T> {
        u32::try_from(number).ok().and_then(from_number)
    }
    let text = |text: &str| clip(text, Note::TEXT_MAX).to_owned();
    let mut headers: Vec<(ShownHeader, Bytes)> = Vec::new();
    for raw::ShownHeader { name, value } in &note.headers {
        let header = known(*name, ShownHeader::from_number);
        if let Some(header) = header.filter(|new| headers.iter().all(|(known, _)| known != new)) {
            headers.push((header, Bytes::copy_from_slice(cut(value, Note::TEXT_MAX))));
        }
    }
    let more = More {
        location: text(&note.location),
        certificate_subject: text(&note.certificate_subject),
        certificate_issuer: text(&note.certificate_issuer),
        headers,
        body_start: Bytes::copy_from_slice(cut(&note.body_start, Note::BODY_START_MAX)),
    };
    let expires = note.certificate_expires_ms;
    Note {
        remote_address: note.remote_address.parse().ok(),
        cause: text(&note.cause),
        kind: known(note.kind, Cause::from_number),
        protocol: known(note.protocol, Protocol::from_number),
        tls: known(note.tls, TlsVersion::from_number),
        redirects: u8::try_from(note.redirects).unwrap_or(u8::MAX),
        certificate_expires: (expires != 0).then(|| Timestamp::from_millis(expires)),
        more: (more != More::default()).then(|| Box::new(more)),
    }
}

fn cut(bytes: &[u8], max: usize) -> &[u8] {
    &bytes[..bytes.len().min(max)]
}

/// For the numbers of the closed sets, which the .proto file names a second time.
#[cfg(test)]
mod tests {
    use super::raw::shown_header;
    use super::*;

    #[test]
    fn every_number_has_the_name_that_the_proto_file_gives_it() {
        let raw = |name: &str, known: bool| assert!(known, "{name} is not in fleet.proto");
        for cause in Cause::ALL {
            raw(cause.name(), raw::Cause::try_from(cause.number() as i32).is_ok());
        }
        for protocol in Protocol::ALL {
            raw(protocol.name(), raw::Protocol::try_from(protocol.number() as i32).is_ok());
        }
        for tls in TlsVersion::ALL {
            raw(tls.name(), raw::TlsVersion::try_from(tls.number() as i32).is_ok());
        }
        for header in ShownHeader::ALL {
            raw(header.name(), shown_header::Name::try_from(header.number() as i32).is_ok());
        }
    }
}
