//! What `check` prints.

use std::sync::{Arc, Mutex};

use collector::check::{Verdict, progress, report, run, unusable};
use collector::target_file::Source;

use super::{defaults, good, read_text, secrets};

#[track_caller]
fn check(text: &str, verdict: Verdict, expected: &str) {
    let mut out = Vec::new();
    let seen = report(&good(text), &mut out).expect("a vector takes it");
    assert_eq!(String::from_utf8(out).expect("text"), expected);
    assert_eq!(seen, verdict);
}

#[test]
fn a_good_file_is_summarised() {
    check(
        "name,url,category,interval,vantages,paused,team\n\
         a,http://a/,News,10s,,,web\nb,http://b/,News,,eu,,\nc,http://c/,,,,true,\n",
        Verdict::Good,
        "\
t.csv: 3 rows, 3 targets, 0 bad rows, 0 warnings

paused      1, listed and not probed
intervals   10m: 2, 10s: 1
vantages    all: 2, eu: 1
categories  News: 2, none: 1
options     name, url, category, interval, vantages, paused
labels      team

load at each vantage, and the agents for it if every probe takes its whole timeout, 1000 at once
an agent (add those of the zone that may be lost)
  eu: 6.1 probes a minute, up to 2 at once: 1 agent
  every other vantage: 6.0 probes a minute, up to 1 at once: 1 agent
",
    );
}

#[test]
fn bad_rows_and_warnings_have_their_file_and_line() {
    check(
        "a,http://a/\nb,ftp://b\n",
        Verdict::BadRows,
        "\
t.csv: 2 rows, 1 target, 1 bad row, 0 warnings

intervals   10m: 1
vantages    all: 1
categories  none: 1
options     name, url, category
            (no header line: read as name,url,category)
labels      none

load at each vantage, and the agents for it if every probe takes its whole timeout, 1000 at once
an agent (add those of the zone that may be lost)
  every vantage: 6.0 probes an hour, up to 1 at once: 1 agent

bad rows, left out
  t.csv:2: \"ftp://b\" is not an http or https URL
",
    );
    let mut out = Vec::new();
    report(&good("url,intervall\nhttp://a/,1m\n"), &mut out).expect("a vector takes it");
    let out = String::from_utf8(out).expect("text");
    assert!(
        out.contains(
            "\nwarnings\n  t.csv:1: column \"intervall\" is a label; did you mean `interval`?\n"
        ),
        "{out}"
    );
}

#[test]
fn a_list_that_one_agent_cannot_carry_says_how_many_can() {
    let rows: String = (0..150_000).map(|n| format!("n{n},http://a/,,1m\n")).collect();
    let mut out = Vec::new();
    let file = good(format!("name,url,category,interval\n{rows}"));
    report(&file, &mut out).expect("a vector takes it");
    let out = String::from_utf8(out).expect("text");
    // 150,000 a minute are 2,500 a second; at a timeout of 10 s an agent carries 100 a second.
    assert!(out.contains("2500.0 probes a second, up to 25000 at once: 25 agents"), "{out}");
}

#[test]
fn what_is_past_the_first_thousand_is_counted() {
    let mut out = Vec::new();
    let file = good(format!("name,url\na,http://a/\n{}", "b,x\n".repeat(1005)));
    report(&file, &mut out).expect("a vector takes it");
    let out = String::from_utf8(out).expect("text");
    assert!(out.ends_with("\n  and 5 more\n"), "{out}");
    assert_eq!(out.matches("is not an http or https URL").count(), 1000);
}

#[test]
fn an_unusable_file_is_told_with_every_reason_and_exits_with_2() {
    let error = read_text("url\nx\ny\n", &[]).map(|file| file.rows).expect_err("no good row");
    let mut err = Vec::new();
    let verdict = unusable(&error, &mut err).expect("a vector takes it");
    assert_eq!((verdict, verdict.exit_code()), (Verdict::Unusable, 2));
    let err = String::from_utf8(err).expect("text");
    assert!(err.contains("  t.csv:3: \"y\" is not an http or https URL\n"), "{err}");
}

#[tokio::test]
async fn a_path_is_checked_and_the_exit_code_says_how_it_went() {
    let folder = tempfile::tempdir().expect("a folder");
    let exit_code = async |name: &str, text: Option<&str>| {
        let path = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).expect("written");
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (source, tell) = (Source::File(path), progress(std::io::sink()));
        let (defaults, secrets) = (Arc::new(defaults(&[])), Arc::new(secrets()));
        let verdict = run(&source, &defaults, &secrets, tell, &mut out, &mut err).await;
        let code = verdict.expect("vectors take it").exit_code();
        assert_eq!(code == 2, out.is_empty(), "{name}");
        assert_eq!(code == 2, !err.is_empty(), "{name}");
        code
    };
    assert_eq!(exit_code("good.csv", Some("a,http://a/\n")).await, 0);
    assert_eq!(exit_code("rows.csv", Some("a,http://a/\nb,x\n")).await, 1);
    assert_eq!(exit_code("empty.csv", Some("")).await, 2);
    assert_eq!(exit_code("none.csv", None).await, 2);
}

/// What a terminal was shown.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn progress_on_a_large_file_is_told_and_wiped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.csv");
    let filler = format!("b,{}\n", "x".repeat(500_000));
    std::fs::write(&path, format!("a,http://a/\n{}", filler.repeat(40))).expect("written");
    let screen = Screen::default();
    let (source, tell) = (Source::File(path), progress(screen.clone()));
    let (defaults, secrets) = (Arc::new(defaults(&[])), Arc::new(secrets()));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let verdict = run(&source, &defaults, &secrets, tell, &mut out, &mut err).await;
    assert_eq!(verdict.expect("vectors take it"), Verdict::BadRows);
    let shown = screen.0.lock().expect("not poisoned").clone();
    let shown = String::from_utf8(shown).expect("text");
    assert!(shown.starts_with("\rread 4 of 19 MiB") && shown.ends_with("\r\u{1b}[K"), "{shown:?}");
}
