//! Query parameters, taken one by one: what is left over is a 400 that says what is allowed.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use proto::Timestamp;

use super::Problem;
use crate::target_file::show;

/// The year 5000.
const MILLIS_MAX: i64 = 95_617_584_000_000;
/// The name of a target in the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => {
                Err(Problem::bad_request("the name in the path is not UTF-8, percent-encoded"))
            }
        }
    }
}

/// The parameters of one request.
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
    allowed: Vec<&'static str>,
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Parameters {
    /// Takes a query string apart.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if given.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad_request(format!(
                    "query parameter `{name}` is there twice; expected each once"
                )));
            }
        }
        Ok(Self { given, allowed: Vec::new() })
    }

    /// The value of a parameter, if it was given.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.allowed.push(name);
        self.given.remove(name)
    }

    /// The parameters that begin with `prefix`, without it.
    pub(super) fn prefixed(&mut self, prefix: &str, shown: &'static str) -> Vec<(String, String)> {
        self.allowed.push(shown);
        let names: Vec<String> =
            self.given.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        let take = |name: String| {
            let value = self.given.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), value))
        };
        names.into_iter().filter_map(take).collect()
    }

    /// A duration of at most `max`.
    pub(super) fn duration(
        &mut self,
        name: &'static str,
        default: Duration,
        max: Duration,
    ) -> Result<Duration, Problem> {
        let Some(text) = self.text(name) else { return Ok(default.min(max)) };
        match humantime::parse_duration(&text) {
            Ok(duration) if duration > Duration::ZERO && duration <= max => Ok(duration),
            _ => Err(Problem::bad_request(format!(
                "`{name}={text}`: expected a duration like 30s, 10m or 1h, at most {}",
                show(max)
            ))),
        }
    }

    /// An instant, or the beginning of a day, in UTC.
    pub(super) fn instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let day = || {
            let day: jiff::civil::Date = text.parse().ok()?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(day);
        // Before the epoch, or in thousands of years, nothing was ever probed.
        let millis =
            instant.map(|at| at.as_millisecond()).filter(|ms| (0..MILLIS_MAX).contains(ms));
        let Some(millis) = millis else {
            return Err(Problem::bad_request(format!(
                "`{name}={text}`: expected an instant like 2026-03-01T08:00:00Z or a day like 2026-03-01"
            )));
        };
        Ok(Some(Timestamp::from_millis(millis)))
    }

    /// From the beginning of a calendar month to that of the next, in UTC.
    pub(super) fn month(
        &mut self,
        name: &'static str,
    ) -> Result<Option<(Timestamp, Timestamp)>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let month = || {
            let (year, month) = text.split_once('-')?;
            let shaped = year.len() == 4 && month.len() == 2;
            let first = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
            let next = first.checked_add(jiff::Span::new().months(1)).ok()?;
            let millis = |day: jiff::civil::Date| {
                let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
                (0..MILLIS_MAX).contains(&at).then(|| Timestamp::from_millis(at))
            };
            Some((millis(first)?, millis(next)?)).filter(|_| shaped)
        };
        let month = month().ok_or_else(|| {
            Problem::bad_request(format!("`{name}={text}`: expected a month like 2026-03"))
        });
        month.map(Some)
    }

    /// A whole number in a range.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let number = text.parse::<usize>().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (first, last) = (range.start(), range.end());
            Problem::bad_request(format!(
                "`{name}={text}`: expected a number from {first} to {last}"
            ))
        })
    }

    /// `from` and `to`: an hour or a day that ends now, say, unless they are given.
    pub(super) fn span(
        &mut self,
        now: Timestamp,
        default: Duration,
    ) -> Result<(Timestamp, Timestamp), Problem> {
        let (from, to) = (self.instant("from")?, self.instant("to")?);
        let to = to.unwrap_or(now);
        let from = from.unwrap_or(to - default);
        if from >= to {
            return Err(Problem::bad_request(format!(
                "`from` is {from} and `to` is {to}: expected `from` to be earlier"
            )));
        }
        Ok((from, to))
    }

    /// A number that an answer gave.
    pub(super) fn position(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Problem::bad_request(format!(
                "`{name}={text}`: expected the next_cursor of the page before"
            ))
        })
    }

    /// `i/n`: the i-th of n parts, from 0.
    pub(super) fn part(
        &mut self,
        name: &'static str,
        most: usize,
    ) -> Result<Option<(usize, usize)>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let numbers = text
            .split_once('/')
            .and_then(|(part, of)| Some((part.parse::<usize>().ok()?, of.parse::<usize>().ok()?)));
        match numbers {
            Some((part, of)) if part < of && of <= most => Ok(Some((part, of))),
            _ => Err(Problem::bad_request(format!(
                "`{name}={text}`: expected i/n with i from 0 to n - 1 and n at most {most}"
            ))),
        }
    }

    /// One of a few words.
    pub(super) fn choice(
        &mut self,
        name: &'static str,
        choices: &[&str],
    ) -> Result<Option<String>, Problem> {
        match self.text(name) {
            Some(text) if !choices.contains(&text.as_str()) => Err(Problem::bad_request(format!(
                "`{name}={text}`: expected one of {}",
                choices.join(", ")
            ))),
            other => Ok(other),
        }
    }

    /// All that is allowed was asked for: nothing else may be there.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some(unknown) = self.given.keys().next() else { return Ok(()) };
        let allowed = match self.allowed.is_empty() {
            true => "this route takes none".to_owned(),
            false => format!("allowed here: {}", self.allowed.join(", ")),
        };
        Err(Problem::bad_request(format!("unknown query parameter `{unknown}`; {allowed}")))
    }
}
