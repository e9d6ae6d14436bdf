//! Details that are long travel only when they say something new.
//!
//! A failure and an unexpected answer always carry theirs. An expected answer carries its address and certificate when
//! they differ from what was last sent for its target.

use std::collections::HashMap;

use proto::{Note, ProbeResult, Uid};
use xxhash_rust::xxh3::Xxh3;

/// What was last sent for each target, as a hash: 16 bytes or so a target that was ever probed here.
#[derive(Debug, Default)]
pub(crate) struct SentNotes {
    last: HashMap<Uid, u32>,
}

impl SentNotes {
    /// Takes the note out of `result` if it says nothing new, and cuts its texts to what may travel.
    pub(crate) fn filter(&mut self, result: &mut ProbeResult) {
        let Some(note) = &mut result.note else { return };
        for text in [&mut note.remote_address, &mut note.cause] {
            text.truncate(text.floor_char_boundary(Note::TEXT_MAX));
            text.shrink_to_fit();
        }
        let hash = hash(note);
        let known = self.last.insert(result.uid, hash) == Some(hash);
        if result.outcome.is_up() && known {
            result.note = None;
        }
    }

    /// What was sent for this target was lost, or nobody needs it any more.
    pub(crate) fn forget(&mut self, uid: Uid) {
        self.last.remove(&uid);
    }
}

/// Of the address and the certificate: the cause of a failure changes neither.
fn hash(note: &Note) -> u32 {
    let mut hasher = Xxh3::new();
    hasher.update(note.remote_address.as_bytes());
    let expires = note.certificate_expires.map_or(i64::MIN, proto::Timestamp::millis);
    hasher.update(&expires.to_le_bytes());
    let [a, b, c, d, ..] = hasher.digest().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use proto::{Failure, Outcome, Phases, Timestamp};

    use super::*;

    fn result(uid: u64, outcome: Outcome, address: &str) -> ProbeResult {
        ProbeResult {
            uid: Uid(uid),
            revision: 1,
            planned: Timestamp::EPOCH,
            start_delay_ms: 0,
            outcome,
            phases: Phases::default(),
            note: Some(Note { remote_address: address.into(), ..Note::default() }),
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
        long.note.as_mut().unwrap().cause = "é".repeat(1000);
        SentNotes::default().filter(&mut long);
        assert!(long.note.unwrap().cause.len() <= Note::TEXT_MAX);
    }
}
