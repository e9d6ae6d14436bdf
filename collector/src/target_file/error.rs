//! Why a target file cannot be used at all. A bad row is none of these: see [`super::Rejected`].

use super::Rejected;
use super::columns::{LABEL_BYTES_MAX, LABELS_MAX};

/// A file that gives no targets: what is wrong, where, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct FileError {
    /// The path, or whatever else the file was read from.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

impl FileError {
    /// Whether nothing is known of the content: the way to it failed, and it may be as it was.
    pub fn is_outage(&self) -> bool {
        matches!(self.problem, Problem::Unfetched(_) | Problem::Unreadable(_))
    }
}

/// What is wrong with a target file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is none.
    #[error("no such file; expected a CSV file with a `url` column")]
    Missing,
    /// It is a folder.
    #[error("is a folder; expected a CSV file with a `url` column")]
    Folder,
    /// It could not be read, or not to its end.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Its server does not give it.
    #[error("cannot be fetched: {0}")]
    Unfetched(String),
    /// Nothing is in it.
    #[error("is empty; expected a CSV file with a `url` column")]
    Empty,
    /// Some other kind of file.
    #[error("is {0}; expected a CSV file in UTF-8")]
    Binary(&'static str),
    /// The first line is not text.
    #[error("line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The line.
        line: u64,
    },
    /// The first line cannot be split into fields.
    #[error("line {line}, where the columns are named: {reason}")]
    Header {
        /// The line.
        line: u64,
        /// Why.
        reason: String,
    },
    /// The first line names other columns.
    #[error("no `url` column; line {line} has {found}{hint}")]
    NoUrlColumn {
        /// The line.
        line: u64,
        /// Its fields.
        found: String,
        /// What it may have been meant to be.
        hint: &'static str,
    },
    /// A column is there twice: which counts cannot be known.
    #[error("column {column} is there twice, as columns {first} and {second}; expected each once")]
    DuplicateColumn {
        /// Its name, in quotes.
        column: String,
        /// Where, from 1.
        first: usize,
        /// And again.
        second: usize,
    },
    /// A column's name cannot be a label's.
    #[error(
        "the name of column {column} is longer than {LABEL_BYTES_MAX} bytes or has a control character"
    )]
    BadLabel {
        /// Which, from 1.
        column: usize,
    },
    /// More columns than targets may have labels.
    #[error(
        "more than {LABELS_MAX} columns are no options, and so labels; expected at most that many"
    )]
    TooManyLabels,
    /// A header and nothing below it.
    #[error("has a header line and no rows")]
    NoRows,
    /// Not one row can be used.
    #[error("none of its {} rows can be used; the first: {}", .0.total, first(.0))]
    NoGoodRow(Box<Rejected>),
}

fn first(rejected: &Rejected) -> String {
    rejected
        .rows
        .first()
        .map_or_else(String::new, |row| format!("line {}: {}", row.line, row.reason))
}
