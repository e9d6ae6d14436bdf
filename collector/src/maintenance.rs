//! `--maintenance`: a TOML file of windows in which targets are expected to fail. Strict: a key that means nothing is an error
//! with its line, since a window that is silently ignored wakes somebody up.
//!
//! Nothing here decides what a window means: the core logs which targets are inside from when to when, and the log is what counts.

mod cron;
mod tell;
mod when;

use std::collections::BTreeMap;
use std::path::Path;

use proto::{TargetEntry, Timestamp};
use serde::Deserialize;

pub use tell::tell;
use when::When;

/// A file that is longer is not one of windows.
const FILE_MAX: u64 = 1 << 20;
/// Windows in a file.
const WINDOWS_MAX: usize = 1000;

/// What the file says, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintenance {
    windows: Vec<Window>,
}

/// One window, or one that comes again and again.
#[derive(Clone, Debug, PartialEq)]
struct Window {
    who: Who,
    when: When,
}

#[derive(Clone, Debug, PartialEq)]
struct Who {
    all: bool,
    targets: Vec<String>,
    categories: Vec<String>,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default)]
    window: Vec<toml::Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Row {
    /// For people.
    #[serde(default)]
    #[expect(dead_code, reason = "it names the window for whoever reads the file")]
    name: String,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    from: Option<String>,
    to: Option<String>,
    cron: Option<String>,
    duration: Option<String>,
    zone: Option<String>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// It cannot be read.
    #[error("--maintenance {path}: cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that is no window.
    #[error("--maintenance {path}:{line}: {what}")]
    Line {
        /// Which file.
        path: String,
        /// Where.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

impl Maintenance {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is no window.
    pub fn read(path: &Path) -> Result<Self, MaintenanceError> {
        let shown = path.display().to_string();
        let read = || {
            let long = std::fs::metadata(path)?.len() > FILE_MAX;
            match long {
                true => Err(std::io::Error::other("over 1 MiB")),
                false => std::fs::read_to_string(path),
            }
        };
        let text = read()
            .map_err(|source| MaintenanceError::Unreadable { path: shown.clone(), source })?;
        Self::parse(&text, &shown)
    }

    /// Understands the file's text; `path` is for errors.
    ///
    /// # Errors
    /// When something in it is no window.
    pub fn parse(text: &str, path: &str) -> Result<Self, MaintenanceError> {
        let line = |at: usize, what: String| {
            let at = at.min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            MaintenanceError::Line { path: path.to_owned(), line, what }
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            line(at, error.message().replace('\n', " "))
        })?;
        if file.window.len() > WINDOWS_MAX {
            return Err(line(0, format!("over {WINDOWS_MAX} windows")));
        }
        let window = |row: toml::Spanned<Row>| {
            let at = row.span().start;
            Window::new(row.into_inner()).map_err(|what| line(at, what))
        };
        let windows = file.window.into_iter().map(window).collect::<Result<_, _>>()?;
        Ok(Self { windows })
    }

    /// The windows that last now: each with from when until when.
    pub fn now(&self, now: Timestamp) -> Current<'_> {
        let lasting = self.windows.iter().filter_map(|window| {
            let (from, until) = window.when.around(now)?;
            Some((&window.who, from, until))
        });
        Current(lasting.collect())
    }
}

/// Windows that last.
#[derive(Debug)]
pub struct Current<'a>(Vec<(&'a Who, Timestamp, Timestamp)>);

impl Current<'_> {
    /// From when until when a target is inside; of several windows the one that lasts longest.
    pub fn of(&self, entry: &TargetEntry) -> Option<(Timestamp, Timestamp)> {
        let mine = self.0.iter().filter(|(who, ..)| who.has(entry));
        mine.map(|(_, from, until)| (*from, *until)).max_by_key(|(from, until)| (*until, *from))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Window {
    fn new(row: Row) -> Result<Self, String> {
        let Row { name: _, all, targets, categories, labels, from, to, cron, duration, zone } = row;
        if !all && targets.is_empty() && categories.is_empty() && labels.is_empty() {
            return Err(
                "a window of nobody; expected targets, categories, labels or all = true".into()
            );
        }
        let when = When::new(from, to, cron, duration, zone)?;
        Ok(Self { who: Who { all, targets, categories, labels }, when })
    }
}

impl Who {
    /// By its name, its category, or all of the labels.
    fn has(&self, entry: &TargetEntry) -> bool {
        let labelled = |(name, value): (&String, &String)| {
            entry.labels.iter().any(|(known, is)| known == name && is == value)
        };
        self.all
            || self.targets.contains(&entry.name)
            || (!entry.category.is_empty() && self.categories.contains(&entry.category))
            || (!self.labels.is_empty() && self.labels.iter().all(labelled))
    }
}

#[cfg(test)]
mod tests;
