//! The messages of a session, both ways.

use std::time::Duration;

use super::raw::v1 as raw;
use super::{Malformed, ask, clip, millis_u32, settings, value};
use crate::evidence::Note;
use crate::messages::{
    AgentMessage, Applied, Assign, Beat, CollectorMessage, Grant, HeldShard, Hello, Load,
    RefusedTarget, ResultsMessage, Revoke, RunTarget, Welcome,
};
use crate::outcome::Refusal;
use crate::plan::{SHARDS, ShardId};
use crate::target::Uid;
use crate::time::Timestamp;

/// The longest name of an agent, a vantage or a zone, in bytes.
const NAME_MAX: usize = 255;

/// The most bytes of a wrong name that its error repeats.
const NAME_SHOWN: usize = 64;

fn shard(field: &'static str, number: u32) -> Result<ShardId, Malformed> {
    ShardId::new(number).ok_or_else(|| value(field, number, "0 to 4095"))
}

fn shard_number(shard: ShardId) -> u32 {
    u32::try_from(shard.index()).unwrap_or(u32::MAX)
}

fn name(field: &'static str, text: String) -> Result<String, Malformed> {
    let plain = !text.is_empty() && text.len() <= NAME_MAX && !text.chars().any(char::is_control);
    if plain {
        Ok(text)
    } else {
        let shown = match clip(&text, NAME_SHOWN) {
            all if all.len() == text.len() => format!("{all:?}"),
            part => format!("{part:?}… ({} bytes)", text.len()),
        };
        Err(value(field, shown, "1 to 255 bytes without control characters"))
    }
}

impl TryFrom<raw::AgentMessage> for AgentMessage {
    type Error = Malformed;

    fn try_from(message: raw::AgentMessage) -> Result<Self, Malformed> {
        use raw::agent_message::Message;
        Ok(match message.message.ok_or(Malformed::Missing("agent_message.message"))? {
            Message::Hello(hello) => Self::Hello(hello_from_raw(hello)?),
            Message::Applied(applied) => Self::Applied(applied_from_raw(applied)),
            Message::Results(results) => Self::Results(results_from_raw(results)?),
            Message::Beat(beat) => Self::Beat(beat_from_raw(beat)),
            Message::Draining(raw::Draining { until_ms }) => {
                Self::Draining { until: Timestamp::from_millis(until_ms) }
            }
            Message::SettingsApplied(applied) => Self::SettingsApplied(settings::applied(applied)?),
            Message::ProbeAnswer(answer) => Self::ProbeAnswer(ask::answer_from_raw(answer)?),
        })
    }
}

