//! Whatever goes in comes out, the same; and a result costs no more bytes than planned for.

use proptest::prelude::*;
use prost::Message;
use proto::wire::raw::v1 as raw;
use proto::wire::{
    decode_batch, decode_record, encode_batch, encode_batch_without_runs, encode_record,
};
use proto::{
    AgentMessage, Batch, Cause, CollectorMessage, Failure, More, Note, Outcome, Phases,
    ProbeResult, Timestamp, Uid,
};

use crate::values;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_batch_comes_out_as_it_went_in_and_always_as_the_same_bytes(batch in values::batch()) {
        let bytes = encode_batch(&batch);
        prop_assert_eq!(&encode_batch(&batch), &bytes);
        prop_assert_eq!(&decode_batch(&bytes).expect("made here"), &batch);
        let bytes = encode_batch_without_runs(&batch);
        prop_assert_eq!(decode_batch(&bytes).expect("made here"), batch);
    }

    #[test]
    fn what_an_agent_says_arrives_as_it_was_said(message in values::agent_message()) {
        let bytes = raw::AgentMessage::from(message.clone()).encode_to_vec();
        let arrived = raw::AgentMessage::decode(&bytes[..]).expect("protobuf");
        prop_assert_eq!(AgentMessage::try_from(arrived).expect("well formed"), message);
    }

    #[test]
    fn what_the_collector_says_arrives_as_it_was_said(message in values::collector_message()) {
        let bytes = raw::CollectorMessage::from(message.clone()).encode_to_vec();
        let arrived = raw::CollectorMessage::decode(&bytes[..]).expect("protobuf");
        prop_assert_eq!(CollectorMessage::try_from(arrived).expect("well formed"), message);
    }

    #[test]
    fn the_log_gives_back_what_was_logged(record in values::record()) {
        let bytes = encode_record(record.clone());
        prop_assert_eq!(&encode_record(record.clone()), &bytes);
        prop_assert_eq!(decode_record(bytes).expect("made here"), record);
    }

    #[test]
    fn a_text_that_is_too_long_arrives_cut_at_a_character(text in "\\PC{0,400}", ascii in 0_usize..4) {
        // One to three bytes in front, so that the limit falls inside a character of two, three or four bytes.
        let text = format!("{}{text}", "x".repeat(ascii));
        let more = More { location: text.clone(), certificate_subject: text.clone(), ..More::default() };
        let note = Note { cause: text.clone(), more: Some(Box::new(more)), ..Note::default() };
        let result = ProbeResult { note: Some(Box::new(note)), ..typical(0) };
        let batch = Batch { results: vec![result], missed: vec![] };
        let arrived = decode_batch(&encode_batch(&batch)).expect("made here");
        let note = arrived.results[0].note.as_ref().expect("there was one");
        let longest = (0..=Note::TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        prop_assert_eq!(&note.cause, &text[..longest.expect("0 is a boundary")]);
        let more = note.more.as_deref().cloned().unwrap_or_default();
        prop_assert_eq!(&more.location, &note.cause);
        prop_assert_eq!(&more.certificate_subject, &note.cause);
    }

    #[test]
    fn instants_at_either_end_of_time_do_not_overflow(ms in any::<i64>(), step in any::<u64>(), extreme in 0..3) {
        let at = Timestamp::from_millis([ms, i64::MIN, i64::MAX][extreme as usize]);
        let step = std::time::Duration::from_millis(step);
        let _in_range = (at + step, at - step, at.since(Timestamp::EPOCH), at.rfc3339(), at.date_time());
        prop_assert!(at.floor(step) <= at);
    }
}

/// Answers as a healthy fleet sends them: 100,000 targets, a TLS connection across a continent, now and then a failure.
fn typical(index: u64) -> ProbeResult {
    let spread = |salt: u64, range: u64| (index * 7919 + salt * 104_729) % range;
    let us =
        |salt, low: u64, high: u64| u32::try_from(low + spread(salt, high - low)).expect("small");
    let failed = index % 64 == 7;
    ProbeResult {
        uid: Uid(1 + spread(1, 100_000)),
        revision: 1,
        // Probes end in another order than they were planned in.
        planned: Timestamp::from_millis(
            1_700_000_000_000 + (index * 2) as i64 - spread(2, 300) as i64,
        ),
        start_delay_ms: spread(3, 12) as i32,
        outcome: match failed {
            true => Outcome::Failed(Failure::Timeout),
            false => Outcome::Answered { status: 200, unexpected: None },
        },
        phases: Phases {
            resolve_us: us(4, 0, 8_000),
            connect_us: us(5, 10_000, 90_000),
            tls_us: us(6, 15_000, 120_000),
            processing_us: us(7, 20_000, 400_000),
            transfer_us: us(8, 50, 12_000),
        },
        body_bytes: us(9, 300, 120_000),
        note: failed.then(|| {
            Box::new(Note {
                remote_address: Some("203.0.113.77:443".parse().expect("an address")),
                cause: "no answer within 10 s".into(),
                kind: Some(Cause::TimeoutProcessing),
                ..Note::default()
            })
        }),
    }
}

#[test]
fn a_result_of_a_typical_batch_costs_at_most_24_bytes() {
    let batch = Batch { results: (0..512).map(typical).collect(), missed: Vec::new() };
    let bytes = encode_batch(&batch).len();
    let each = bytes as f64 / 512.0;
    // Three of them are the size of the body, which is another one every time.
    assert!(each <= 24.0, "{each:.2} bytes a result");
    // Not because something is left out.
    assert_eq!(decode_batch(&encode_batch(&batch)).expect("made here"), batch);
}
