//! Bytes from anyone: refused with the name of the field that is wrong, never a panic, never a wrong value.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use proto::wire::raw::log::v1 as log;
use proto::wire::raw::v1 as raw;
use proto::wire::{
    decode_batch, decode_record, encode_batch, encode_batch_without_runs, encode_record,
};
use proto::{
    AgentMessage, Batch, CollectorMessage, Malformed, Note, Outcome, Phases, ProbeResult,
    ProbeSpec, ScheduledTarget, Timestamp, Uid,
};

use crate::values;

/// Reads bytes as everything that bytes are ever read as.
fn read_as_everything(bytes: &[u8]) {
    let _refused = decode_batch(bytes);
    let _refused = decode_record(Bytes::copy_from_slice(bytes));
    let _refused = raw::AgentMessage::decode(bytes).map(AgentMessage::try_from);
    let _refused = raw::CollectorMessage::decode(bytes).map(CollectorMessage::try_from);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn a_cut_or_changed_batch_never_panics(
        batch in values::batch(), cut in any::<prop::sample::Index>(), flips in any::<[(prop::sample::Index, u8); 3]>(),
    ) {
        let mut bytes = encode_batch(&batch).to_vec();
        read_as_everything(&bytes[..cut.index(bytes.len() + 1)]);
        for (place, mask) in flips {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] ^= mask;
            }
        }
        read_as_everything(&bytes);
    }

    #[test]
    fn a_cut_record_or_message_never_panics(
        record in values::record(), message in values::collector_message(), cut in any::<prop::sample::Index>(),
    ) {
        for bytes in [encode_record(record).to_vec(), raw::CollectorMessage::from(message).encode_to_vec()] {
            read_as_everything(&bytes[..cut.index(bytes.len() + 1)]);
        }
    }
}

/// The error names the field and says what was expected.
#[track_caller]
fn refused<T: std::fmt::Debug>(read: Result<T, Malformed>, expected: &str) {
    assert_eq!(read.expect_err("it must be refused").to_string(), expected);
}

fn three_results() -> raw::ResultColumns {
    let result = ProbeResult {
        uid: Uid(5),
        revision: 1,
        planned: Timestamp::from_millis(1_000),
        start_delay_ms: 3,
        outcome: Outcome::Answered { status: 200, unexpected: None },
        phases: Phases { connect_us: 9, ..Phases::default() },
        body_bytes: 0,
        note: Some(Box::new(Note { cause: "why".into(), ..Note::default() })),
    };
    let batch = Batch { results: vec![result; 3], missed: Vec::new() };
    raw::ResultColumns::decode(encode_batch_without_runs(&batch)).expect("made here")
}

#[track_caller]
fn bad_batch(change: impl Fn(&mut raw::ResultColumns), expected: &str) {
    let mut columns = three_results();
    change(&mut columns);
    refused(decode_batch(&columns.encode_to_vec()), expected);
}

#[test]
fn every_column_must_have_an_entry_for_every_result() {
    let expected = |name: &str| {
        format!(
            "`results.{name}` is a column of 2 where uid has 3; expected one entry for each result"
        )
    };
    macro_rules! shorten {
        ($($column:ident),+) => { $( bad_batch(|columns| { columns.$column.pop(); }, &expected(stringify!($column))); )+ };
    }
    shorten!(revision, planned_delta_ms, start_delay_ms, code, unexpected);
    shorten!(resolve_us, connect_us, tls_us, processing_us, transfer_us);
    bad_batch(
        |columns| columns.uid.push(1),
        "`results.revision` is a column of 3 where uid has 4; expected one entry for each result",
    );
}

