//! Rows: names, URLs, and what makes one bad.

use collector::target_file::REJECTED_ROWS_MAX;
use proptest::prelude::*;

use super::{check, good, read_text};

#[track_caller]
fn bad_url(url: &str, reason: &str) {
    check(
        format!("name,url\nok,http://ok/\na,{url}\n"),
        &["ok http://ok/", &format!("!3: {reason}")],
    );
}

#[test]
fn the_sample_of_the_first_version_works_as_it_stands() {
    check(
        "google, <https://www.google.com>\nsph, <https://www.sph.com.sg>\n",
        &["google https://www.google.com", "sph https://www.sph.com.sg"],
    );
}

#[test]
fn a_file_without_a_header_is_name_url_category() {
    check(
        "a,http://a/\nb,http://b/,News\nc,http://c/,News,more\n",
        &[
            "a http://a/",
            "b http://b/ [News]",
            "!3: 4 fields; expected at most 3: name,url,category",
        ],
    );
}

#[test]
fn columns_come_in_any_order_and_any_case() {
    check("CATEGORY, Url ,nAmE\nNews,http://a/,x\n", &["x http://a/ [News]"]);
}

#[test]
fn spaces_and_angle_brackets_round_a_url_are_dropped() {
    check("url\n  < https://a/x >  \n\"<http://b/>\"\n", &["a/x https://a/x", "b http://b/"]);
}

#[test]
fn a_name_left_out_is_host_and_path() {
    check(
        "name,url\n,http://www.trip.com/\n,https://e.com/a/?q=1\n",
        &["www.trip.com http://www.trip.com/", "e.com/a/ https://e.com/a/?q=1"],
    );
}

#[test]
fn the_first_good_row_of_a_name_wins() {
    check(
        "name,url\nb,ftp://b/\na,http://1/\na,http://2/\nb,http://3/\n",
        &[
            "a http://1/",
            "b http://3/",
            "!2: \"ftp://b/\" is not an http or https URL",
            "!4: name \"a\" is already used on line 3",
        ],
    );
}

#[test]
fn names_that_urls_give_must_be_unique_too() {
    check(
        "url\nhttp://a/x?1\nhttps://a/x?2\n",
        &["a/x http://a/x?1", "!3: name \"a/x\" is already used on line 2"],
    );
}

#[test]
fn a_name_is_at_most_255_bytes_without_control_characters() {
    let (fits, long) = ("x".repeat(255), "x".repeat(256));
    check(
        format!(
            "name,url\n{fits},http://a/\n{long},http://b/\n\"c\td\",http://c/\n,http://d/{long}\n"
        ),
        &[
            &format!("{fits} http://a/"),
            "!3: the name is 256 bytes long; expected at most 255",
            "!4: the name \"c\\td\" has a control character in it",
            "!5: the name taken from the url is 258 bytes long; expected at most 255",
        ],
    );
}

#[test]
fn a_url_is_http_or_https_and_has_a_host() {
    bad_url("ftp://x", "\"ftp://x\" is not an http or https URL");
    bad_url("www.example.com", "\"www.example.com\" is not an http or https URL");
    bad_url("http:x", "\"http:x\" is not an http or https URL");
    bad_url("", "no url; expected one that begins with http:// or https://");
    bad_url("http://", "\"http://\" is not a URL: empty host");
    bad_url("http://a:99999/", "\"http://a:99999/\" is not a URL: invalid port number");
    bad_url("http://a b/", "\"http://a b/\" is not a URL: invalid international domain name");
    bad_url("\"http://a/\nb\"", "\"http://a/\\nb\" has a control character in it");
}

#[test]
fn a_url_with_what_urls_may_not_hold_is_written_as_it_is_sent() {
    check(
        "name,url\na,http://bücher.de/a b\nb,http://b/%20?x[]=1\n",
        &["a http://xn--bcher-kva.de/a%20b", "b http://b/%20?x[]=1"],
    );
}

#[test]
fn a_url_is_at_most_8_kib() {
    let fits = format!("http://a/?{}", "x".repeat(8192 - 10));
    check(
        format!("name,url\na,{fits}\nb,{fits}x\n"),
        &[&format!("a {fits}"), "!3: the url is 8193 bytes long; expected at most 8192"],
    );
}

