//! Targets on the wire and in the log.

use std::time::Duration;

use super::raw::v1 as raw;
use super::{Malformed, millis_u32, millis_u64, value};
use crate::target::{ProbeSpec, ScheduledTarget, StatusSet, Uid};
use crate::time::Timestamp;

/// The longest interval and timeout of a target (contract: `1s` … `24h`).
const DAY_MS: u64 = 24 * 3_600_000;

pub(super) fn spec_to_raw(spec: ProbeSpec) -> raw::Target {
    let ProbeSpec {
        url,
        timeout,
        expect_status,
        method,
        headers,
        body,
        expect_body,
        follow_redirects,
        tls_ca,
        tls_verify,
    } = spec;
    let expect_status = if expect_status == StatusSet::default() {
        Vec::new()
    } else {
        let range = |(first, last): &(u16, u16)| raw::StatusRange {
            first: (*first).into(),
            last: (*last).into(),
        };
        expect_status.ranges().iter().map(range).collect()
    };
    raw::Target {
        uid: 0,
        revision: 0,
        url,
        interval_ms: 0,
        phase_ms: 0,
        from_ms: 0,
        timeout_ms: millis_u32(timeout),
        expect_status,
        method: if method == "GET" { String::new() } else { method },
        headers: pairs_to_raw(headers),
        body: body.into(),
        expect_body: expect_body.unwrap_or_default(),
        follow_redirects,
        tls_ca: tls_ca.unwrap_or_default(),
        tls_skip_verify: !tls_verify,
    }
}

pub(super) fn pairs_to_raw(pairs: Vec<(String, String)>) -> Vec<raw::Header> {
    pairs.into_iter().map(|(name, value)| raw::Header { name, value }).collect()
}

pub(super) fn pairs_from_raw(pairs: Vec<raw::Header>) -> Vec<(String, String)> {
    pairs.into_iter().map(|raw::Header { name, value }| (name, value)).collect()
}

pub(super) fn interval_from_raw(interval_ms: u64) -> Result<Duration, Malformed> {
    if !(1..=DAY_MS).contains(&interval_ms) {
        return Err(value("target.interval_ms", interval_ms, "1 to 86400000"));
    }
    Ok(Duration::from_millis(interval_ms))
}

pub(super) fn spec_from_raw(target: raw::Target) -> Result<ProbeSpec, Malformed> {
    if target.url.is_empty() {
        return Err(Malformed::Missing("target.url"));
    }
    if target.timeout_ms == 0 || u64::from(target.timeout_ms) > DAY_MS {
        return Err(value("target.timeout_ms", target.timeout_ms, "1 to 86400000"));
    }
    let expect_status = if target.expect_status.is_empty() {
        StatusSet::default()
    } else {
        let bound = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        let ranges = target.expect_status.iter().map(|r| (bound(r.first), bound(r.last)));
        StatusSet::new(ranges.collect())
            .map_err(|error| value("target.expect_status", error, "ranges within 100-999"))?
    };
    let optional = |text: String| (!text.is_empty()).then_some(text);
    Ok(ProbeSpec {
        url: target.url,
        timeout: Duration::from_millis(target.timeout_ms.into()),
        expect_status,
        method: optional(target.method).unwrap_or_else(|| "GET".into()),
        headers: pairs_from_raw(target.headers),
        body: target.body.into(),
        expect_body: optional(target.expect_body),
        follow_redirects: target.follow_redirects,
        tls_ca: optional(target.tls_ca),
        tls_verify: !target.tls_skip_verify,
    })
}

impl From<ScheduledTarget> for raw::Target {
    fn from(target: ScheduledTarget) -> Self {
        let ScheduledTarget { uid, revision, interval, phase, from, spec } = target;
        Self {
            uid: uid.0,
            revision,
            interval_ms: millis_u64(interval),
            phase_ms: millis_u64(phase),
            from_ms: from.millis(),
            ..spec_to_raw(spec)
        }
    }
}

impl TryFrom<raw::Target> for ScheduledTarget {
    type Error = Malformed;

    fn try_from(target: raw::Target) -> Result<Self, Malformed> {
        let interval = interval_from_raw(target.interval_ms)?;
        if target.phase_ms >= target.interval_ms {
            return Err(value("target.phase_ms", target.phase_ms, "below interval_ms"));
        }
        Ok(Self {
            uid: Uid(target.uid),
            revision: target.revision,
            interval,
            phase: Duration::from_millis(target.phase_ms),
            from: Timestamp::from_millis(target.from_ms),
            spec: spec_from_raw(target)?,
        })
    }
}
