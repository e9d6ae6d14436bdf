//! Once, or again and again by the clock of a place.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proto::Timestamp;

use super::cron::Cron;

const MINUTE: Duration = Duration::from_secs(60);
/// A window that comes again lasts no longer.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    Once { from: Timestamp, to: Timestamp },
    Again { cron: Cron, zone: TimeZone, duration: Duration },
}

impl When {
    pub(super) fn new(
        from: Option<String>,
        to: Option<String>,
        cron: Option<String>,
        duration: Option<String>,
        zone: Option<String>,
    ) -> Result<Self, String> {
        let zone = match zone.as_deref() {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                format!("zone = {name:?}: no such time zone; expected one like Europe/Berlin")
            })?,
        };
        match (from, to, cron, duration) {
            (Some(from), Some(to), None, None) => {
                let (from, to) = (instant(&from, &zone)?, instant(&to, &zone)?);
                if from >= to {
                    return Err("`to` is not after `from`".into());
                }
                Ok(Self::Once { from, to })
            }
            (None, None, Some(cron), Some(duration)) => {
                let duration = humantime::parse_duration(&duration)
                    .ok()
                    .filter(|duration| *duration >= MINUTE && *duration <= LONGEST)
                    .ok_or_else(|| format!("duration = {duration:?}: expected 1m to 7d"))?;
                let cron = cron.parse().map_err(|what| format!("cron = {cron:?}: {what}"))?;
                Ok(Self::Again { cron, zone, duration })
            }
            _ => Err("expected `from` and `to`, or `cron` and `duration`".into()),
        }
    }

    /// From when until when it lasts, if it lasts at this instant.
    pub(super) fn around(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Once { from, to } => (*from <= now && now < *to).then_some((*from, *to)),
            Self::Again { cron, zone, duration } => {
                let mut start = now.floor(MINUTE);
                while now.since(start) < *duration {
                    if cron.is_at(civil(start, zone)?) {
                        return Some((start, start + *duration));
                    }
                    start = start - MINUTE;
                }
                None
            }
        }
    }
}

fn civil(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    Some(zone.to_datetime(at))
}

/// `2026-03-01T08:00:00Z`, or `2026-03-01T08:00` by the clock of the zone.
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let here =
        || text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok().map(|at| at.timestamp());
    let at = text.parse::<jiff::Timestamp>().ok().or_else(here);
    at.map(|at| Timestamp::from_millis(at.as_millisecond())).ok_or_else(|| {
        format!(
            "{text:?}: expected a time like 2026-03-01T08:00:00Z, or 2026-03-01T08:00 with a zone"
        )
    })
}
