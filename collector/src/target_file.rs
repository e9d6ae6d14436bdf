//! The target file: CSV to [`Target`]s, and a line and a reason for every row that gives none.
//!
//! Reading is one pass and holds nothing but the result: a million rows work. A bad row costs itself only; a file that
//! gives no target at all is a [`FileError`]. Secrets are tried here and shown nowhere: messages quote no value of a
//! header or a body, and URLs only without their credentials. Start at [`read`].

mod columns;
mod defaults;
mod error;
mod fields;
mod mask;
mod pattern;
mod reload;
mod request;
mod rows;
mod secrets;
mod source;
mod target;
mod watch;

use std::collections::hash_map::Entry;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use columns::Column;
pub use defaults::{Defaults, DefaultsError, parse_default};
pub use error::{FileError, Problem};
pub(crate) use fields::show;
pub use mask::mask_url;
pub use reload::{carry_over, shrinks_too_much};
pub use secrets::{Secrets, SecretsError};
pub use source::{ASK_EVERY, Content, Health, Https, Source, Tell, Version};
pub use target::Target;
pub use watch::{HOLD, Judgement, LOOK_EVERY, Look, SETTLE, Step, Watch, Watching};

use columns::Layout;
use mask::one_line;
use rows::{Row, Rows};
use rustc_hash::FxHashMap;
use target::{BadRow, RowReader};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

/// The most rejected rows that are kept with their reasons, as the contract says; the others are counted.
pub const REJECTED_ROWS_MAX: usize = 1000;
/// The longest reason, in bytes: a few lines of a terminal.
const REASON_BYTES_MAX: usize = 500;

/// What a file says.
#[derive(Debug)]
pub struct TargetFile {
    /// Where it was read from, for messages.
    pub path: String,
    /// One a good row, in the order of the file; empty when they were handed on one by one.
    pub targets: Vec<Target>,
    /// How many rows are good.
    pub good: usize,
    /// The rows that gave none.
    pub rejected: Rejected,
    /// What is probably not meant so.
    pub warnings: Vec<Warning>,
    /// How many rows there are, good and bad, without the header and blank lines.
    pub rows: usize,
    /// Whether the first line names the columns.
    pub header: bool,
    /// A hash of its bytes: the same content has the same.
    pub content: u64,
    /// What a remote source calls this content.
    pub version: Option<Version>,
    /// The options among the columns.
    pub options: Vec<Column>,
    /// The other columns, as written.
    pub labels: Vec<String>,
    /// What every rejected row would have been called, with the number of targets before it.
    rejected_names: Vec<(usize, String)>,
}

/// The rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The first [`REJECTED_ROWS_MAX`].
    pub rows: Vec<RejectedRow>,
    /// How many there are in all.
    pub total: usize,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// The line on which it begins; the first is 1.
    pub line: u64,
    /// What it would have been called, as far as that is known.
    pub name: Option<String>,
    /// Why, on one line, without secrets.
    pub reason: String,
}

/// Something about a file that works, and was probably meant otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where, if it is about a line.
    pub line: Option<u64>,
    /// What.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl Rejected {
    fn push(&mut self, line: u64, name: Option<&str>, reason: &str) {
        self.total += 1;
        if self.rows.len() < REJECTED_ROWS_MAX {
            self.rows.push(RejectedRow {
                line,
                name: name.map(|name| one_line(name, fields::NAME_BYTES_MAX)),
                reason: one_line(reason, REASON_BYTES_MAX),
            });
        }
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// When there is no such file, it is a folder or unreadable, or as for [`read`].
pub fn read_path(
    path: &Path,
    defaults: &Defaults,
    secrets: &Secrets,
) -> Result<TargetFile, FileError> {
    read(open(path)?, &path.display().to_string(), defaults, secrets)
}

/// Opens a target file.
fn open(path: &Path) -> Result<File, FileError> {
    let problem = |problem| FileError { path: path.display().to_string(), problem };
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => problem(Problem::Missing),
        _ => problem(Problem::Unreadable(error)),
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(problem(Problem::Folder)),
        Ok(_) => Ok(file),
        Err(error) => Err(problem(Problem::Unreadable(error))),
    }
}

/// Reads a target file; `path` is what messages call it. Blocks as `input` does.
///
/// # Errors
/// When it cannot be read, is empty or no UTF-8 text, has no `url` column, has a column twice, or has no good row.
pub fn read(
    input: impl Read,
    path: &str,
    defaults: &Defaults,
    secrets: &Secrets,
) -> Result<TargetFile, FileError> {
    let mut targets = Vec::new();
    let mut file = read_into(input, path, defaults, secrets, |target| targets.push(target))?;
    file.targets = targets;
    Ok(file)
}