impl From<AgentMessage> for raw::AgentMessage {
    fn from(message: AgentMessage) -> Self {
        use raw::agent_message::Message;
        let message = match message {
            AgentMessage::Hello(hello) => Message::Hello(hello_to_raw(hello)),
            AgentMessage::Applied(applied) => Message::Applied(applied_to_raw(applied)),
            AgentMessage::Results(results) => Message::Results(results_to_raw(results)),
            AgentMessage::Beat(beat) => Message::Beat(beat_to_raw(beat)),
            AgentMessage::Draining { until } => {
                Message::Draining(raw::Draining { until_ms: until.millis() })
            }
            AgentMessage::SettingsApplied(applied) => Message::SettingsApplied(applied.into()),
            AgentMessage::ProbeAnswer(answer) => Message::ProbeAnswer(ask::answer_to_raw(answer)),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<raw::CollectorMessage> for CollectorMessage {
    type Error = Malformed;

    fn try_from(message: raw::CollectorMessage) -> Result<Self, Malformed> {
        use raw::collector_message::Message;
        Ok(match message.message.ok_or(Malformed::Missing("collector_message.message"))? {
            Message::Welcome(welcome) => Self::Welcome(welcome_from_raw(welcome)?),
            Message::Assign(assign) => Self::Assign(assign_from_raw(assign)?),
            Message::Run(raw::Run { targets }) => {
                Self::Run(targets.into_iter().map(run_from_raw).collect::<Result<_, _>>()?)
            }
            Message::Ack(raw::Ack { seq, refused }) => {
                let known =
                    refused.into_iter().filter_map(|raw::RefusedResults { reason, count }| {
                        Some((Refusal::from_number(u32::try_from(reason).ok()?)?, count))
                    });
                Self::Ack { seq, refused: known.collect() }
            }
            Message::Beat(beat) => Self::Beat(beat_from_raw(beat)),
            Message::GoAway(raw::GoAway { after_ms, cause }) => {
                Self::GoAway { after: Duration::from_millis(after_ms.into()), cause }
            }
            Message::Settings(settings) => Self::Settings(settings.into()),
            Message::ProbeNow(question) => Self::ProbeNow(ask::question_from_raw(question)?),
        })
    }
}

impl From<CollectorMessage> for raw::CollectorMessage {
    fn from(message: CollectorMessage) -> Self {
        use raw::collector_message::Message;
        let message = match message {
            CollectorMessage::Welcome(welcome) => Message::Welcome(welcome_to_raw(welcome)),
            CollectorMessage::Assign(assign) => Message::Assign(assign_to_raw(assign)),
            CollectorMessage::Run(targets) => {
                Message::Run(raw::Run { targets: targets.into_iter().map(run_to_raw).collect() })
            }
            CollectorMessage::Ack { seq, refused } => {
                let refused = refused.into_iter().map(|(reason, count)| raw::RefusedResults {
                    reason: reason.number() as i32,
                    count,
                });
                Message::Ack(raw::Ack { seq, refused: refused.collect() })
            }
            CollectorMessage::Beat(beat) => Message::Beat(beat_to_raw(beat)),
            CollectorMessage::GoAway { after, cause } => {
                Message::GoAway(raw::GoAway { after_ms: millis_u32(after), cause })
            }
            CollectorMessage::Settings(settings) => Message::Settings(settings.into()),
            CollectorMessage::ProbeNow(question) => {
                Message::ProbeNow(ask::question_to_raw(question))
            }
        };
        Self { message: Some(message) }
    }
}

fn hello_from_raw(hello: raw::Hello) -> Result<Hello, Malformed> {
    if hello.capacity == 0 {
        return Err(value("hello.capacity", 0, "at least 1"));
    }
    if hello.held.len() > SHARDS {
        let held = format!("{} shards", hello.held.len());
        return Err(value("hello.held", held, "at most 4096"));
    }
    let held =
        hello.held.into_iter().map(|raw::HeldShard { shard: number, from_ms, content_hash }| {
            Ok(HeldShard {
                shard: shard("hello.held.shard", number)?,
                from: Timestamp::from_millis(from_ms),
                content_hash,
            })
        });
    Ok(Hello {
        agent_id: name("hello.agent_id", hello.agent_id)?,
        boot: hello.boot,
        vantage: name("hello.vantage", hello.vantage)?,
        zone: name("hello.zone", hello.zone)?,
        capacity: hello.capacity,
        version: clip(&hello.version, NAME_MAX).to_owned(),
        protocol: hello.protocol,
        epoch_seen: hello.epoch_seen,
        held: held.collect::<Result<_, Malformed>>()?,
        sent_us: hello.sent_us,
        log_seen: hello.log_seen,
        takes_settings: hello.takes_settings,
        takes_parts: hello.takes_parts,
    })
}

fn hello_to_raw(hello: Hello) -> raw::Hello {
    let Hello {
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
        takes_settings,
        takes_parts,
    } = hello;
    let held = held.into_iter().map(|HeldShard { shard, from, content_hash }| raw::HeldShard {
        shard: shard_number(shard),
        from_ms: from.millis(),
        content_hash,
    });
    raw::Hello {
        agent_id,
        boot,
        vantage,
        zone,
        capacity,
        version,
        protocol,
        epoch_seen,
        held: held.collect(),
        sent_us,
        log_seen,
        takes_settings,
        takes_parts,
    }
}

fn welcome_from_raw(welcome: raw::Welcome) -> Result<Welcome, Malformed> {
    let raw::Welcome {
        epoch,
        now_us,
        echo_us,
        lease_ms,
        beat_ms,
        unacked_bytes_max,
        log,
        takes_runs,
    } = welcome;
    if lease_ms == 0 || beat_ms == 0 || beat_ms > lease_ms {
        return Err(value("welcome.beat_ms", beat_ms, "at least 1 and at most lease_ms"));
    }
    Ok(Welcome {
        epoch,
        now_us,
        echo_us,
        lease: Duration::from_millis(lease_ms.into()),
        beat: Duration::from_millis(beat_ms.into()),
        unacked_bytes_max,
        log,
        takes_runs,
    })
}

fn welcome_to_raw(welcome: Welcome) -> raw::Welcome {
    let Welcome { epoch, now_us, echo_us, lease, beat, unacked_bytes_max, log, takes_runs } =
        welcome;
    raw::Welcome {
        epoch,
        now_us,
        echo_us,
        lease_ms: millis_u32(lease),
        beat_ms: millis_u32(beat),
        unacked_bytes_max,
        log,
        takes_runs,
    }
}

fn assign_from_raw(assign: raw::Assign) -> Result<Assign, Malformed> {
    let revokes = assign.revokes.into_iter().map(|raw::Revoke { shard: number, until_ms }| {
        let shard = shard("revoke.shard", number)?;
        Ok(Revoke { shard, until: Timestamp::from_millis(until_ms) })
    });
    let grants = assign.grants.into_iter().map(|grant| {
        let raw::Grant { shard: number, from_ms, content_hash, targets, more } = grant;
        let targets = targets.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Ok(Grant {
            shard: shard("grant.shard", number)?,
            from: Timestamp::from_millis(from_ms),
            content_hash,
            targets,
            more,
        })
    });
    Ok(Assign {
        version: assign.version,
        revokes: revokes.collect::<Result<_, Malformed>>()?,
        grants: grants.collect::<Result<_, Malformed>>()?,
    })
}

fn assign_to_raw(assign: Assign) -> raw::Assign {
    let Assign { version, revokes, grants } = assign;
    let revokes = revokes.into_iter().map(|Revoke { shard, until }| raw::Revoke {
        shard: shard_number(shard),
        until_ms: until.millis(),
    });
    let grants =
        grants.into_iter().map(|Grant { shard, from, content_hash, targets, more }| raw::Grant {
            shard: shard_number(shard),
            from_ms: from.millis(),
            content_hash,
            targets: targets.into_iter().map(Into::into).collect(),
            more,
        });
    raw::Assign { version, revokes: revokes.collect(), grants: grants.collect() }
}

fn applied_from_raw(applied: raw::Applied) -> Applied {
    let refused =
        applied.refused.into_iter().map(|raw::RefusedTarget { uid, revision, reason }| {
            let reason = clip(&reason, Note::TEXT_MAX).to_owned();
            RefusedTarget { uid: Uid(uid), revision, reason }
        });
    Applied { version: applied.version, refused: refused.collect() }
}

fn applied_to_raw(applied: Applied) -> raw::Applied {
    let Applied { version, refused } = applied;
    let refused = refused.into_iter().map(|RefusedTarget { uid, revision, reason }| {
        let reason = clip(&reason, Note::TEXT_MAX).to_owned();
        raw::RefusedTarget { uid: uid.0, revision, reason }
    });
    raw::Applied { version, refused: refused.collect() }
}

fn run_from_raw(run: raw::RunTarget) -> Result<RunTarget, Malformed> {
    let raw::RunTarget { target, planned_ms, start_before_ms } = run;
    if planned_ms.len() != start_before_ms.len() {
        let lengths =
            format!("{} long where planned_ms is {}", start_before_ms.len(), planned_ms.len());
        return Err(value("run.start_before_ms", lengths, "one entry for each planned start"));
    }
    let instant = Timestamp::from_millis;
    let slots = planned_ms.into_iter().zip(start_before_ms).map(|(p, b)| (instant(p), instant(b)));
    Ok(RunTarget {
        target: target.ok_or(Malformed::Missing("run.target"))?.try_into()?,
        slots: slots.collect(),
    })
}

fn run_to_raw(run: RunTarget) -> raw::RunTarget {
    let RunTarget { target, slots } = run;
    raw::RunTarget {
        target: Some(target.into()),
        planned_ms: slots.iter().map(|(planned, _)| planned.millis()).collect(),
        start_before_ms: slots.iter().map(|(_, before)| before.millis()).collect(),
    }
}

fn results_from_raw(results: raw::Results) -> Result<ResultsMessage, Malformed> {
    let raw::Results { seq, watermark_ms, columns, clock_error_ms } = results;
    if seq == 0 {
        return Err(value("results.seq", seq, "at least 1"));
    }
    Ok(ResultsMessage {
        seq,
        watermark: Timestamp::from_millis(watermark_ms),
        columns,
        clock_error: Duration::from_millis(clock_error_ms.into()),
    })
}

fn results_to_raw(results: ResultsMessage) -> raw::Results {
    let ResultsMessage { seq, watermark, columns, clock_error } = results;
    raw::Results {
        seq,
        watermark_ms: watermark.millis(),
        columns,
        clock_error_ms: millis_u32(clock_error),
    }
}

fn beat_from_raw(beat: raw::Beat) -> Beat {
    let raw::Beat { sent_us, now_us, load, wall_us, error_us } = beat;
    let load = load.map(|load| Load {
        in_flight: load.in_flight,
        waiting: load.waiting,
        outbox_bytes: load.outbox_bytes,
        lateness_ms: load.lateness_ms,
        busy_permille: load.busy_permille,
        targets: load.targets,
    });
    Beat { sent_us, now_us, load, wall_us, error_us }
}

fn beat_to_raw(beat: Beat) -> raw::Beat {
    let Beat { sent_us, now_us, load, wall_us, error_us } = beat;
    let load = load.map(|load| {
        let Load { in_flight, waiting, outbox_bytes, lateness_ms, busy_permille, targets } = load;
        raw::Load { in_flight, waiting, outbox_bytes, lateness_ms, busy_permille, targets }
    });
    raw::Beat { sent_us, now_us, load, wall_us, error_us }
}
