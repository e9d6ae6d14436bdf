//! Files: those that work, and those that give no target.

use std::path::Path;

use collector::target_file::{FileError, TargetFile, read_path};

use super::{check, defaults, line, secrets, unusable};

fn read_file(path: impl AsRef<Path>) -> Result<TargetFile, FileError> {
    read_path(path.as_ref(), &defaults(&[]), &secrets())
}

#[track_caller]
fn unusable_path(path: &Path, expected: &str) {
    let error = read_file(path).map(|file| file.rows).expect_err("it cannot be used");
    assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
}

#[test]
fn the_example_has_nothing_to_complain_about() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/targets.csv");
    let file = read_file(path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((file.rejected.total, file.warnings.len()), (0, 0), "{file:?}");
    assert_eq!(file.rows, 13);
    assert_eq!(line(&file.targets[0]), "google https://www.google.com");
    assert_eq!(line(&file.targets[1]), "sph https://www.sph.com.sg");
    let text = std::fs::read_to_string(path).expect("just read");
    assert!(text.contains("\ngoogle, <https://www.google.com>\nsph, <https://www.sph.com.sg>\n"));
}

#[test]
fn the_sites_of_2023_are_read_as_they_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sites.csv");
    let file = read_file(path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((file.rows, file.targets.len()), (56, 56));
    assert_eq!(line(&file.targets[0]), "www.trip.com http://www.trip.com/ [Travel]");
    assert!(file.warnings.is_empty());
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    check("\u{feff}name,url\r\na,http://a/\r\n", &["a http://a/"]);
    check("\u{feff}a,http://a/\r\n", &["a http://a/"]);
    check("name,url\ra,http://a/\r", &["a http://a/"]);
}

#[test]
fn a_path_that_is_no_file_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    unusable_path(folder.path(), "is a folder; expected a CSV file with a `url` column");
    let none = folder.path().join("none.csv");
    unusable_path(&none, "no such file; expected a CSV file with a `url` column");
}

#[test]
fn an_empty_file_says_so() {
    unusable("", "is empty; expected a CSV file with a `url` column");
    unusable("\u{feff}\r\n \n", "is empty; expected a CSV file with a `url` column");
    unusable("name,url\n", "has a header line and no rows");
}

#[test]
fn a_file_of_another_kind_says_which() {
    unusable(b"PK\x03\x04rest", "is a zip file or a spreadsheet; expected a CSV file in UTF-8");
    unusable(b"\xFF\xFEu\0r\0l\0", "is UTF-16 text; expected a CSV file in UTF-8");
    unusable(b"\x1F\x8B\x08rest", "is a gzip file; expected a CSV file in UTF-8");
    unusable(b"url\n\0\0", "is a binary file (it holds NUL bytes); expected a CSV file in UTF-8");
    unusable(b"url,caf\xE9\nhttp://a/,x\n", "line 1 is not UTF-8; save the file as UTF-8");
}

#[test]
fn a_file_without_a_url_column_says_what_it_has_and_what_it_may_be() {
    unusable("a,b\nc,d\n", "no `url` column; line 1 has \"a\", \"b\"");
    unusable(
        "http://a/\nhttp://me:pw@b/\n",
        "no `url` column; line 1 has \"http://a/\"; a file with one URL a line needs `url` as its first line",
    );
    unusable(
        "name;url\na;http://a/\n",
        "no `url` column; line 1 has \"name;url\"; fields are separated by commas, not semicolons",
    );
    unusable(
        "a,b,c,d,e,f,g,h,i,j\n",
        "no `url` column; line 1 has \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", and 2 more",
    );
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    unusable(
        "url,name,URL\n",
        "column \"URL\" is there twice, as columns 1 and 3; expected each once",
    );
    unusable(
        "url,team,Team\n",
        "column \"Team\" is there twice, as columns 2 and 3; expected each once",
    );
}

#[test]
fn labels_are_at_most_32_of_256_bytes() {
    let many: Vec<_> = (0..33).map(|n| format!("label{n}")).collect();
    unusable(
        format!("url,{}\n", many.join(",")),
        "more than 32 columns are no options, and so labels; expected at most that many",
    );
    unusable(
        format!("url,{}\n", "x".repeat(257)),
        "the name of column 2 is longer than 256 bytes or has a control character",
    );
}

#[test]
fn a_column_without_a_name_is_ignored_and_warned_of_unless_it_is_the_last() {
    check("url,,team,\nhttp://a/,x,,y\n", &["a http://a/", "?column 2 has no name and is ignored"]);
}

#[test]
fn a_header_whose_quotes_do_not_close_is_refused() {
    unusable(
        "url,\"name\nhttp://a/\n",
        "line 1, where the columns are named: the quote on line 1 is never closed",
    );
}

#[test]
fn a_file_without_one_good_row_is_refused_with_the_first_reason() {
    unusable(
        "url\nx\ny\n",
        "none of its 2 rows can be used; the first: line 2: \"x\" is not an http or https URL",
    );
}