/// The same, with every target handed on as soon as it is read: a list of any length fits.
///
/// # Errors
/// As for [`read`]; some targets were handed on then.
pub fn read_into(
    input: impl Read,
    path: &str,
    defaults: &Defaults,
    secrets: &Secrets,
    mut take: impl FnMut(Target),
) -> Result<TargetFile, FileError> {
    read_rows(input, path, defaults, secrets, &mut take)
        .map_err(|problem| FileError { path: path.to_owned(), problem })
}

fn read_rows(
    input: impl Read,
    path: &str,
    defaults: &Defaults,
    secrets: &Secrets,
    take: &mut impl FnMut(Target),
) -> Result<TargetFile, Problem> {
    let mut content = Xxh3Default::new();
    let mut rows = Rows::new(Hashed { input, hash: &mut content }).map_err(Problem::Unreadable)?;
    check_text(rows.beginning())?;
    let Some(first) = rows.next().map_err(Problem::Unreadable)? else { return Err(Problem::Empty) };
    let mut warnings = Vec::new();
    let layout = layout(first, &mut warnings)?;
    let mut file = TargetFile {
        path: path.to_owned(),
        targets: Vec::new(),
        good: 0,
        rejected: Rejected::default(),
        warnings,
        rows: 0,
        header: layout.header,
        content: 0,
        version: None,
        options: Column::ALL.into_iter().filter(|column| layout.field(*column).is_some()).collect(),
        labels: layout.labels.iter().map(|(label, _)| label.clone()).collect(),
        rejected_names: Vec::new(),
    };
    let mut reader = RowReader::new(layout, defaults, secrets);
    let mut lines = FxHashMap::default();
    if !file.header {
        file.take(first.line, reader.read(first), &mut lines, take);
    }
    while let Some(row) = rows.next().map_err(Problem::Unreadable)? {
        file.take(row.line, reader.read(row), &mut lines, take);
    }
    drop(rows);
    file.content = content.digest();
    file.warnings.extend(reader.warning());
    if file.rows == 0 {
        return Err(Problem::NoRows);
    }
    if file.good == 0 {
        return Err(Problem::NoGoodRow(Box::new(file.rejected)));
    }
    Ok(file)
}

impl TargetFile {
    /// What every rejected row would have been called, as far as that is known.
    pub fn rejected_names(&self) -> Vec<String> {
        self.rejected_names.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Takes in what a row gave. `lines` has the line of every name so far, by the name's hash (128 bits: two names that
    /// share one are not to be met with); the first good row of a name wins.
    fn take(
        &mut self,
        line: u64,
        row: Result<Target, BadRow>,
        lines: &mut FxHashMap<u128, u64>,
        take: &mut impl FnMut(Target),
    ) {
        self.rows += 1;
        match row {
            Ok(target) => match lines.entry(xxh3_128(target.name.as_bytes())) {
                Entry::Vacant(vacant) => {
                    vacant.insert(line);
                    self.good += 1;
                    take(target);
                }
                Entry::Occupied(first) => {
                    let reason = format!(
                        "name {} is already used on line {}",
                        mask::quoted(&target.name),
                        first.get()
                    );
                    self.rejected.push(line, Some(&target.name), &reason);
                }
            },
            Err(BadRow { name, reason }) => {
                self.rejected.push(line, name.as_deref(), &reason);
                self.rejected_names.extend(name.map(|name| (self.good, name)));
            }
        }
    }
}

/// Hashes what is read from it.
struct Hashed<'a, R> {
    input: R,
    hash: &'a mut Xxh3Default,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// What the first line says; a line that cannot be read says nothing, and then the file is bad.
fn layout(first: &Row, warnings: &mut Vec<Warning>) -> Result<Layout, Problem> {
    if let Some(reason) = &first.broken {
        return Err(Problem::Header { line: first.line, reason: reason.clone() });
    }
    if !first.is_utf8() {
        return Err(Problem::NotUtf8 { line: first.line });
    }
    Layout::of(first, warnings)
}

/// Files of other kinds are told by how they begin: as rows they would give thousands of baffling reasons.
fn check_text(beginning: &[u8]) -> Result<(), Problem> {
    let kind = match beginning {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16 text",
        [b'P', b'K', 3, 4, ..] => "a zip file or a spreadsheet",
        [0x1F, 0x8B, ..] => "a gzip file",
        _ if beginning.contains(&0) => "a binary file (it holds NUL bytes)",
        _ => return Ok(()),
    };
    Err(Problem::Binary(kind))
}