#[test]
fn runs_hold_as_many_results_as_there_are_and_stand_alone() {
    let in_runs = |runs: &[u32]| {
        let runs = runs.to_vec();
        move |columns: &mut raw::ResultColumns| {
            (columns.revision, columns.code, columns.unexpected) = Default::default();
            columns.runs = runs.clone();
        }
    };
    let wrong = |name: &str, entries: usize| {
        format!(
            "`results.{name}` is a column of {entries} where uid has 3; expected one entry for each result"
        )
    };
    bad_batch(in_runs(&[2, 1, 200, 0]), &wrong("revision", 2));
    bad_batch(in_runs(&[4, 1, 200, 0]), &wrong("revision", 4));
    for runs in [&[3, 1, 200][..], &[3, 1, 200, 0, 0]] {
        let expected =
            format!("`results.runs` is {} numbers; expected four for each run", runs.len());
        bad_batch(in_runs(runs), &expected);
    }
    bad_batch(in_runs(&[]), &wrong("revision", 0));
    let most = [u32::MAX, 1, 200, 0].repeat(3);
    bad_batch(in_runs(&most), &wrong("revision", 3 * u32::MAX as usize));
    bad_batch(in_runs(&[3, 1, 99, 0]), "`results.code` is 99; expected a failure or a status code");
    let beside = "`results.runs` is columns beside it; expected runs or columns alone";
    bad_batch(|columns| columns.runs = vec![3, 1, 200, 0], beside);
    bad_batch(|columns| columns.runs = vec![1, 1, 200, 0], beside);
    let empty = "`results.runs` is 0; expected a run of at least one";
    bad_batch(in_runs(&[3, 1, 200, 0, 0, 1, 200, 0]), empty);
}

#[test]
fn codes_that_are_neither_a_status_nor_a_failure_are_refused() {
    for (code, expected) in [
        (0, "`results.code` is 0; expected a failure or a status code"),
        (9, "`results.code` is 9; expected a failure or a status code"),
        (99, "`results.code` is 99; expected a failure or a status code"),
        (1000, "`results.code` is 1000; expected at most 999"),
        (u32::MAX, "`results.code` is 4294967295; expected at most 999"),
    ] {
        bad_batch(|columns| columns.code[1] = code, expected);
    }
    bad_batch(|columns| columns.unexpected[2] = 3, "`results.unexpected` is 3; expected 0, 1 or 2");
}

#[test]
fn a_note_must_belong_to_a_result() {
    for index in [3, u32::MAX] {
        bad_batch(
            |columns| columns.notes[0].index = index,
            &format!("`note.index` is {index}; expected a row of the batch"),
        );
    }
}

#[test]
fn a_missed_range_must_have_a_reason_that_is_known() {
    for reason in [0, 12, -1] {
        let range = raw::MissedRange { uid: 1, from_ms: 0, to_ms: 9, reason };
        bad_batch(
            |columns| columns.missed = vec![range],
            &format!("`missed.reason` is {reason}; expected a known reason"),
        );
    }
}

#[test]
fn what_a_foreign_agent_says_at_length_is_cut_and_what_is_unknown_is_passed_over() {
    let mut columns = three_results();
    columns.notes[0].cause = "é".repeat(200);
    columns.notes[1].cause = format!("x{}", "é".repeat(200));
    let unknown = raw::ShownHeader { name: 99, value: "x".into() };
    let server = raw::ShownHeader { name: 1, value: vec![b'x'; 1000].into() };
    let note = &mut columns.notes[2];
    (note.remote_address, note.kind, note.tls) = ("no address".into(), 999, -1);
    note.headers = vec![unknown, server.clone(), server];
    note.body_start = vec![b'x'; 100_000].into();
    let batch = decode_batch(&columns.encode_to_vec()).expect("long texts are no error");
    let note = |row: usize| batch.results[row].note.clone().expect("each has one");
    assert_eq!(note(0).cause.len(), 256);
    assert_eq!(note(1).cause.len(), 255);
    let strange = note(2);
    assert_eq!((strange.remote_address, strange.kind, strange.tls), (None, None, None));
    let more = strange.more.expect("there was more");
    assert_eq!((more.headers.len(), more.headers[0].1.len()), (1, 256));
    assert_eq!(more.body_start.len(), 512);
}

fn hello() -> raw::Hello {
    raw::Hello {
        agent_id: "a".into(),
        boot: 1,
        vantage: "eu".into(),
        zone: "eu-a".into(),
        capacity: 10,
        version: "9".into(),
        protocol: 1,
        ..raw::Hello::default()
    }
}

