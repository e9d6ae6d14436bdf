//! Any value that the programs may make: whole milliseconds, names of a legal length, nothing that means "none".

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proto::{
    AgentMessage, Applied, Assign, Batch, Beat, Cause, CauseKind, CollectorMessage, Failure, Grant,
    HeldShard, Hello, HourManifest, IncidentCause, IncidentFact, IncidentKind, IncidentMember,
    IncidentWhat, Kind, LeftWhy, Load, Missed, MissedRange, More, Note, Outcome, PartRef, Phases,
    ProbeAnswer, ProbeNow, ProbeResult, ProbeSettings, ProbeSpec, Protocol, Record, Refusal,
    RefusedTarget, ResultBatch, ResultsMessage, Revoke, RunTarget, SHARDS, ScheduledTarget,
    SettingsApplied, ShardId, ShownHeader, Snapshot, StatusSet, TargetEntry, Timestamp, TlsVersion,
    Uid, Unexpected, VantageState, Welcome,
};

const DAY_MS: u64 = 86_400_000;

/// Any instant at all: agents' clocks and the log's are not this crate's business.
fn instant() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn uid() -> impl Strategy<Value = Uid> {
    any::<u64>().prop_map(Uid)
}

fn shard() -> impl Strategy<Value = ShardId> {
    (0..SHARDS as u32).prop_map(|number| ShardId::new(number).expect("below SHARDS"))
}

/// Printable, in any script; at most 4 × 60 bytes.
fn name() -> impl Strategy<Value = String> {
    "\\PC{1,60}"
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,60}"
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let unexpected = option::of(select(vec![Unexpected::Status, Unexpected::Body]));
    prop_oneof![
        (100_u16..1000, unexpected)
            .prop_map(|(status, unexpected)| Outcome::Answered { status, unexpected }),
        select(Failure::ALL.to_vec()).prop_map(Outcome::Failed),
    ]
}

fn phases() -> impl Strategy<Value = Phases> {
    any::<[u32; 5]>().prop_map(|[resolve_us, connect_us, tls_us, processing_us, transfer_us]| {
        Phases { resolve_us, connect_us, tls_us, processing_us, transfer_us }
    })
}

/// A certificate that expires at the epoch's first millisecond is one that does not expire: 0 means none.
fn note() -> impl Strategy<Value = Note> {
    let expires = option::of(instant().prop_filter("0 means none", |at| *at != Timestamp::EPOCH));
    let of = (
        option::of(select(Cause::ALL.to_vec())),
        option::of(select(Protocol::ALL.to_vec())),
        option::of(select(TlsVersion::ALL.to_vec())),
    );
    (option::of(any::<SocketAddr>()), text(), expires, of, any::<u8>(), option::of(more()))
        .prop_map(
            |(
                remote_address,
                cause,
                certificate_expires,
                (kind, protocol, tls),
                redirects,
                more,
            )| Note {
                remote_address: remote_address.map(plain),
                cause,
                kind,
                protocol,
                tls,
                redirects,
                certificate_expires,
                more: more.filter(|more| *more != More::default()).map(Box::new),
            },
        )
}

/// Without what is no part of an address as text: the flow label.
fn plain(address: SocketAddr) -> SocketAddr {
    address.to_string().parse().expect("as it was written")
}

fn more() -> impl Strategy<Value = More> {
    let bytes = |max| vec(any::<u8>(), 0..max).prop_map(Bytes::from);
    let headers = subsequence(ShownHeader::ALL.to_vec(), 0..=ShownHeader::ALL.len()).prop_flat_map(
        move |names| {
            let values = vec(bytes(Note::TEXT_MAX), names.len());
            values.prop_map(move |values| names.iter().copied().zip(values).collect())
        },
    );
    (text(), text(), text(), headers, bytes(Note::BODY_START_MAX)).prop_map(
        |(location, certificate_subject, certificate_issuer, headers, body_start)| More {
            location,
            certificate_subject,
            certificate_issuer,
            headers,
            body_start,
        },
    )
}

