//! What a row says that says nothing: `--interval`, `--timeout` and `--default COLUMN=VALUE`.

use std::time::Duration;

use proto::StatusSet;

use super::columns::{Column, LABEL_BYTES_MAX, LABELS_MAX};
use super::mask::quoted;
use super::{fields, pattern, request};

/// Defaults that were checked: a row that takes one cannot be bad because of it alone (but for a secret that is missing).
#[derive(Clone, PartialEq, Eq)]
pub struct Defaults {
    interval: Duration,
    timeout: Duration,
    options: [Option<String>; Column::ALL.len()],
    labels: Vec<(String, String)>,
}

/// A default that cannot be used: a usage error.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct DefaultsError {
    /// The option of the command line, with the column that it is about.
    pub option: String,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

/// Reads the argument of `--default`: a column and a value round the first `=`.
///
/// # Errors
/// When there is no `=`.
pub fn parse_default(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, value)) => Ok((column.trim().to_owned(), value.trim().to_owned())),
        None => Err("expected COLUMN=VALUE, like expect_status=2xx".into()),
    }
}

impl Defaults {
    /// `--interval`, `--timeout` and the pairs of `--default`, of which the last of a column wins.
    ///
    /// # Errors
    /// When one is out of range, not what its column holds, or for a column that cannot have a default.
    pub fn new(
        interval: Duration,
        timeout: Duration,
        columns: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, DefaultsError> {
        let error = |option: &str| {
            let option = option.to_owned();
            move |reason| DefaultsError { option, reason }
        };
        fields::check_span("the interval", interval).map_err(error("--interval"))?;
        fields::check_span("the timeout", timeout).map_err(error("--timeout"))?;
        let mut defaults =
            Self { interval, timeout, options: Default::default(), labels: Vec::new() };
        for (column, value) in columns {
            let option = format!("--default {}", column.escape_debug());
            defaults.set(&column, value).map_err(error(&option))?;
        }
        Ok(defaults)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        if let Some(column) = Column::named(name) {
            if !value.is_empty() {
                check(column, &value)?;
            }
            self.options[column as usize] = (!value.is_empty()).then_some(value);
            return Ok(());
        }
        if let Some(column) = Column::resembling(name) {
            return Err(format!("there is no such option; did you mean `{}`?", column.name()));
        }
        if name.is_empty() {
            return Err("expected the name of a column before the `=`".into());
        }
        fields::plain("the name of a label", name, LABEL_BYTES_MAX)?;
        fields::plain("a label", &value, LABEL_BYTES_MAX)?;
        self.labels.retain(|(label, _)| !label.eq_ignore_ascii_case(name));
        if self.labels.len() == LABELS_MAX {
            return Err(format!("more than {LABELS_MAX} labels"));
        }
        self.labels.push((name.to_owned(), value));
        Ok(())
    }

    /// The interval of a row that has none, before `--default interval`.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// The timeout of a row that has none, before `--default timeout`; no longer than the row's interval.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What `--default` says of an option.
    pub(super) fn option(&self, column: Column) -> Option<&str> {
        self.options[column as usize].as_deref()
    }

    /// What `--default` says of labels.
    pub(super) fn labels(&self) -> &[(String, String)] {
        &self.labels
    }
}

/// Whether the value is one that the column may hold.
fn check(column: Column, value: &str) -> Result<(), String> {
    match column {
        Column::Name | Column::Url => {
            Err("every target has its own; expected another column".into())
        }
        Column::Category => fields::plain("category", value, LABEL_BYTES_MAX),
        Column::Interval | Column::Timeout => fields::span(column.name(), value).map(|_| ()),
        Column::Method => request::method(value).map(|_| ()),
        Column::Headers => request::check_headers(value),
        Column::Body => Ok(()),
        Column::ExpectStatus => StatusSet::parse(value)
            .map(|_| ())
            .map_err(|error| format!("{}: {error}", quoted(value))),
        Column::ExpectBody => pattern::compile(value).map(|_| ()),
        Column::SlowAfter => fields::duration(column.name(), value).map(|_| ()),
        Column::FollowRedirects | Column::TlsVerify | Column::Paused => {
            fields::boolean(column.name(), value).map(|_| ())
        }
        Column::TlsCa => fields::ca_file(value).map(|_| ()),
        Column::Vantages => fields::vantages(value).map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(columns: &[&str]) -> Result<Defaults, String> {
        let seconds = Duration::from_secs;
        let columns: Result<Vec<_>, _> = columns.iter().map(|text| parse_default(text)).collect();
        Defaults::new(seconds(600), seconds(10), columns?).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(column: &str, expected: &str) {
        assert_eq!(defaults(&[column]).err().as_deref(), Some(expected));
    }

    #[test]
    fn a_bad_default_is_named() {
        refused(
            "interval=5",
            "--default interval: interval \"5\" is not a duration; expected one like 500ms, 30s, 10m or 1h",
        );
        refused("paused=yes", "--default paused: paused \"yes\" is neither `true` nor `false`");
        refused(
            "url=http://a/",
            "--default url: every target has its own; expected another column",
        );
        refused("interval", "expected COLUMN=VALUE, like expect_status=2xx");
        refused("=x", "--default : expected the name of a column before the `=`");
        for column in ["expect_status=2", "expect_body=(", "headers=[]", "vantages=|", "method=a b"]
        {
            let error = defaults(&[column]).err().expect(column);
            assert!(error.starts_with("--default "), "{error}");
        }
    }

    #[test]
    fn a_misspelt_default_is_no_label() {
        refused(
            "intervl=5m",
            "--default intervl: there is no such option; did you mean `interval`?",
        );
    }

    #[test]
    fn an_interval_and_a_timeout_are_within_a_second_and_a_day() {
        let new = |interval, timeout| {
            let millis = Duration::from_millis;
            Defaults::new(millis(interval), millis(timeout), []).map_err(|error| error.to_string())
        };
        assert!(new(1_000, 86_400_000).is_ok());
        assert_eq!(
            new(500, 1_000).err().as_deref(),
            Some("--interval: the interval 500ms is not within 1s and 24h")
        );
        assert_eq!(
            new(1_000, 86_400_001).err().as_deref(),
            Some("--timeout: the timeout 24h 1ms is not within 1s and 24h")
        );
    }

    #[test]
    fn the_last_default_of_a_column_wins() {
        let defaults = defaults(&["category=a", "category=b", "team=x", "Team=y"]).expect("good");
        assert_eq!(defaults.option(Column::Category), Some("b"));
        assert_eq!(defaults.labels(), [("Team".into(), "y".into())]);
    }
}