#[test]
fn credentials_stay_in_the_url_and_out_of_every_message() {
    bad_url("ftp://me:hunter2@x/", "\"ftp://***@x/\" is not an http or https URL");
    bad_url("http://me:hunter2@", "\"http://***@\" is not a URL: empty host");
    let file = good(
        "name,url,headers,body\na,http://me:hunter2@x/,\"{\"\"A\"\":\"\"${TOKEN}\"\"}\",${TOKEN}\n",
    );
    assert_eq!(file.targets[0].spec.url, "http://me:hunter2@x/");
    let debug = format!("{file:?}");
    assert!(debug.contains("http://***@x/"), "{debug}");
    assert!(!debug.contains("hunter2") && !debug.contains("s3cr3t"), "{debug}");
}

#[test]
fn fields_left_out_at_the_end_take_defaults_and_more_than_the_header_has_are_bad() {
    check(
        "name,url,category,interval\na,http://a/\nb,http://b/,x,1m,\n",
        &["a http://a/", "!3: 5 fields; expected at most 4, as many as the header line has"],
    );
}

#[test]
fn lines_are_counted_over_quotes_blank_lines_and_bad_rows() {
    check(
        "name,url,body\r\n\r\na,http://a/,\"1\r\n2\"\r\nb,x,\r\n,,\r\nc,http://c/,\"open\r\nd,y,\r\n",
        &[
            "a http://a/ body=\"1\\r\\n2\"",
            "!5: \"x\" is not an http or https URL",
            "!7: the quote on line 7 is never closed",
            "!8: \"y\" is not an http or https URL",
        ],
    );
}

#[test]
fn a_row_that_is_not_utf8_costs_only_itself() {
    check(
        b"name,url\na,http://a/\n\xFF,http://b/\nc,http://c/\xC3\nd,http://d/\n",
        &["a http://a/", "d http://d/", "!3: not UTF-8", "!4: not UTF-8"],
    );
    let file = good(b"name,url\na,http://a/\nc,http://c/\xC3\n");
    assert_eq!(file.rejected.rows[0].name.as_deref(), Some("c"));
}

#[test]
fn a_row_over_a_mebibyte_costs_only_itself() {
    let long = "x".repeat(2 << 20);
    check(
        format!("name,url\na,http://a/\nb,http://b/{long}\nc,http://c/\n"),
        &["a http://a/", "c http://c/", "!3: the row is longer than 1 MiB"],
    );
}

#[test]
fn the_first_thousand_bad_rows_are_kept_and_all_are_counted() {
    let file = good(format!("name,url\na,http://a/\n{}", "b,x\n".repeat(1234)));
    assert_eq!((file.rejected.rows.len(), file.rejected.total), (REJECTED_ROWS_MAX, 1234));
    assert_eq!(file.rows, 1235);
}

#[test]
fn a_reason_is_one_short_line_whatever_the_field_holds() {
    let field = "\u{1b}[31mx\n".repeat(5000);
    for column in
        ["name", "interval", "method", "expect_status", "vantages", "expect_body", "paused", "t"]
    {
        let text = format!("url,{column}\nhttp://ok/,\nhttp://a/,\"{field}\"\n");
        for row in &good(text).rejected.rows {
            assert!(row.reason.len() < 520, "{column}: {}", row.reason);
            assert!(!row.reason.chars().any(char::is_control), "{column}: {}", row.reason);
        }
    }
}

#[test]
fn a_hundred_thousand_rows_are_read() {
    let rows = (0..100_000).map(|n| format!("site-{n},https://site-{n}.example.com/,Shop\n"));
    let file = good(format!("name,url,category\n{}", rows.collect::<String>()));
    assert_eq!((file.targets.len(), file.rejected.total), (100_000, 0));
}

/// Text that is often nearly a target file.
fn nearly_a_file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"a,http://a/".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b",".to_vec()),
        1 => Just(b"\"".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"${X}".to_vec()),
        1 => "[a-z0-9:/<>{}|\\-]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    let header = prop_oneof![
        Just(b"name,url\n".to_vec()),
        Just(b"url,interval,headers,body,expect_body,vantages,x\n".to_vec()),
        Just(Vec::new()),
    ];
    (header, prop::collection::vec(piece, 0..60)).prop_map(|(mut text, pieces)| {
        text.extend(pieces.concat());
        text
    })
}

proptest! {
    #[test]
    fn every_row_is_either_good_or_rejected_whatever_the_bytes(text in nearly_a_file()) {
        if let Ok(file) = read_text(&text, &[]) {
            prop_assert_eq!(file.rows, file.targets.len() + file.rejected.total);
            prop_assert!(!file.targets.is_empty());
            let mut names: Vec<_> = file.targets.iter().map(|target| &target.name).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), file.targets.len());
            let lines: Vec<_> = file.rejected.rows.iter().map(|row| row.line).collect();
            prop_assert!(lines.is_sorted_by(|a, b| a < b), "{:?}", lines);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_text(&text, &[]);
    }
}
