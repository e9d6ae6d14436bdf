//! Who is inside which window, and when.

use std::time::Duration;

use proto::{ProbeSpec, Uid};

use super::*;

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().expect("an instant");
    Timestamp::from_millis(at.as_millisecond())
}

fn entry(name: &str, category: &str, labels: &[(&str, &str)]) -> TargetEntry {
    let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    TargetEntry {
        uid: Uid(1),
        name: name.into(),
        revision: 1,
        interval: Duration::from_secs(60),
        spec: ProbeSpec::get("http://x.test/"),
        category: category.into(),
        labels: labels.iter().map(label).collect(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    }
}

fn parsed(text: &str) -> Maintenance {
    Maintenance::parse(text, "m.toml").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn targets_are_inside_by_name_by_category_or_by_all_of_the_labels() {
    let window = "from = \"2026-03-01T08:00:00Z\"\nto = \"2026-03-01T10:00:00Z\"\n";
    let with = |who: &str| parsed(&format!("[[window]]\n{who}\n{window}"));
    let now = at("2026-03-01T09:00:00Z");
    let shop = entry("shop", "Shops", &[("team", "a"), ("tier", "1")]);
    for (who, inside) in [
        ("targets = [\"shop\"]", true),
        ("targets = [\"other\"]", false),
        ("categories = [\"Shops\"]", true),
        ("categories = [\"\"]", false),
        ("labels = { team = \"a\", tier = \"1\" }", true),
        ("labels = { team = \"a\", tier = \"2\" }", false),
        ("all = true", true),
    ] {
        assert_eq!(with(who).now(now).of(&shop).is_some(), inside, "{who}");
    }
    let all = with("all = true");
    let span = (at("2026-03-01T08:00:00Z"), at("2026-03-01T10:00:00Z"));
    assert_eq!(all.now(now).of(&shop), Some(span));
    assert!(all.now(at("2026-03-01T10:00:00Z")).is_empty());
    assert!(all.now(at("2026-03-01T07:59:59Z")).is_empty());
}

#[test]
fn a_window_that_comes_again_does_so_by_the_clock_of_its_place() {
    let weekly = parsed(
        "[[window]]\nall = true\ncron = \"30 2 * * 0\"\nduration = \"2h\"\nzone = \"Europe/Berlin\"\n",
    );
    let shop = entry("shop", "", &[]);
    let span = |now: &str| weekly.now(at(now)).of(&shop);
    // Sunday, 02:30 in Berlin: 01:30 UTC in winter, 00:30 in summer.
    assert_eq!(span("2026-03-01T01:29:59Z"), None);
    let winter = (at("2026-03-01T01:30:00Z"), at("2026-03-01T03:30:00Z"));
    assert_eq!(span("2026-03-01T01:30:00Z"), Some(winter));
    assert_eq!(span("2026-03-01T03:29:59Z"), Some(winter));
    assert_eq!(span("2026-03-01T03:30:00Z"), None);
    assert_eq!(span("2026-07-05T00:30:00Z").map(|span| span.0), Some(at("2026-07-05T00:30:00Z")));
    assert_eq!(span("2026-03-02T01:45:00Z"), None, "a Monday");
}

#[test]
fn days_of_the_month_and_of_the_week_are_alternatives_and_steps_and_lists_work() {
    let begins = |cron: &str, now: &str| {
        let text = format!("[[window]]\nall = true\ncron = \"{cron}\"\nduration = \"1m\"\n");
        !parsed(&text).now(at(now)).is_empty()
    };
    assert!(begins("*/15 * * * *", "2026-03-01T09:45:00Z"));
    assert!(!begins("*/15 * * * *", "2026-03-01T09:46:00Z"));
    assert!(begins("0 8-18/5,23 * * *", "2026-03-01T13:00:00Z"));
    assert!(begins("0 8-18/5,23 * * *", "2026-03-01T23:00:00Z"));
    assert!(!begins("0 8-18/5,23 * * *", "2026-03-01T14:00:00Z"));
    assert!(begins("0 0 13 * 5", "2026-03-06T00:00:00Z"), "a Friday");
    assert!(begins("0 0 13 * 5", "2026-04-13T00:00:00Z"), "the 13th");
    assert!(!begins("0 0 13 * *", "2026-03-06T00:00:00Z"));
    assert!(begins("0 0 * * 7", "2026-03-01T00:00:00Z"), "Sunday is 0 and 7");
}

#[test]
fn what_is_no_window_is_an_error_with_its_line() {
    let once = "from = \"2026-03-01T08:00:00Z\"\nto = \"2026-03-01T10:00:00Z\"";
    for (text, line, what) in [
        (format!("[[window]]\n{once}\n"), 1, "a window of nobody"),
        (format!("\n[[window]]\nal = true\n{once}\n"), 3, "unknown field `al`"),
        (
            "[[window]]\nall = true\nfrom = \"2026-03-01T08:00:00Z\"\n".into(),
            1,
            "`from` and `to`, or",
        ),
        ("[[window]]\nall = true\nfrom = \"x\"\nto = \"y\"\n".into(), 1, "expected a time like"),
        (
            "[[window]]\nall = true\ncron = \"61 * * * *\"\nduration = \"1h\"\n".into(),
            1,
            "from 0 to 59",
        ),
        (
            "[[window]]\nall = true\ncron = \"0 2 * *\"\nduration = \"1h\"\n".into(),
            1,
            "five fields",
        ),
        (
            "[[window]]\nall = true\ncron = \"0 2 * * *\"\nduration = \"30d\"\n".into(),
            1,
            "1m to 7d",
        ),
        (format!("[[window]]\nall = true\nzone = \"Mars/Base\"\n{once}\n"), 1, "no such time zone"),
    ] {
        let error = Maintenance::parse(&text, "m.toml").expect_err(&text).to_string();
        assert!(error.starts_with(&format!("--maintenance m.toml:{line}: ")), "{error}");
        assert!(error.contains(what), "{error}");
    }
}
