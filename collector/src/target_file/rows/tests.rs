use super::*;

/// Gives one byte at a time: every boundary of the window is met.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        (buffer[0], self.0) = (*first, rest);
        Ok(1)
    }
}

fn collect(input: impl Read) -> Vec<String> {
    let mut rows = Rows::new(input).expect("reading from memory cannot fail");
    let mut seen = Vec::new();
    while let Some(row) = rows.next().expect("reading from memory cannot fail") {
        let fields: Vec<_> = (0..row.len()).map(|index| row.field(index)).collect();
        let broken = row.broken.as_ref().map_or(String::new(), |text| format!(" !{text}"));
        seen.push(format!("{}:{}{broken}", row.line, fields.join("|")));
    }
    seen
}

#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(collect(text.as_ref()), expected);
    assert_eq!(collect(Trickle(text.as_ref())), expected, "one byte at a time");
}

#[test]
fn lines_end_in_lf_crlf_or_cr() {
    check("a,b\nc,d\r\ne,f\rg,h", &["1:a|b", "2:c|d", "3:e|f", "4:g|h"]);
    check("a\r\n\r\nb\r\n", &["1:a", "3:b"]);
}

#[test]
fn blank_lines_and_rows_of_empty_fields_are_skipped_and_counted() {
    check("\n  \na\n,,\n\t\nb,\n", &["3:a", "6:b|"]);
    check("", &[]);
    check("\n\n", &[]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_field() {
    check("\u{feff}a,b\n", &["1:a|b"]);
}

#[test]
fn quotes_hold_commas_quotes_and_line_breaks_also_after_spaces() {
    check("\"a,b\", \"c\"\"d\" ,e\n", &["1:a,b|c\"d|e"]);
    check("\"a\r\nb\",c\nd,e\n", &["1:a\r\nb|c", "3:d|e"]);
    check("\"\",\"\"\"\"\n", &["1:|\""]);
}

#[test]
fn a_quote_inside_an_unquoted_field_is_only_a_quote() {
    check("a,{\"X\": \"y\"},5\" b\n", &["1:a|{\"X\": \"y\"}|5\" b"]);
}

#[test]
fn a_row_with_broken_quotes_costs_only_itself() {
    check("a,\"b\nc,d\ne,f\n", &["1:a !the quote on line 1 is never closed", "2:c|d", "3:e|f"]);
    check(
        "a,\"b\nc,\"d\"\ne\n",
        &[
            "1:a|b\nc, !text after the closing quote of field 2; a quote inside quotes is written twice",
            "2:c|d",
            "3:e",
        ],
    );
}

#[test]
fn a_row_over_a_mebibyte_is_broken_and_the_next_is_read() {
    let long = "x".repeat(ROW_BYTES_MAX + 1);
    let text = format!("a\n{long}\r\nb\n");
    assert_eq!(collect(text.as_bytes()), ["1:a", "2: !the row is longer than 1 MiB", "3:b"]);
    let text = format!("a,\"\n{}b\n", "y\n".repeat(ROW_BYTES_MAX / 2));
    let seen = collect(text.as_bytes());
    assert_eq!(seen[0], "1:a !the quote on line 1 is not closed within 1 MiB");
    assert_eq!(seen[1], "2:y");
    assert_eq!(seen.len(), 2 + ROW_BYTES_MAX / 2);
}

#[test]
fn a_file_of_quotes_that_never_close_is_read_in_linear_time() {
    let text = "x\",\"\n".repeat(200_000);
    let seen = collect(text.as_bytes());
    // Sixteen of a mebibyte are read again, the next one swallows the rest: else it would be 200,000 times the file.
    assert_eq!(seen.len(), 17);
}

#[test]
fn a_character_cut_in_two_by_a_comma_is_not_utf8() {
    let mut rows = Rows::new(&b"\xC3,\xA9\n"[..]).expect("reading from memory cannot fail");
    let row = rows.next().expect("reading from memory cannot fail").expect("there is a row");
    assert!(!row.is_utf8());
    assert_eq!((row.field(0), row.field(1), row.field(2)), ("", "", ""));
}
