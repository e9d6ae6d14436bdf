//! What to probe, and when.

use std::fmt;
use std::time::Duration;

use crate::time::{Timestamp, WINDOW_MAX};

/// A target's durable number: given once to a name, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u64);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a target is probed. Says nothing about when or from where.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProbeSpec {
    /// http or https; may hold credentials: mask it before showing it.
    pub url: String,
    /// From DNS to the last byte, redirects included.
    pub timeout: Duration,
    /// The status codes that count as expected.
    pub expect_status: StatusSet,
    /// In capitals.
    pub method: String,
    /// Sent as they stand, names in any case.
    pub headers: Vec<(String, String)>,
    /// Sent with the request; may be empty.
    pub body: Vec<u8>,
    /// A regular expression that the first 64 KiB of the body must match.
    pub expect_body: Option<String>,
    /// Otherwise a redirect is the answer.
    pub follow_redirects: bool,
    /// A file of the agent's with the authorities to trust instead of the system's.
    pub tls_ca: Option<String>,
    /// Whether the server's certificate must be valid.
    pub tls_verify: bool,
}

/// Without secrets: no credentials of the URL, of headers the names, of the body the length.
impl fmt::Debug for ProbeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, timeout, expect_status, method, headers, body, .. } = self;
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let shown = match rest.rsplit_once('@') {
            Some((_, after)) => format!("{scheme}://***@{after}"),
            None => url.clone(),
        };
        let headers: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("ProbeSpec")
            .field("url", &shown)
            .field("timeout", timeout)
            .field("expect_status", expect_status)
            .field("method", method)
            .field("headers", &headers)
            .field("body_len", &body.len())
            .finish_non_exhaustive()
    }
}

impl ProbeSpec {
    /// A plain GET of `url` that expects 200-399, with a valid certificate, within ten seconds.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(10),
            expect_status: StatusSet::default(),
            method: "GET".into(),
            headers: Vec::new(),
            body: Vec::new(),
            expect_body: None,
            follow_redirects: false,
            tls_ca: None,
            tls_verify: true,
        }
    }
}

/// Ranges of status codes, both ends included. The default is 200-399.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatusSet(Vec<(u16, u16)>);

impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![(200, 399)])
    }
}

impl StatusSet {
    /// The most ranges that a set may have.
    pub const RANGES_MAX: usize = 64;

    /// Reads `200-399`, `200,204,301` or `2xx`, in any mixture.
    ///
    /// # Errors
    /// A sentence about the part that is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let ranges: Vec<_> = text.split(',').map(str::trim).map(range).collect::<Result<_, _>>()?;
        Self::new(ranges)
    }

    /// A set of these ranges.
    ///
    /// # Errors
    /// When there is none, there are over [`Self::RANGES_MAX`], or one is not inside 100 … 999 or runs backwards.
    pub fn new(ranges: Vec<(u16, u16)>) -> Result<Self, String> {
        if ranges.is_empty() || ranges.len() > Self::RANGES_MAX {
            return Err(format!("{} ranges; expected 1 to {}", ranges.len(), Self::RANGES_MAX));
        }
        match ranges
            .iter()
            .find(|(first, last)| !(100..=999).contains(first) || last < first || *last > 999)
        {
            Some((first, last)) => Err(format!("`{first}-{last}` is not a range within 100-999")),
            None => Ok(Self(ranges)),
        }
    }

    /// Whether `status` is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// The ranges, as given.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.0
    }
}

fn range(part: &str) -> Result<(u16, u16), String> {
    let bad = || {
        format!("`{part}` is not a status code, a range or a class; expected 200, 200-399 or 2xx")
    };
    let code = |text: &str| match text.trim().parse::<u16>() {
        Ok(code) if text.trim().len() == 3 => Ok(code),
        _ => Err(bad()),
    };
    if let Some(class) = part.to_ascii_lowercase().strip_suffix("xx") {
        return match class.as_bytes() {
            [digit @ b'1'..=b'9'] => {
                let first = u16::from(digit - b'0') * 100;
                Ok((first, first + 99))
            }
            _ => Err(bad()),
        };
    }
    match part.split_once('-') {
        Some((first, last)) => Ok((code(first)?, code(last)?)),
        None => code(part).map(|code| (code, code)),
    }
}

/// A target with its place in time at one vantage: what an agent needs to probe it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTarget {
    /// Which target.
    pub uid: Uid,
    /// Which revision of its specification.
    pub revision: u32,
    /// Planned starts are `k * interval + phase`.
    pub interval: Duration,
    /// Below the interval.
    pub phase: Duration,
    /// The first planned start that the schedule covers.
    pub from: Timestamp,
    /// How to probe it.
    pub spec: ProbeSpec,
}

impl ScheduledTarget {
    /// The first planned start at or after `at` (and after `from`).
    pub fn planned_at_or_after(&self, at: Timestamp) -> Timestamp {
        let floor = (at.max(self.from) - self.phase).floor(self.interval) + self.phase;
        if floor < at.max(self.from) { floor + self.interval } else { floor }
    }

    /// The instant by which the slot planned at `planned` must have started.
    pub fn start_before(&self, planned: Timestamp) -> Timestamp {
        planned + self.interval.min(WINDOW_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, contained: &[u16], not: &[u16]) {
        let set = StatusSet::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(contained.iter().all(|code| set.contains(*code)), "{text}: {set:?}");
        assert!(!not.iter().any(|code| set.contains(*code)), "{text}: {set:?}");
    }

    #[test]
    fn status_codes_ranges_and_classes_mix() {
        check("200-399", &[200, 399], &[199, 400]);
        check("200, 204,301", &[200, 204, 301], &[201, 302]);
        check("2xx,404", &[200, 299, 404], &[300, 403]);
        check("5XX", &[500, 599], &[499]);
    }

    #[test]
    fn what_is_not_a_status_code_is_named_in_the_error() {
        for text in [
            "", "20", "2000", "abc", "399-200", "0xx", "xx", "200-", "-200", "200;301", "9xxx",
            "70xx", "658xx", "999xx", "+2xx",
        ] {
            let error = StatusSet::parse(text).expect_err(text);
            assert!(!error.is_empty());
        }
    }

    #[test]
    fn the_next_planned_start_is_on_the_grid_and_never_before_from() {
        let target = ScheduledTarget {
            uid: Uid(1),
            revision: 1,
            interval: Duration::from_secs(10),
            phase: Duration::from_secs(3),
            from: Timestamp::from_millis(20_000),
            spec: ProbeSpec::get("http://a/"),
        };
        let next = |at| target.planned_at_or_after(Timestamp::from_millis(at)).millis();
        assert_eq!(next(0), 23_000);
        assert_eq!(next(23_000), 23_000);
        assert_eq!(next(23_001), 33_000);
    }
}
