//! Details that are long travel only when they say something new.
//!
//! A failure and an unexpected answer always carry theirs. An expected answer carries its evidence (address, protocol,
//! certificate, redirects, headers) when it differs from what was last sent for its target.

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use proto::{More, Note, ProbeResult, Uid};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

/// What was last sent for each target, as a hash: 16 bytes or so a target that was ever probed here.
#[derive(Debug, Default)]
pub(crate) struct SentNotes {
    last: FxHashMap<Uid, u32>,
}

impl SentNotes {
    /// Takes the note out of `result` if it says nothing new, and cuts it to what may travel.
    pub(crate) fn filter(&mut self, result: &mut ProbeResult) {
        let Some(note) = &mut result.note else { return };
        let hash = hash(note);
        let known = self.last.insert(result.uid, hash) == Some(hash);
        if result.outcome.is_up() && known {
            result.note = None;
        } else {
            cut(note);
        }
    }

    /// What was sent for this target was lost, or nobody needs it any more.
    pub(crate) fn forget(&mut self, uid: Uid) {
        self.last.remove(&uid);
    }
}

/// What a note takes in memory besides itself.
pub(crate) fn cost(note: &Note) -> usize {
    let more = note.more.as_deref().map_or(0, |more| {
        let More { location, certificate_subject, certificate_issuer, headers, body_start } = more;
        let texts = location.len() + certificate_subject.len() + certificate_issuer.len();
        let headers: usize =
            headers.iter().map(|header| size_of_val(header) + header.1.len()).sum();
        size_of::<More>() + texts + headers + body_start.len()
    });
    size_of::<Note>() + note.cause.len() + more
}

/// To what crosses the wire, and copied out of the buffers that it was read into.
fn cut(note: &mut Note) {
    let text = |text: &mut String| {
        text.truncate(text.floor_char_boundary(Note::TEXT_MAX));
        text.shrink_to_fit();
    };
    let bytes = |bytes: &mut Bytes, max: usize| {
        *bytes = Bytes::copy_from_slice(&bytes[..bytes.len().min(max)]);
    };
    text(&mut note.cause);
    let Some(more) = &mut note.more else { return };
    let More { location, certificate_subject, certificate_issuer, headers, body_start } =
        &mut **more;
    [location, certificate_subject, certificate_issuer].into_iter().for_each(text);
    headers.iter_mut().for_each(|(_, value)| bytes(value, Note::TEXT_MAX));
    bytes(body_start, Note::BODY_START_MAX);
}

/// Of what an expected answer would say too: the cause of a failure changes none of it.
fn hash(note: &Note) -> u32 {
    let mut hasher = Xxh3::new();
    let Note { remote_address, protocol, tls, redirects, certificate_expires, more, .. } = note;
    (remote_address, protocol, tls, redirects, certificate_expires).hash(&mut hasher);
    if let Some(more) = more.as_deref() {
        let More { location, certificate_subject, certificate_issuer, headers, .. } = more;
        (location, certificate_subject, certificate_issuer, headers).hash(&mut hasher);
    }
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use proto::{Failure, Outcome, Phases, ShownHeader, Timestamp};

    use super::*;

    fn result(uid: u64, outcome: Outcome, address: &str) -> ProbeResult {
        let remote_address = Some(format!("[::{address}]:80").parse().expect("an address"));
        ProbeResult {
            uid: Uid(uid),
            revision: 1,
            planned: Timestamp::EPOCH,
            start_delay_ms: 0,
            outcome,
            phases: Phases::default(),
            body_bytes: 0,
            note: Some(Box::new(Note { remote_address, ..Note::default() })),
        }
    }

    const UP: Outcome = Outcome::Answered { status: 200, unexpected: None };

    fn travels(sent: &mut SentNotes, mut result: ProbeResult) -> bool {
        sent.filter(&mut result);
        result.note.is_some()
    }

    #[test]
    fn an_answers_address_travels_when_it_is_new() {
        let mut sent = SentNotes::default();
        let rows =
            [(1, "a", true), (1, "a", false), (2, "a", true), (1, "b", true), (1, "a", true)];
        for (uid, address, expected) in rows {
            assert_eq!(travels(&mut sent, result(uid, UP, address)), expected, "{uid} {address}");
        }
        sent.forget(Uid(1));
        assert!(travels(&mut sent, result(1, UP, "a")), "what was lost is sent again");
    }

    #[test]
    fn a_failure_and_an_unexpected_answer_always_carry_theirs() {
        let mut sent = SentNotes::default();
        let unexpected = Some(proto::Unexpected::Status);
        for outcome in
            [Outcome::Failed(Failure::Timeout), Outcome::Answered { status: 500, unexpected }]
        {
            assert!(travels(&mut sent, result(1, outcome, "a")));
            assert!(travels(&mut sent, result(1, outcome, "a")));
        }
    }

    #[test]
    fn a_long_cause_is_cut_before_it_is_kept() {
        let mut long = result(1, Outcome::Failed(Failure::Read), "a");
        let note = long.note.as_mut().unwrap();
        note.cause = "é".repeat(1000);
        note.more_mut().body_start = Bytes::from(vec![b'x'; 1000]);
        SentNotes::default().filter(&mut long);
        let note = long.note.unwrap();
        assert!(note.cause.len() <= Note::TEXT_MAX);
        assert_eq!(note.more.as_ref().unwrap().body_start.len(), Note::BODY_START_MAX);
        assert!(cost(&note) < 2_000, "{}", cost(&note));
    }

    #[test]
    fn an_answer_that_shows_another_certificate_or_server_says_so_and_another_cause_alone_does_not()
    {
        let mut sent = SentNotes::default();
        let mut changed = |change: fn(&mut Note)| {
            let mut result = result(1, UP, "a");
            change(result.note.as_mut().unwrap());
            travels(&mut sent, result)
        };
        assert!(changed(|_| {}));
        assert!(!changed(|note| note.cause = "other".into()));
        assert!(changed(|note| note.more_mut().certificate_issuer = "CN=other".into()));
        assert!(changed(|note| note.more_mut().headers = vec![(ShownHeader::Server, "a".into())]));
        assert!(!changed(|note| note.more_mut().headers = vec![(ShownHeader::Server, "a".into())]));
    }
}