fn say(message: raw::agent_message::Message) -> Result<AgentMessage, Malformed> {
    AgentMessage::try_from(raw::AgentMessage { message: Some(message) })
}

#[track_caller]
fn bad_hello(change: impl Fn(&mut raw::Hello), expected: &str) {
    let mut hello = hello();
    change(&mut hello);
    refused(say(raw::agent_message::Message::Hello(hello)), expected);
}

#[test]
fn an_agent_must_say_who_it_is() {
    assert!(say(raw::agent_message::Message::Hello(hello())).is_ok());
    let name = "expected 1 to 255 bytes without control characters";
    bad_hello(|hello| hello.agent_id.clear(), &format!("`hello.agent_id` is \"\"; {name}"));
    bad_hello(
        |hello| hello.vantage = "a\nb".into(),
        &format!("`hello.vantage` is \"a\\nb\"; {name}"),
    );
    bad_hello(|hello| hello.capacity = 0, "`hello.capacity` is 0; expected at least 1");
    let held = |shard| raw::HeldShard { shard, from_ms: 0, content_hash: 0 };
    bad_hello(
        |hello| hello.held = vec![held(4095), held(4096)],
        "`hello.held.shard` is 4096; expected 0 to 4095",
    );
    bad_hello(
        |hello| hello.held = vec![held(0); 4097],
        "`hello.held` is 4097 shards; expected at most 4096",
    );
}

#[test]
fn a_name_that_is_too_long_is_refused_without_repeating_all_of_it() {
    let mut long = hello();
    long.zone = "z".repeat(1 << 20);
    let error = say(raw::agent_message::Message::Hello(long)).expect_err("a mebibyte");
    let error = error.to_string();
    assert!(error.contains("`hello.zone`") && error.contains("1 to 255 bytes"), "{error:.300}");
    assert!(error.len() < 500, "{} bytes of error", error.len());
}

#[test]
fn a_message_of_a_kind_that_is_not_known_says_what_is_missing() {
    let empty = raw::AgentMessage { message: None };
    refused(AgentMessage::try_from(empty), "`agent_message.message` is missing");
    let empty = raw::CollectorMessage { message: None };
    refused(CollectorMessage::try_from(empty), "`collector_message.message` is missing");
    let results = raw::Results { seq: 0, ..raw::Results::default() };
    refused(
        say(raw::agent_message::Message::Results(results)),
        "`results.seq` is 0; expected at least 1",
    );
}

fn target() -> raw::Target {
    ScheduledTarget {
        uid: Uid(1),
        revision: 1,
        interval: Duration::from_secs(10),
        phase: Duration::from_secs(3),
        from: Timestamp::EPOCH,
        spec: ProbeSpec::get("http://a/"),
    }
    .into()
}

#[track_caller]
fn bad_target(change: impl Fn(&mut raw::Target), expected: &str) {
    let mut target = target();
    change(&mut target);
    refused(ScheduledTarget::try_from(target.clone()), expected);
    // In a grant and in a run it is the same target.
    let grant = raw::Grant { targets: vec![target.clone()], ..raw::Grant::default() };
    let assign = raw::Assign { version: 1, revokes: vec![], grants: vec![grant] };
    refused(hear(raw::collector_message::Message::Assign(assign)), expected);
    let run =
        raw::RunTarget { target: Some(target), planned_ms: vec![1], start_before_ms: vec![2] };
    refused(hear(raw::collector_message::Message::Run(raw::Run { targets: vec![run] })), expected);
}

fn hear(message: raw::collector_message::Message) -> Result<CollectorMessage, Malformed> {
    CollectorMessage::try_from(raw::CollectorMessage { message: Some(message) })
}

