//! The target file as the documentation has it: every column, default and rule, one sentence each.

mod columns;
mod files;
mod reload;
mod rows;
mod summary;
mod watching;

use std::fmt::Write as _;
use std::time::Duration;

use collector::target_file::{
    Defaults, FileError, Secrets, Target, TargetFile, parse_default, read,
};
use proto::ProbeSpec;

fn defaults(columns: &[&str]) -> Defaults {
    let columns = columns.iter().map(|text| parse_default(text).expect("COLUMN=VALUE"));
    Defaults::new(Duration::from_secs(600), Duration::from_secs(10), columns)
        .expect("good defaults")
}

fn secrets() -> Secrets {
    let pairs = [("TOKEN", "s3cr3t"), ("NEWLINE", "a\nb")];
    Secrets::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn read_text(text: impl AsRef<[u8]>, columns: &[&str]) -> Result<TargetFile, FileError> {
    read(text.as_ref(), "t.csv", &defaults(columns), &secrets())
}

#[track_caller]
fn good(text: impl AsRef<[u8]>) -> TargetFile {
    read_text(text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// A target as one line: what is not as usual.
fn line(target: &Target) -> String {
    let Target { name, interval, spec, category, labels, vantages, paused, slow_after } = target;
    let usual = ProbeSpec::get(&spec.url);
    let mut line = format!("{name} {}", spec.url);
    let mut add = |unusual: bool, text: String| {
        if unusual {
            write!(line, " {text}").expect("a string takes it");
        }
    };
    let show = |duration: Duration| humantime::format_duration(duration).to_string();
    add(!category.is_empty(), format!("[{category}]"));
    add(*interval != Duration::from_secs(600), format!("every={}", show(*interval)));
    add(spec.timeout != usual.timeout, format!("timeout={}", show(spec.timeout)));
    add(spec.method != usual.method, spec.method.clone());
    add(!spec.headers.is_empty(), format!("headers={:?}", spec.headers));
    add(!spec.body.is_empty(), format!("body={:?}", String::from_utf8_lossy(&spec.body)));
    add(
        spec.expect_status != usual.expect_status,
        format!("status={:?}", spec.expect_status.ranges()),
    );
    add(
        spec.expect_body.is_some(),
        format!("match={}", spec.expect_body.clone().unwrap_or_default()),
    );
    add(slow_after.is_some(), format!("slow={}", show(slow_after.unwrap_or_default())));
    add(spec.follow_redirects, "follow".into());
    add(spec.tls_ca.is_some(), format!("ca={}", spec.tls_ca.clone().unwrap_or_default()));
    add(!spec.tls_verify, "insecure".into());
    add(!vantages.is_empty(), format!("from={}", vantages.join("+")));
    add(*paused, "paused".into());
    add(!labels.is_empty(), format!("labels={labels:?}"));
    line
}

/// Everything that a file says: its targets, then `!line: reason` of its bad rows, then `?warning`.
fn story(file: &TargetFile) -> String {
    assert_eq!(file.rows, file.targets.len() + file.rejected.total);
    let targets = file.targets.iter().map(line);
    let rejected = file.rejected.rows.iter().map(|row| format!("!{}: {}", row.line, row.reason));
    let warnings = file.warnings.iter().map(|warning| format!("?{warning}"));
    targets.chain(rejected).chain(warnings).collect::<Vec<_>>().join("\n")
}

/// Reads a file and compares all that it says.
#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(story(&good(text)), expected.join("\n"));
}

/// Reads a file with `--default`s.
#[track_caller]
fn check_with(columns: &[&str], text: &str, expected: &[&str]) {
    let file = read_text(text, columns).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(story(&file), expected.join("\n"));
}

/// A row with one field of its own is bad for this reason. A good row stands before it.
#[track_caller]
fn bad(column: &str, field: &str, reason: &str) {
    let field = field.replace('"', "\"\"");
    let text = format!("name,url,{column}\nok,http://ok/\na,http://a/,\"{field}\"\n");
    check(text, &["ok http://ok/", &format!("!3: {reason}")]);
}

/// A row with one field of its own is a good one: what follows its name and URL.
#[track_caller]
fn value(column: &str, field: &str, expected: &str) {
    let field = field.replace('"', "\"\"");
    let expected = format!("a http://a/ {expected}");
    check(format!("name,url,{column}\na,http://a/,\"{field}\"\n"), &[expected.trim_end()]);
}

/// The file gives no targets, and says so.
#[track_caller]
fn unusable(text: impl AsRef<[u8]>, expected: &str) {
    let error = read_text(text, &[]).map(|file| story(&file)).expect_err("it cannot be used");
    assert_eq!(error.to_string(), format!("t.csv: {expected}"));
}