fn result() -> impl Strategy<Value = ProbeResult> {
    let body = (any::<u32>(), option::of(note().prop_map(Box::new)));
    (uid(), any::<u32>(), instant(), any::<i32>(), outcome(), phases(), body).prop_map(
        |(uid, revision, planned, start_delay_ms, outcome, phases, (body_bytes, note))| {
            ProbeResult {
                uid,
                revision,
                planned,
                start_delay_ms,
                outcome,
                phases,
                body_bytes,
                note,
            }
        },
    )
}

fn missed() -> impl Strategy<Value = MissedRange> {
    (uid(), instant(), instant(), select(Missed::ALL.to_vec()))
        .prop_map(|(uid, from, to, reason)| MissedRange { uid, from, to, reason })
}

pub(crate) fn batch() -> impl Strategy<Value = Batch> {
    (vec(result(), 0..40), vec(missed(), 0..5))
        .prop_map(|(results, missed)| Batch { results, missed })
}

fn status_set() -> impl Strategy<Value = StatusSet> {
    let range = (100_u16..1000).prop_flat_map(|first| (Just(first), first..1000));
    vec(range, 1..StatusSet::RANGES_MAX + 1).prop_map(|all| StatusSet::new(all).expect("in range"))
}

fn spec() -> impl Strategy<Value = ProbeSpec> {
    (
        (name(), 1..=DAY_MS, prop_oneof![Just(StatusSet::default()), status_set()]),
        (select(vec!["GET", "HEAD", "POST", "PURGE"]), vec((name(), text()), 0..4)),
        (vec(any::<u8>(), 0..40), option::of(name()), any::<bool>(), option::of(name())),
        any::<bool>(),
    )
        .prop_map(|((url, timeout, expect_status), (method, headers), more, tls_verify)| {
            let (body, expect_body, follow_redirects, tls_ca) = more;
            ProbeSpec {
                url,
                timeout: Duration::from_millis(timeout),
                expect_status,
                method: method.into(),
                headers,
                body,
                expect_body,
                follow_redirects,
                tls_ca,
                tls_verify,
            }
        })
}

pub(crate) fn target() -> impl Strategy<Value = ScheduledTarget> {
    let interval = (1..=DAY_MS).prop_flat_map(|interval| (Just(interval), 0..interval));
    (uid(), any::<u32>(), interval, instant(), spec()).prop_map(
        |(uid, revision, (interval, phase), from, spec)| ScheduledTarget {
            uid,
            revision,
            interval: Duration::from_millis(interval),
            phase: Duration::from_millis(phase),
            from,
            spec,
        },
    )
}

