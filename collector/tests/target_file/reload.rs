//! What a reload keeps of the file before.

use collector::target_file::{carry_over, shrinks_too_much};

use super::{good, story};

#[track_caller]
fn check(before: &str, after: &str, expected: &[&str]) {
    let (before, after) = (good(before), good(after));
    let merged = carry_over(after, &before.targets);
    let targets: Vec<_> = merged.targets.iter().map(super::line).collect();
    let rejected = merged.rejected.rows.iter().map(|row| format!("!{}: {}", row.line, row.reason));
    let seen: Vec<_> = targets.into_iter().chain(rejected).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_bad_row_keeps_the_last_good_row_of_its_name_in_its_place() {
    check(
        "name,url\na,http://a/\nb,http://b/\nc,http://c/\n",
        "name,url\na,http://a2/\nb,oops\nc,http://c2/\nd,oops\n",
        &[
            "a http://a2/",
            "b http://b/",
            "c http://c2/",
            "!3: \"oops\" is not an http or https URL; keeping the previous row",
            "!5: \"oops\" is not an http or https URL",
        ],
    );
}

#[test]
fn a_name_that_another_row_gives_keeps_nothing() {
    check(
        "name,url\na,http://a/\n",
        "name,url\na,oops\na,http://a2/\na,http://a3/\n",
        &[
            "a http://a2/",
            "!2: \"oops\" is not an http or https URL",
            "!4: name \"a\" is already used on line 3",
        ],
    );
}

#[test]
fn two_bad_rows_of_a_name_keep_it_once() {
    check(
        "name,url\na,http://a/\nb,http://b/\n",
        "name,url\na,oops\nb,http://b/\na,oops\n",
        &[
            "a http://a/",
            "b http://b/",
            "!2: \"oops\" is not an http or https URL; keeping the previous row",
            "!4: \"oops\" is not an http or https URL; keeping the previous row",
        ],
    );
}

#[test]
fn a_row_that_cannot_be_split_keeps_its_name_too() {
    check(
        "name,url\na,http://a/\nb,http://b/\n",
        "name,url\na,\"http://a/\nb,http://b2/\n",
        &[
            "a http://a/",
            "b http://b2/",
            "!2: the quote on line 2 is never closed; keeping the previous row",
        ],
    );
}

#[test]
fn every_bad_row_keeps_its_target_also_past_those_that_are_reported() {
    let rows = |url: &str| (0..2000).map(|n| format!("t{n},{url}\n")).collect::<String>();
    let before = good(format!("name,url\nok,http://ok/\n{}", rows("http://a/")));
    let after = good(format!("name,url\nok,http://ok/\n{}", rows("oops")));
    assert_eq!(after.targets.len(), 1);
    let merged = carry_over(after, &before.targets);
    assert_eq!(merged.targets, before.targets);
    assert_eq!(merged.rejected.total, 2000);
}

#[test]
fn a_file_that_loses_over_thirty_percent_shrinks_too_much() {
    assert!(!shrinks_too_much(100, 70));
    assert!(shrinks_too_much(100, 69));
    assert!(!shrinks_too_much(10, 7));
    assert!(shrinks_too_much(3, 2));
    assert!(!shrinks_too_much(0, 0));
    assert!(!shrinks_too_much(5, 5));
}

#[test]
fn without_bad_rows_nothing_is_carried_over() {
    let before = good("name,url\na,http://a/\nb,http://b/\n");
    let after = good("name,url\na,http://a/\n");
    assert_eq!(story(&carry_over(after, &before.targets)), "a http://a/");
}
