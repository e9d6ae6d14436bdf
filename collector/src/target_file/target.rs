//! One row to one target, or the reason why not.

use std::fmt;
use std::time::Duration;

use proto::{ProbeSpec, StatusSet, TargetEntry};

use super::Warning;
use super::columns::{Column, LABEL_BYTES_MAX, LABELS_MAX, Layout};
use super::defaults::Defaults;
use super::fields::{self, NAME_BYTES_MAX, show};
use super::mask::{mask_url, quoted};
use super::pattern::Patterns;
use super::request;
use super::rows::Row;
use super::secrets::Secrets;

/// What the file says about one target, with defaults applied; secrets are names still.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Unique in the file; 1 to 255 bytes without control characters.
    pub name: String,
    /// 1 s to 24 h.
    pub interval: Duration,
    /// How it is probed; its timeout is not longer than the interval.
    pub spec: ProbeSpec,
    /// Empty when it has none.
    pub category: String,
    /// At most 32, in the order of the file; none is empty.
    pub labels: Vec<(String, String)>,
    /// Sorted, each once; empty means all.
    pub vantages: Vec<String>,
    /// Listed, not probed.
    pub paused: bool,
    /// Slower answers make it degraded.
    pub slow_after: Option<Duration>,
}

/// As the log has it.
impl From<&TargetEntry> for Target {
    fn from(entry: &TargetEntry) -> Self {
        let TargetEntry { uid: _, revision: _, name, interval, spec, category, labels, .. } = entry;
        let TargetEntry { vantages, paused, slow_after, .. } = entry;
        Self {
            name: name.clone(),
            interval: *interval,
            spec: spec.clone(),
            category: category.clone(),
            labels: labels.clone(),
            vantages: vantages.clone(),
            paused: *paused,
            slow_after: *slow_after,
        }
    }
}

/// Without secrets: the URL is masked, of headers there are the names, of the body the length.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, interval, spec, category, labels, vantages, paused, slow_after } = self;
        let headers: Vec<_> = spec.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Target")
            .field("name", name)
            .field("url", &mask_url(&spec.url))
            .field("interval", interval)
            .field("timeout", &spec.timeout)
            .field("method", &spec.method)
            .field("headers", &headers)
            .field("body_len", &spec.body.len())
            .field("expect_status", &spec.expect_status)
            .field("expect_body", &spec.expect_body)
            .field("slow_after", slow_after)
            .field("follow_redirects", &spec.follow_redirects)
            .field("tls_ca", &spec.tls_ca)
            .field("tls_verify", &spec.tls_verify)
            .field("category", category)
            .field("labels", labels)
            .field("vantages", vantages)
            .field("paused", paused)
            .finish()
    }
}

/// A row that gives no target.
pub(super) struct BadRow {
    /// What it would have been called, as far as that can be known.
    pub(super) name: Option<String>,
    pub(super) reason: String,
}

/// Turns rows into targets: what is the same for every row of a file.
pub(super) struct RowReader<'a> {
    layout: Layout,
    defaults: &'a Defaults,
    secrets: &'a Secrets,
    patterns: Patterns,
    /// Rows whose own `slow_after` is not shorter than their timeout: how many, and the line of the first.
    never_slow: (usize, u64),
}

impl<'a> RowReader<'a> {
    /// Reads rows of this layout.
    pub(super) fn new(layout: Layout, defaults: &'a Defaults, secrets: &'a Secrets) -> Self {
        Self { layout, defaults, secrets, patterns: Patterns::default(), never_slow: (0, 0) }
    }

    /// What was odd about the rows, told once.
    pub(super) fn warning(&self) -> Option<Warning> {
        let (rows, first) = self.never_slow;
        let text = format!(
            "slow_after is not shorter than the timeout, so no answer is slow ({rows} such rows)"
        );
        (rows > 0).then_some(Warning { line: Some(first), text })
    }

    /// The target of a row.
    pub(super) fn read(&mut self, row: &Row) -> Result<Target, BadRow> {
        let mut name =
            self.own(row, Column::Name).filter(|name| !name.is_empty()).map(str::to_owned);
        self.target(row, &mut name).map_err(|reason| BadRow { name, reason })
    }

    fn target(&mut self, row: &Row, name: &mut Option<String>) -> Result<Target, String> {
        if let Some(reason) = &row.broken {
            return Err(reason.clone());
        }
        if !row.is_utf8() {
            return Err("not UTF-8".into());
        }
        let (url, parsed) = match self.own(row, Column::Url) {
            Some(text) => fields::url(text)?,
            None => fields::url("")?,
        };
        let named = name.is_some();
        let name = name.get_or_insert_with(|| fields::default_name(&parsed));
        fields::plain(
            if named { "the name" } else { "the name taken from the url" },
            name,
            NAME_BYTES_MAX,
        )?;
        if row.len() > self.layout.width {
            return Err(format!(
                "{} fields; expected at most {}{}",
                row.len(),
                self.layout.width,
                if self.layout.header {
                    ", as many as the header line has"
                } else {
                    ": name,url,category"
                }
            ));
        }
        let interval = match self.option(row, Column::Interval) {
            Some(text) => fields::span("interval", text)?,
            None => self.defaults.interval(),
        };
        let timeout = self.timeout(row, interval)?;
        let category = self.option(row, Column::Category).unwrap_or_default();
        fields::plain("the category", category, LABEL_BYTES_MAX)?;
        let category = category.to_owned();
        let paused = self.flag(row, Column::Paused, false)?;
        let vantages =
            self.option(row, Column::Vantages).map_or(Ok(Vec::new()), fields::vantages)?;
        let labels = self.labels(row)?;
        let slow_after = self.slow_after(row, timeout)?;
        let spec = self.spec(row, url, timeout)?;
        Ok(Target {
            name: name.clone(),
            interval,
            spec,
            category,
            labels,
            vantages,
            paused,
            slow_after,
        })
    }

