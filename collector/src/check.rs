//! `zonewatch-collector check TARGETS`: what a target file says, what is wrong with it, and how many agents it wants.
//!
//! [`report`] is pure text; [`run`] reads the file for it and shows progress.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::capacity::{AGENT_CONCURRENCY, Demand};
use crate::target_file::{
    Defaults, FileError, Problem, Rejected, Secrets, Target, TargetFile, open, read, show,
};

/// The most values of one kind that are listed; the others are counted.
const LISTED_MAX: usize = 10;
/// Files that are read in a moment need no progress.
const PROGRESS_BYTES: u64 = 16 << 20;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every row is a target.
    Good,
    /// Some rows were left out.
    BadRows,
    /// The file gives no target.
    Unusable,
}

impl Verdict {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::BadRows => 1,
            Self::Unusable => 2,
        }
    }
}

/// Reads the file at `path` and reports on it: to `out`, and to `err` why it cannot be used; with `progress` (`err` is a
/// terminal) also how far it is.
///
/// # Errors
/// When `out` or `err` cannot be written.
pub fn run(
    path: &Path,
    defaults: &Defaults,
    secrets: &Secrets,
    out: &mut impl Write,
    err: &mut impl Write,
    progress: bool,
) -> io::Result<Verdict> {
    let file = open(path).and_then(|file| {
        let total = file.metadata().map_or(0, |metadata| metadata.len());
        let shown = progress && total >= PROGRESS_BYTES;
        let input =
            Progress { input: file, read: 0, told: 0, total, err: shown.then_some(&mut *err) };
        read(input, &path.display().to_string(), defaults, secrets)
    });
    match file {
        Ok(file) => report(&file, out),
        Err(error) => unusable(&error, err),
    }
}

/// Writes what the file says. [`Verdict::Good`] or [`Verdict::BadRows`].
///
/// # Errors
/// When `out` cannot be written.
pub fn report(file: &TargetFile, out: &mut impl Write) -> io::Result<Verdict> {
    let targets = &file.targets;
    let paused = targets.iter().filter(|target| target.paused).count();
    writeln!(
        out,
        "{}: {}, {}, {}, {}",
        file.path,
        count(file.rows, "row"),
        count(targets.len(), "target"),
        count(file.rejected.total, "bad row"),
        count(file.warnings.len(), "warning"),
    )?;
    writeln!(out)?;
    if paused > 0 {
        writeln!(out, "paused      {paused}, listed and not probed")?;
    }
    let mut intervals = BTreeMap::new();
    let mut vantages = BTreeMap::new();
    let mut categories = BTreeMap::new();
    for target in targets {
        *intervals.entry(target.interval).or_insert(0) += 1;
        *categories.entry(or_none(&target.category)).or_insert(0) += 1;
        if target.vantages.is_empty() {
            *vantages.entry("all").or_insert(0) += 1;
        }
        for vantage in &target.vantages {
            *vantages.entry(vantage.as_str()).or_insert(0) += 1;
        }
    }
    let intervals = intervals.into_iter().map(|(interval, n)| (show(interval), n));
    writeln!(out, "intervals   {}", listed(intervals.collect()))?;
    writeln!(out, "vantages    {}", listed(vantages.into_iter().collect()))?;
    writeln!(out, "categories  {}", listed(categories.into_iter().collect()))?;
    let options: Vec<_> = file.options.iter().map(|column| column.name()).collect();
    writeln!(out, "options     {}", options.join(", "))?;
    if !file.header {
        writeln!(out, "            (no header line: read as name,url,category)")?;
    }
    writeln!(out, "labels      {}", or_none(&file.labels.join(", ")))?;
    loads(targets, out)?;
    if !file.warnings.is_empty() {
        writeln!(out, "\nwarnings")?;
    }
    for warning in &file.warnings {
        let line = warning.line.map_or_else(String::new, |line| format!(":{line}"));
        writeln!(out, "  {}{line}: {}", file.path, warning.text)?;
    }
    rejected(&file.path, &file.rejected, out)?;
    Ok(if file.rejected.total == 0 { Verdict::Good } else { Verdict::BadRows })
}

