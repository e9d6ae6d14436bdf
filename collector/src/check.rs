//! `zonewatch-collector check TARGETS`: what a target file says, what is wrong with it, and how many agents it wants.
//!
//! [`report`] is pure text; [`run`] reads the list for it, wherever it is.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::capacity::{AGENT_CONCURRENCY, Demand};
use crate::target_file::{
    Defaults, FileError, Problem, Rejected, Secrets, Source, Target, TargetFile, Tell, show,
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

/// Reads what `source` has and reports on it: to `out`, and to `err` why it cannot be used. `tell` hears how far it is. No
/// target is kept: a list of any length fits.
///
/// # Errors
/// When `out` or `err` cannot be written.
pub async fn run(
    source: &Source,
    defaults: &Arc<Defaults>,
    secrets: &Arc<Secrets>,
    tell: Tell,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Verdict> {
    let summary = Arc::new(Mutex::new(Summary::default()));
    let summing = summary.clone();
    let take = move |target: Target| {
        summing.lock().unwrap_or_else(PoisonError::into_inner).add(&target);
    };
    match source.read_into(defaults.clone(), secrets.clone(), tell, take).await {
        Ok(file) => {
            let summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            write_report(&file, &summary, out)
        }
        Err(error) => unusable(&error, err),
    }
}

/// Tells a terminal how far a large list has been read, on one line that is gone in the end.
pub fn progress(mut err: impl Write + Send + 'static) -> Tell {
    let mut told = 0;
    Box::new(move |read, total| {
        let large = total.is_none_or(|total| total >= PROGRESS_BYTES);
        // What cannot be shown is not worth an error.
        let _nobody_looks = match (read, total) {
            (None, _) if told > 0 => write!(err, "\r\x1b[K").and_then(|()| err.flush()),
            (Some(read), total) if large && read - told >= PROGRESS_BYTES / 4 => {
                told = read;
                let of = total.map_or_else(String::new, |total| format!(" of {}", total >> 20));
                write!(err, "\rread {}{of} MiB", read >> 20).and_then(|()| err.flush())
            }
            _ => Ok(()),
        };
    })
}

/// What the targets of a list are, added up.
#[derive(Debug, Default)]
pub struct Summary {
    targets: usize,
    paused: usize,
    intervals: BTreeMap<Duration, usize>,
    vantages: BTreeMap<String, usize>,
    categories: BTreeMap<String, usize>,
    /// What the targets of every vantage have to do, and what those of one have.
    everywhere: Demand,
    named: BTreeMap<String, Demand>,
}

/// Counts one more, without a copy of a name that is there.
fn tally(counts: &mut BTreeMap<String, usize>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => _ = counts.insert(name.to_owned(), 1),
    }
}

impl Summary {
    /// Takes a target in.
    pub fn add(&mut self, target: &Target) {
        self.targets += 1;
        self.paused += usize::from(target.paused);
        *self.intervals.entry(target.interval).or_insert(0) += 1;
        tally(&mut self.categories, or_none(&target.category));
        if target.vantages.is_empty() {
            tally(&mut self.vantages, "all");
        }
        for vantage in &target.vantages {
            tally(&mut self.vantages, vantage);
        }
        if target.paused {
            return;
        }
        if target.vantages.is_empty() {
            self.everywhere.add(target.interval, target.spec.timeout);
        }
        for vantage in &target.vantages {
            let demand = self.named.entry(vantage.clone()).or_default();
            demand.add(target.interval, target.spec.timeout);
        }
    }
}

/// Writes what the file says. [`Verdict::Good`] or [`Verdict::BadRows`].
///
/// # Errors
/// When `out` cannot be written.
pub fn report(file: &TargetFile, out: &mut impl Write) -> io::Result<Verdict> {
    let mut summary = Summary::default();
    file.targets.iter().for_each(|target| summary.add(target));
    write_report(file, &summary, out)
}

fn write_report(file: &TargetFile, summary: &Summary, out: &mut impl Write) -> io::Result<Verdict> {
    writeln!(
        out,
        "{}: {}, {}, {}, {}",
        file.path,
        count(file.rows, "row"),
        count(summary.targets, "target"),
        count(file.rejected.total, "bad row"),
        count(file.warnings.len(), "warning"),
    )?;
    writeln!(out)?;
    if summary.paused > 0 {
        writeln!(out, "paused      {}, listed and not probed", summary.paused)?;
    }
    let intervals = summary.intervals.iter().map(|(interval, n)| (show(*interval), *n));
    writeln!(out, "intervals   {}", listed(intervals.collect()))?;
    let names = |counts: &BTreeMap<String, usize>| -> String {
        listed(counts.iter().map(|(name, n)| (name.as_str(), *n)).collect())
    };
    writeln!(out, "vantages    {}", names(&summary.vantages))?;
    writeln!(out, "categories  {}", names(&summary.categories))?;
    let options: Vec<_> = file.options.iter().map(|column| column.name()).collect();
    writeln!(out, "options     {}", options.join(", "))?;
    if !file.header {
        writeln!(out, "            (no header line: read as name,url,category)")?;
    }
    writeln!(out, "labels      {}", or_none(&file.labels.join(", ")))?;
    loads(summary, out)?;
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

fn loads(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let Summary { everywhere, named, .. } = summary;
    writeln!(
        out,
        "\nload at each vantage, and the agents for it if every probe takes its whole timeout, {AGENT_CONCURRENCY} at once\n\
         an agent (add those of the zone that may be lost)"
    )?;
    let other = if named.is_empty() { "every vantage" } else { "every other vantage" };
    let mut lines: Vec<(&str, Demand)> = vec![(other, *everywhere)];
    for (vantage, load) in named {
        lines.push((vantage, load.plus(*everywhere)));
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
