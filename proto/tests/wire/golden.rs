//! Format 1, byte by byte: logs written by released versions are read for ever, and agents of the version before talk on.
//!
//! A test here that fails says that the format changed. Do not bring it up to date: make the change another way, or make
//! it format 2.

use std::time::Duration;

use proto::wire::{
    decode_batch, decode_record, encode_batch, encode_batch_without_runs, encode_record,
};
use proto::{
    Batch, Cause, Failure, HourManifest, Kind, Missed, MissedRange, More, Note, Outcome, PartRef,
    Phases, ProbeResult, ProbeSpec, Protocol, Record, ResultBatch, ShownHeader, Snapshot,
    StatusSet, TargetEntry, Timestamp, TlsVersion, Uid, Unexpected, VantageState,
};

fn batch() -> Batch {
    let at = Timestamp::from_millis;
    let answered = ProbeResult {
        uid: Uid(1),
        revision: 1,
        planned: at(1_700_000_000_000),
        start_delay_ms: 2,
        outcome: Outcome::Answered { status: 200, unexpected: None },
        phases: Phases {
            resolve_us: 1,
            connect_us: 300,
            tls_us: 2,
            processing_us: 40_000,
            transfer_us: 3,
        },
        body_bytes: 0,
        note: None,
    };
    let unexpected = ProbeResult {
        uid: Uid(300),
        planned: at(1_699_999_999_999),
        outcome: Outcome::Answered { status: 503, unexpected: Some(Unexpected::Status) },
        note: Some(Box::new(Note {
            remote_address: Some("10.0.0.1:443".parse().expect("an address")),
            certificate_expires: Some(at(1_800_000_000_000)),
            ..Note::default()
        })),
        ..answered.clone()
    };
    let failed = ProbeResult {
        uid: Uid(2),
        revision: 7,
        planned: at(1_700_000_000_500),
        start_delay_ms: -1,
        outcome: Outcome::Failed(Failure::Connect),
        phases: Phases::default(),
        body_bytes: 0,
        note: Some(Box::new(Note { cause: "refused".into(), ..Note::default() })),
    };
    let missed =
        MissedRange { uid: Uid(3), from: at(1_000), to: at(2_000), reason: Missed::BufferFull };
    Batch { results: vec![answered, unexpected, failed], missed: vec![missed] }
}