    /// A row's own timeout must fit its interval; a default gives way to it.
    fn timeout(&self, row: &Row, interval: Duration) -> Result<Duration, String> {
        let own = self.own(row, Column::Timeout).filter(|text| !text.is_empty());
        if let Some(text) = own {
            let timeout = fields::span("timeout", text)?;
            if timeout > interval {
                let (timeout, interval) = (show(timeout), show(interval));
                return Err(format!("timeout {timeout} is longer than its interval {interval}"));
            }
            return Ok(timeout);
        }
        let timeout = match self.defaults.option(Column::Timeout) {
            Some(text) => fields::span("timeout", text)?,
            None => self.defaults.timeout(),
        };
        Ok(timeout.min(interval))
    }

    fn slow_after(&mut self, row: &Row, timeout: Duration) -> Result<Option<Duration>, String> {
        let Some(text) = self.option(row, Column::SlowAfter) else { return Ok(None) };
        let slow_after = fields::duration("slow_after", text)?;
        if slow_after >= timeout
            && self.own(row, Column::SlowAfter).is_some_and(|own| !own.is_empty())
        {
            if self.never_slow.0 == 0 {
                self.never_slow.1 = row.line;
            }
            self.never_slow.0 += 1;
        }
        Ok(Some(slow_after))
    }

    fn spec(&mut self, row: &Row, url: String, timeout: Duration) -> Result<ProbeSpec, String> {
        let method = self.option(row, Column::Method).map_or(Ok("GET".into()), request::method)?;
        let headers = match self.option(row, Column::Headers) {
            Some(text) => request::headers(text, self.secrets)?,
            None => Vec::new(),
        };
        let body = match self.option(row, Column::Body) {
            Some(text) => request::body(text, self.secrets)?,
            None => Vec::new(),
        };
        let expect_status = match self.option(row, Column::ExpectStatus) {
            Some(text) => {
                StatusSet::parse(text).map_err(|error| format!("expect_status: {error}"))?
            }
            None => StatusSet::default(),
        };
        let expect_body = self.option(row, Column::ExpectBody).map(str::to_owned);
        if let Some(pattern) = &expect_body {
            let empty_will_do = self.patterns.matches_nothing(pattern)?;
            if method == "HEAD" && !empty_will_do {
                return Err("expect_body with method HEAD, whose answers have no body: it would never match".into());
            }
        }
        let tls_ca = self.option(row, Column::TlsCa).map(fields::ca_file).transpose()?;
        Ok(ProbeSpec {
            url,
            timeout,
            expect_status,
            method,
            headers,
            body,
            expect_body,
            follow_redirects: self.flag(row, Column::FollowRedirects, false)?,
            tls_ca,
            tls_verify: self.flag(row, Column::TlsVerify, true)?,
        })
    }

    fn labels(&self, row: &Row) -> Result<Vec<(String, String)>, String> {
        let mut labels = Vec::new();
        for (label, index) in &self.layout.labels {
            let value = row.field(*index).trim();
            fields::plain("the label", value, LABEL_BYTES_MAX)
                .map_err(|error| format!("column {}: {error}", quoted(label)))?;
            if !value.is_empty() {
                labels.push((label.clone(), value.to_owned()));
            }
        }
        for (label, value) in self.defaults.labels() {
            let own = labels.iter().any(|(own, _)| own.to_lowercase() == label.to_lowercase());
            if !own && !value.is_empty() {
                labels.push((label.clone(), value.clone()));
            }
        }
        if labels.len() > LABELS_MAX {
            return Err(format!(
                "{} labels, with those of --default; expected at most {LABELS_MAX}",
                labels.len()
            ));
        }
        Ok(labels)
    }

    fn flag(&self, row: &Row, column: Column, default: bool) -> Result<bool, String> {
        self.option(row, column).map_or(Ok(default), |text| fields::boolean(column.name(), text))
    }

    /// What the row itself says, if the file has the column; without the spaces round it, but for what a body or a
    /// pattern holds inside quotes.
    fn own<'r>(&self, row: &'r Row, column: Column) -> Option<&'r str> {
        let field = row.field(self.layout.field(column)?);
        let keep = matches!(column, Column::Body | Column::ExpectBody) && !field.trim().is_empty();
        Some(if keep { field } else { field.trim() })
    }

    /// What holds for the row: its own field, or the default.
    fn option<'r>(&'r self, row: &'r Row, column: Column) -> Option<&'r str> {
        self.own(row, column)
            .filter(|text| !text.is_empty())
            .or_else(|| self.defaults.option(column))
    }
}