fn beat() -> impl Strategy<Value = Beat> {
    let load = (any::<[u32; 5]>(), any::<u64>()).prop_map(
        |([in_flight, waiting, lateness_ms, busy_permille, targets], outbox_bytes)| Load {
            in_flight,
            waiting,
            outbox_bytes,
            lateness_ms,
            busy_permille,
            targets,
        },
    );
    (any::<u64>(), any::<[i64; 2]>(), option::of(load), any::<u32>()).prop_map(
        |(sent_us, [now_us, wall_us], load, error_us)| Beat {
            sent_us,
            now_us,
            load,
            wall_us,
            error_us,
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let held = (shard(), instant(), any::<u64>())
        .prop_map(|(shard, from, content_hash)| HeldShard { shard, from, content_hash });
    (
        (name(), name(), name(), text()),
        (any::<[u64; 4]>(), 1..=u32::MAX, any::<u32>()),
        vec(held, 0..5),
    )
        .prop_map(|((agent_id, vantage, zone, version), numbers, held)| {
            let ([boot, epoch_seen, sent_us, log_seen], capacity, protocol) = numbers;
            Hello {
                agent_id,
                boot,
                vantage,
                zone,
                capacity,
                version,
                protocol,
                epoch_seen,
                held,
                sent_us,
                log_seen,
                takes_settings: boot.is_multiple_of(2),
                takes_parts: boot.is_multiple_of(3),
            }
        })
}

pub(crate) fn agent_message() -> impl Strategy<Value = AgentMessage> {
    let found = prop_oneof![result().prop_map(Ok), select(Missed::ALL.to_vec()).prop_map(Err),];
    let refused = (uid(), any::<u32>(), text()).prop_map(|(uid, revision, reason)| RefusedTarget {
        uid,
        revision,
        reason,
    });
    let applied = (any::<u64>(), vec(refused, 0..4))
        .prop_map(|(version, refused)| Applied { version, refused });
    let results = (1..=u64::MAX, instant(), vec(any::<u8>(), 0..40), any::<u32>()).prop_map(
        |(seq, watermark, columns, clock_error)| ResultsMessage {
            seq,
            watermark,
            columns: columns.into(),
            clock_error: Duration::from_millis(clock_error.into()),
        },
    );
    prop_oneof![
        hello().prop_map(AgentMessage::Hello),
        applied.prop_map(AgentMessage::Applied),
        results.prop_map(AgentMessage::Results),
        beat().prop_map(AgentMessage::Beat),
        instant().prop_map(|until| AgentMessage::Draining { until }),
        (any::<u64>(), 1..=u32::MAX, option::of(name())).prop_map(
            |(version, capacity, problem)| {
                AgentMessage::SettingsApplied(SettingsApplied { version, capacity, problem })
            }
        ),
        (any::<u64>(), found)
            .prop_map(|(id, found)| { AgentMessage::ProbeAnswer(ProbeAnswer { id, found }) }),
    ]
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let lease = (1..=u32::MAX).prop_flat_map(|lease| (Just(lease), 1..=lease));
    (any::<[u64; 4]>(), any::<i64>(), lease, any::<bool>()).prop_map(
        |([epoch, echo_us, unacked_bytes_max, log], now_us, (lease, beat), takes_runs)| Welcome {
            epoch,
            now_us,
            echo_us,
            lease: Duration::from_millis(lease.into()),
            beat: Duration::from_millis(beat.into()),
            unacked_bytes_max,
            log,
            takes_runs,
        },
    )
}

fn assign() -> impl Strategy<Value = Assign> {
    let revoke = (shard(), instant()).prop_map(|(shard, until)| Revoke { shard, until });
    let grant = (shard(), instant(), any::<u64>(), vec(target(), 0..3), any::<bool>()).prop_map(
        |(shard, from, content_hash, targets, more)| Grant {
            shard,
            from,
            content_hash,
            targets,
            more,
        },
    );
    (any::<u64>(), vec(revoke, 0..4), vec(grant, 0..4))
        .prop_map(|(version, revokes, grants)| Assign { version, revokes, grants })
}

pub(crate) fn collector_message() -> impl Strategy<Value = CollectorMessage> {
    let run = (target(), vec((instant(), instant()), 0..4))
        .prop_map(|(target, slots)| RunTarget { target, slots });
    let refused = vec((select(Refusal::ALL.to_vec()), any::<u32>()), 0..5);
    prop_oneof![
        welcome().prop_map(CollectorMessage::Welcome),
        assign().prop_map(CollectorMessage::Assign),
        vec(run, 0..3).prop_map(CollectorMessage::Run),
        (any::<u64>(), refused).prop_map(|(seq, refused)| CollectorMessage::Ack { seq, refused }),
        beat().prop_map(CollectorMessage::Beat),
        (any::<u32>(), text()).prop_map(|(after, cause)| CollectorMessage::GoAway {
            after: Duration::from_millis(after.into()),
            cause
        }),
        settings().prop_map(CollectorMessage::Settings),
        (any::<u64>(), target(), any::<u32>()).prop_map(|(id, target, within)| {
            let start_within = Duration::from_millis(within.into());
            CollectorMessage::ProbeNow(ProbeNow { id, target, start_within })
        }),
    ]
}

fn settings() -> impl Strategy<Value = ProbeSettings> {
    let given = || option::of(1..=u32::MAX);
    let text = || option::of(name());
    (
        any::<u64>(),
        (given(), given()),
        (text(), text()),
        any::<bool>(),
        (vec(name(), 0..3), vec(name(), 0..3)),
    )
        .prop_map(|(version, numbers, texts, deny_private, networks)| ProbeSettings {
            version,
            concurrency: numbers.0,
            per_host: numbers.1,
            dns: texts.0,
            user_agent: texts.1,
            deny_private,
            allow_network: networks.0,
            refuse_network: networks.1,
        })
}

fn entry() -> impl Strategy<Value = TargetEntry> {
    (
        (uid(), name(), any::<u32>(), 1..=DAY_MS, spec()),
        (text(), vec((name(), text()), 0..4), vec(name(), 0..3)),
        (any::<bool>(), option::of(1..=u32::MAX)),
    )
        .prop_map(|((uid, name, revision, interval, spec), shown, (paused, slow_after))| {
            let (category, labels, vantages) = shown;
            TargetEntry {
                uid,
                name,
                revision,
                interval: Duration::from_millis(interval),
                spec,
                category,
                labels,
                vantages,
                paused,
                slow_after: slow_after.map(|ms| Duration::from_millis(ms.into())),
            }
        })
}

fn hour() -> impl Strategy<Value = Kind> {
    let part = || (uid(), any::<u64>()).prop_map(|(first, hash)| PartRef { first, hash });
    let numbers = any::<(u32, u64, u64)>();
    (instant(), numbers, vec(part(), 0..4), vec(part(), 0..4)).prop_map(
        |(start, (revision, as_of, totals), rows, slots)| {
            Kind::Hour(HourManifest { start, revision, as_of, totals, rows, slots })
        },
    )
}

fn cause() -> impl Strategy<Value = IncidentCause> {
    (select(CauseKind::ALL.to_vec()), text())
        .prop_map(|(kind, value)| IncidentCause { kind, value })
}

fn member() -> impl Strategy<Value = IncidentMember> {
    let place = (uid(), any::<bool>(), name(), instant());
    let found = (option::of(outcome()), option::of(any::<std::net::IpAddr>()), text());
    (place, found, 0_u64..1 << 40).prop_map(
        |((uid, down, vantage, planned), (outcome, address, text), hold)| {
            let text = text[..text.floor_char_boundary(proto::TEXT_MAX)].to_owned();
            let hold = Duration::from_millis(hold);
            IncidentMember { uid, down, vantage, planned, outcome, address, text, hold }
        },
    )
}

fn fact() -> impl Strategy<Value = IncidentFact> {
    let opened = (select(IncidentKind::ALL.to_vec()), cause(), vec(cause(), 0..3));
    let opened =
        (opened, vec((name(), text()), 0..3)).prop_map(|((kind, cause, shared), labels)| {
            IncidentWhat::Opened { kind, cause, shared, labels }
        });
    let left = (uid(), select(LeftWhy::ALL.to_vec()));
    let what = prop_oneof![
        opened,
        cause().prop_map(IncidentWhat::Caused),
        member().prop_map(IncidentWhat::Joined),
        left.prop_map(|(uid, why)| IncidentWhat::Left { uid, why }),
        Just(IncidentWhat::Grown),
        Just(IncidentWhat::Closed),
    ];
    (any::<u64>(), what).prop_map(|(incident, what)| IncidentFact { incident, what })
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let catalog = (any::<u64>(), vec(entry(), 0..3), vec(uid(), 0..4))
        .prop_map(|(revision, upserts, removals)| Kind::Catalog { revision, upserts, removals });
    let state = select(vec![
        VantageState::Seen,
        VantageState::Active,
        VantageState::Named,
        VantageState::Retired,
        VantageState::Withdrawn,
    ]);
    let results = (name(), text(), text(), any::<u64>(), batch()).prop_map(
        |(vantage, agent_id, zone, boot, batch)| {
            let columns = proto::wire::encode_batch(&batch);
            Kind::Results(ResultBatch { vantage, agent_id, zone, boot, columns })
        },
    );
    let kind = prop_oneof![
        any::<(u64, u64)>().prop_map(|(epoch, log)| Kind::Claim { epoch, log }),
        catalog,
        (name(), state).prop_map(|(name, state)| Kind::Vantage { name, state }),
        results,
        hour(),
        (any::<(u64, u64)>(), vec(any::<u64>(), 0..4)).prop_map(|((log, position), parts)| {
            Kind::Snapshot(Snapshot { log, position, parts })
        }),
        vec(fact(), 0..4).prop_map(Kind::Incidents),
        any::<(u64, u64)>().prop_map(|(sink, up_to)| Kind::Told { sink, up_to }),
        (instant(), instant(), vec(uid(), 0..4))
            .prop_map(|(from, until, uids)| Kind::Maintenance { from, until, uids }),
    ];
    (instant(), kind).prop_map(|(at, kind)| Record { at, kind })
}