#[test]
fn a_target_that_cannot_be_planned_or_probed_is_refused() {
    assert!(ScheduledTarget::try_from(target()).is_ok());
    let day = "expected 1 to 86400000";
    for interval in [0, 86_400_001, u64::MAX] {
        bad_target(
            |target| target.interval_ms = interval,
            &format!("`target.interval_ms` is {interval}; {day}"),
        );
    }
    for phase in [10_000, u64::MAX] {
        bad_target(
            |target| target.phase_ms = phase,
            &format!("`target.phase_ms` is {phase}; expected below interval_ms"),
        );
    }
    for timeout in [0, 86_400_001] {
        bad_target(
            |target| target.timeout_ms = timeout,
            &format!("`target.timeout_ms` is {timeout}; {day}"),
        );
    }
    bad_target(|target| target.url.clear(), "`target.url` is missing");
    for (first, last) in [(0, 200), (300, 200), (200, 1000), (200, 65_736)] {
        let mut target = target();
        target.expect_status = vec![raw::StatusRange { first, last }];
        let error = ScheduledTarget::try_from(target).expect_err("not a range").to_string();
        assert!(error.starts_with("`target.expect_status` is "), "{first}-{last}: {error}");
        assert!(error.ends_with("; expected ranges within 100-999"), "{first}-{last}: {error}");
    }
}

#[test]
fn shards_and_slots_that_cannot_be_are_refused() {
    let grant = raw::Grant { shard: 4096, ..raw::Grant::default() };
    let assign = raw::Assign { version: 1, revokes: vec![], grants: vec![grant] };
    refused(
        hear(raw::collector_message::Message::Assign(assign)),
        "`grant.shard` is 4096; expected 0 to 4095",
    );
    let revoke = raw::Revoke { shard: u32::MAX, until_ms: 0 };
    let assign = raw::Assign { version: 1, revokes: vec![revoke], grants: vec![] };
    refused(
        hear(raw::collector_message::Message::Assign(assign)),
        "`revoke.shard` is 4294967295; expected 0 to 4095",
    );
    let run = |target, planned_ms| {
        let run = raw::RunTarget { target, planned_ms, start_before_ms: vec![5] };
        hear(raw::collector_message::Message::Run(raw::Run { targets: vec![run] }))
    };
    refused(run(None, vec![1]), "`run.target` is missing");
    refused(
        run(Some(target()), vec![1, 2]),
        "`run.start_before_ms` is 1 long where planned_ms is 2; expected one entry for each planned start",
    );
    let welcome = raw::Welcome { lease_ms: 1_000, beat_ms: 1_001, ..raw::Welcome::default() };
    refused(
        hear(raw::collector_message::Message::Welcome(welcome)),
        "`welcome.beat_ms` is 1001; expected at least 1 and at most lease_ms",
    );
}

#[test]
fn a_reason_that_a_newer_collector_knows_is_left_out_and_the_rest_counts() {
    let refused = |reason, count| raw::RefusedResults { reason, count };
    let ack = raw::Ack { seq: 7, refused: vec![refused(1, 2), refused(99, 3), refused(-1, 4)] };
    let expected =
        CollectorMessage::Ack { seq: 7, refused: vec![(proto::Refusal::UnknownTarget, 2)] };
    let heard =
        hear(raw::collector_message::Message::Ack(ack)).expect("a newer collector is no error");
    assert_eq!(heard, expected);
}

#[test]
fn records_that_this_version_does_not_know_are_refused_by_name() {
    let record = |kind| Bytes::from(log::Record { at_ms: 1, kind }.encode_to_vec());
    refused(decode_record(record(None)), "`record.kind` is missing");
    let vantage = log::VantageChange { name: "eu".into(), state: 99 };
    refused(
        decode_record(record(Some(log::record::Kind::Vantage(vantage)))),
        "`vantage.state` is 99; expected a known state",
    );
    let entry = |target| {
        let entry = log::TargetEntry { uid: 1, name: "a".into(), target, ..Default::default() };
        let catalog = log::CatalogRevision { revision: 1, upserts: vec![entry], removals: vec![] };
        decode_record(record(Some(log::record::Kind::Catalog(catalog))))
    };
    refused(entry(None), "`target_entry.target` is missing");
    let endless = raw::Target { interval_ms: 0, ..target() };
    refused(entry(Some(endless)), "`target.interval_ms` is 0; expected 1 to 86400000");
    refused(decode_record(Bytes::from_static(b"\xff\xff")), "not a protobuf message");
}