/// Writes why the file cannot be used.
///
/// # Errors
/// When `err` cannot be written.
pub fn unusable(error: &FileError, err: &mut impl Write) -> io::Result<Verdict> {
    writeln!(err, "{error}")?;
    if let Problem::NoGoodRow(rows) = &error.problem {
        rejected(&error.path, rows, err)?;
    }
    Ok(Verdict::Unusable)
}

fn rejected(path: &str, rejected: &Rejected, out: &mut impl Write) -> io::Result<()> {
    if rejected.total == 0 {
        return Ok(());
    }
    writeln!(out, "\nbad rows, left out")?;
    for row in &rejected.rows {
        writeln!(out, "  {path}:{}: {}", row.line, row.reason)?;
    }
    match rejected.total - rejected.rows.len() {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn loads(targets: &[Target], out: &mut impl Write) -> io::Result<()> {
    let mut everywhere = Demand::default();
    let mut named: BTreeMap<&str, Demand> = BTreeMap::new();
    for target in targets.iter().filter(|target| !target.paused) {
        let (interval, timeout) = (target.interval, target.spec.timeout);
        if target.vantages.is_empty() {
            everywhere.add(interval, timeout);
        }
        for vantage in &target.vantages {
            named.entry(vantage).or_default().add(interval, timeout);
        }
    }
    writeln!(
        out,
        "\nload at each vantage, and the agents for it if every probe takes its whole timeout, {AGENT_CONCURRENCY} at once\n\
         an agent (add those of the zone that may be lost)"
    )?;
    let other = if named.is_empty() { "every vantage" } else { "every other vantage" };
    let mut lines: Vec<(&str, Demand)> = vec![(other, everywhere)];
    for (vantage, load) in &named {
        lines.push((vantage, load.plus(everywhere)));
    }
    lines.sort_by(|(_, a), (_, b)| b.busy.total_cmp(&a.busy));
    for (vantage, load) in lines.iter().take(LISTED_MAX) {
        writeln!(
            out,
            "  {vantage}: {}, up to {} at once: {}",
            rate(load.rate),
            load.at_once(),
            count(load.agents(f64::from(AGENT_CONCURRENCY)) as usize, "agent"),
        )?;
    }
    match lines.len().saturating_sub(LISTED_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  and {} with less to do", count(more, "vantage")),
    }
}

/// Probes a second, or over a time in which there is one.
fn rate(a_second: f64) -> String {
    let spans = [("a second", 1.0), ("a minute", 60.0), ("an hour", 3600.0)];
    let readable = spans.into_iter().find(|(_, seconds)| a_second * seconds >= 1.0);
    let (span, seconds) = readable.unwrap_or(("a day", 86_400.0));
    format!("{:.1} probes {span}", a_second * seconds)
}

/// The most frequent first, and how many others there are.
fn listed(mut counts: Vec<(impl AsRef<str>, usize)>) -> String {
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut shown: Vec<_> = counts
        .iter()
        .take(LISTED_MAX)
        .map(|(value, count)| format!("{}: {count}", value.as_ref()))
        .collect();
    if counts.len() > LISTED_MAX {
        shown.push(format!("and {} more", counts.len() - LISTED_MAX));
    }
    shown.join(", ")
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Tells a terminal how far a large file has been read.
struct Progress<'a, R, W> {
    input: R,
    read: u64,
    told: u64,
    total: u64,
    err: Option<&'a mut W>,
}

impl<R: Read, W: Write> Read for Progress<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read += read as u64;
        if let Some(err) = &mut self.err {
            if read == 0 {
                write!(err, "\r\x1b[K")?;
            } else if self.read - self.told >= PROGRESS_BYTES / 4 {
                self.told = self.read;
                write!(err, "\rread {} of {} MiB", self.read >> 20, self.total >> 20)?;
                err.flush()?;
            }
        }
        Ok(read)
    }
}