fn entry() -> TargetEntry {
    TargetEntry {
        uid: Uid(9),
        name: "shop".into(),
        revision: 2,
        interval: Duration::from_secs(60),
        spec: ProbeSpec {
            timeout: Duration::from_secs(5),
            expect_status: StatusSet::new(vec![(200, 204)]).expect("a range"),
            method: "POST".into(),
            headers: vec![("A".into(), "b".into())],
            body: b"{}".to_vec(),
            expect_body: Some("ok".into()),
            follow_redirects: true,
            tls_ca: Some("/ca".into()),
            tls_verify: false,
            ..ProbeSpec::get("https://shop/")
        },
        category: "Shopping".into(),
        labels: vec![("team".into(), "x".into())],
        vantages: vec!["eu".into()],
        paused: true,
        slow_after: Some(Duration::from_millis(800)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
    };
    digits.chunks(2).map(byte).collect()
}

/// As written, and as read: what a newer version writes in another way it must still read.
#[track_caller]
fn check(record: Record, golden: &str) {
    assert_eq!(decode_record(unhex(golden).into()).expect("format 1 is read for ever"), record);
    assert_eq!(hex(&encode_record(record)), hex(&unhex(golden)));
}

fn at(kind: Kind) -> Record {
    Record { at: Timestamp::from_millis(1_700_000_000_000), kind }
}

const BATCH: &str = "0a0401ac020212030101071a0980a0abfef96201ea0722030404012a05c801f7030232030001003a030101004205ac02 \
        ac02004a030202005207c0b802c0b802005a0303030062170801120c31302e302e302e313a3434332080c0e285e36862 \
        0b08021a07726566757365646a0a080310d00f18a01f2001";

#[test]
fn a_batch_is_written_as_in_format_1() {
    assert_eq!(decode_batch(&unhex(BATCH)).expect("format 1 is read for ever"), batch());
    assert_eq!(hex(&encode_batch_without_runs(&batch())), hex(&unhex(BATCH)));
}

/// For whoever reads runs: the log of format 3 (in DynamoDB of format 2), and collectors that say so.
#[test]
fn what_hardly_ever_differs_is_written_as_runs() {
    let mut batch = batch();
    batch.results.insert(1, batch.results[0].clone());
    let golden = "0a050101ac02021a0a80a0abfef9620001ea072204040404013a04010101004207ac02ac02ac02004a0402020200520ac0b802c0b802\
                  c0b802005a040303030062170802120c31302e302e302e313a3434332080c0e285e368620b08031a07726566757365646a0a08\
                  0310d00f18a01f20017a0e0201c801000101f7030101070200";
    assert_eq!(hex(&encode_batch(&batch)), hex(&unhex(golden)));
    assert_eq!(decode_batch(&unhex(golden)).expect("format 3 is read for ever"), batch);
}

/// What came after the first release: written as new fields, so that both sides of an upgrade read the rest.
#[test]
fn evidence_is_written_in_fields_of_its_own() {
    let more = More {
        location: "https://b.test/".into(),
        certificate_subject: "CN=b".into(),
        certificate_issuer: "CN=ca".into(),
        headers: vec![(ShownHeader::Server, "nginx".into())],
        body_start: "oops".into(),
    };
    let note = Note {
        kind: Some(Cause::UnexpectedBody),
        protocol: Some(Protocol::Http2),
        tls: Some(TlsVersion::Tls13),
        redirects: 1,
        more: Some(Box::new(more)),
        ..Note::default()
    };
    let mut batch = batch();
    batch.results.truncate(1);
    batch.missed.clear();
    batch.results[0].body_bytes = 300;
    batch.results[0].note = Some(Box::new(note));
    let golden = "0a01011201011a0680a0abfef9622201042a02c8013201003a01014202ac024a01025203c0b8025a01036237285b30033802400\
                  14a0f68747470733a2f2f622e746573742f5204434e3d625a05434e3d63616209080112056e67696e786a046f6f707372\
                  02ac02";
    assert_eq!(hex(&encode_batch_without_runs(&batch)), hex(&unhex(golden)));
    assert_eq!(decode_batch(&unhex(golden)).expect("format 1 is read for ever"), batch);
}

#[test]
fn a_claim_is_written_as_in_format_1() {
    check(at(Kind::Claim { epoch: 3, log: 7 }), "0880a0abfef962120b0803110700000000000000");
}

#[test]
fn a_catalog_is_written_as_in_format_1() {
    let kind =
        Kind::Catalog { revision: 4, upserts: vec![entry()], removals: vec![Uid(1), Uid(300)] };
    check(
        at(kind),
        "0880a0abfef9621a70080412670809120473686f701802223d1a0d68747470733a2f2f73686f702f20e0d40338882742 \
        0608c80110cc014a04504f535452060a01411201625a027b7d62026f6b680172032f636178012a0853686f7070696e67 \
        32090a047465616d1201783a026575400148a0061a0301ac02",
    );
}

#[test]
fn the_states_of_a_vantage_are_written_as_in_format_1() {
    for (state, golden) in [
        (VantageState::Seen, "0880a0abfef96222060a0265751001"),
        (VantageState::Active, "0880a0abfef96222060a0265751002"),
        (VantageState::Retired, "0880a0abfef96222060a0265751003"),
        (VantageState::Withdrawn, "0880a0abfef96222060a0265751004"),
        (VantageState::Named, "0880a0abfef96222060a0265751005"),
    ] {
        check(at(Kind::Vantage { name: "eu".into(), state }), golden);
    }
}

#[test]
fn results_are_written_as_in_format_1() {
    let batch = ResultBatch {
        vantage: "eu".into(),
        agent_id: "a".into(),
        zone: "z".into(),
        boot: 0x0102_0304_0506_0708,
        columns: vec![1, 2, 3].into(),
    };
    check(
        at(Kind::Results(batch)),
        "0880a0abfef9622a180a0265751201611a017a2108070605040302012a03010203",
    );
}

#[test]
fn manifests_and_snapshots_are_written_as_in_format_2() {
    let part = |first, hash| PartRef { first: Uid(first), hash };
    let hour = HourManifest {
        start: Timestamp::from_millis(1_699_999_200_000),
        revision: 2,
        as_of: 300,
        totals: 1,
        rows: vec![part(1, 2)],
        slots: vec![part(1, 3), part(300, 4)],
    };
    check(
        at(Kind::Hour(hour)),
        "0880a0abfef962423d0880ccc9fdf962100218ac022101000000000000002a0b08011102000000000000003\
         20b0801110300000000000000320c08ac02110400000000000000",
    );
    check(
        at(Kind::Snapshot(Snapshot { log: 7, position: 299, parts: vec![5, 6] })),
        "0880a0abfef9624a1e09070000000000000010ab021a1005000000000000000600000000000000",
    );
}
