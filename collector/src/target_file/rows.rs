//! Bytes to rows: CSV as people and spreadsheets write it, with the line on which each row begins.
//!
//! Quotes as in RFC 4180, also after spaces; lines end in LF, CRLF or CR. A row that cannot be split costs itself only:
//! reading goes on at the line after its first. Memory is bounded by [`ROW_BYTES_MAX`], whatever comes.

use std::io::{self, Read};

/// The longest row, line breaks inside its quotes included: the largest body (64 KiB) and headers (32 KiB), every byte
/// of them escaped, fit several times.
pub(super) const ROW_BYTES_MAX: usize = 1 << 20;

/// How much is asked of the input at once.
const CHUNK: usize = 64 << 10;

/// How many bytes may be read a second time, over the whole file, after rows whose quotes do not close. Ordinary slips
/// need a few hundred; past it such a row swallows what it spans, so that no file costs quadratic time.
const REWIND_BYTES_MAX: usize = 16 << 20;

/// One row, reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Where it begins; the first line is 1.
    pub(super) line: u64,
    /// What kept it from being split to its end; the fields before that are there.
    pub(super) broken: Option<String>,
    /// The fields, each followed by a line feed: a character cut in two by a comma must not become whole again.
    content: Vec<u8>,
    fields: Vec<std::ops::Range<usize>>,
}

impl Row {
    fn clear(&mut self, line: u64) {
        self.line = line;
        self.broken = None;
        self.content.clear();
        self.fields.clear();
    }

    fn end_field(&mut self) {
        let begin = self.fields.last().map_or(0, |field| field.end + 1);
        self.fields.push(begin..self.content.len());
        self.content.push(b'\n');
    }

    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether every byte of it is UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.content).is_ok()
    }

    /// A field as it stands inside its quotes, or without the spaces round it; empty when the row ends before it or it is not UTF-8.
    pub(super) fn field(&self, index: usize) -> &str {
        let bytes = self.fields.get(index).map_or(&[][..], |field| &self.content[field.clone()]);
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.broken.is_none()
            && self.content.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }
}

/// A line of the window: its content ends at `end`, the next one begins at `next`.
#[derive(Clone, Copy)]
struct Line {
    end: usize,
    next: usize,
}

/// Why there is no next line.
enum NoLine {
    End,
    TooLong,
}

/// The rows of an input.
pub(super) struct Rows<R> {
    input: R,
    window: Vec<u8>,
    /// Where the next row begins in the window.
    at: usize,
    ended: bool,
    /// The number of the line that begins at `at`.
    line: u64,
    rewinds_left: usize,
    row: Row,
}

impl<R: Read> Rows<R> {
    /// The rows of `input`, after its byte order mark if it has one.
    pub(super) fn new(input: R) -> io::Result<Self> {
        let mut rows = Self {
            input,
            window: Vec::with_capacity(2 * CHUNK),
            at: 0,
            ended: false,
            line: 1,
            rewinds_left: REWIND_BYTES_MAX,
            row: Row::default(),
        };
        while rows.window.len() < CHUNK && !rows.ended {
            rows.fill()?;
        }
        if rows.window.starts_with(b"\xEF\xBB\xBF") {
            rows.at = 3;
        }
        Ok(rows)
    }

    /// The first bytes of the input, before any row is taken: at most 64 KiB.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.window
    }

    /// The next row that is not blank.
    pub(super) fn next(&mut self) -> io::Result<Option<&Row>> {
        loop {
            if self.at >= CHUNK {
                self.window.drain(..self.at);
                self.at = 0;
            }
            self.row.clear(self.line);
            let first = match self.line_at(self.at)? {
                Ok(line) => line,
                Err(NoLine::End) => return Ok(None),
                Err(NoLine::TooLong) => {
                    self.skip_line()?;
                    self.row.broken = Some(too_long());
                    return Ok(Some(&self.row));
                }
            };
            self.split(first)?;
            if !self.row.is_blank() {
                return Ok(Some(&self.row));
            }
        }
    }

    /// Splits the row whose first line is given, and moves on behind it.
    fn split(&mut self, first: Line) -> io::Result<()> {
        let (mut at, mut line, mut lines) = (self.at, first, 1);
        let broken = loop {
            while at < line.end && matches!(self.window[at], b' ' | b'\t') {
                at += 1;
            }
            if at < line.end && self.window[at] == b'"' {
                let opened = self.line + lines - 1;
                match self.quoted(at + 1, &mut line, &mut lines)? {
                    Ok(behind) => at = behind,
                    Err(NoLine::End) => {
                        break Some(format!("the quote on line {opened} is never closed"));
                    }
                    Err(NoLine::TooLong) => {
                        break Some(format!(
                            "the quote on line {opened} is not closed within 1 MiB"
                        ));
                    }
                }
                self.row.end_field();
                while at < line.end && matches!(self.window[at], b' ' | b'\t') {
                    at += 1;
                }
                if at < line.end && self.window[at] != b',' {
                    break Some(format!(
                        "text after the closing quote of field {}; a quote inside quotes is written twice",
                        self.row.len()
                    ));
                }
            } else {
                let rest = &self.window[at..line.end];
                let length = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
                self.row.content.extend_from_slice(rest[..length].trim_ascii_end());
                self.row.end_field();
                at += length;
            }
            if at >= line.end {
                break None;
            }
            at += 1; // the comma
        };
        let again = line.next - first.next;
        let rewind = broken.is_some() && again <= self.rewinds_left;
        if rewind {
            self.rewinds_left -= again;
        }
        (self.at, self.line) =
            if rewind { (first.next, self.line + 1) } else { (line.next, self.line + lines) };
        self.row.broken = broken;
        Ok(())
    }

    /// Takes the content of a quoted field up to its closing quote, over line breaks; returns the place behind it.
    fn quoted(
        &mut self,
        mut at: usize,
        line: &mut Line,
        lines: &mut u64,
    ) -> io::Result<Result<usize, NoLine>> {
        loop {
            match self.window[at..line.end].iter().position(|byte| *byte == b'"') {
                Some(length) => {
                    self.row.content.extend_from_slice(&self.window[at..at + length]);
                    at += length + 1;
                    if at >= line.end || self.window[at] != b'"' {
                        return Ok(Ok(at));
                    }
                    self.row.content.push(b'"');
                    at += 1;
                }
                None => {
                    self.row.content.extend_from_slice(&self.window[at..line.next]);
                    at = line.next;
                    match self.line_at(at)? {
                        Ok(next) => *line = next,
                        Err(reason) => return Ok(Err(reason)),
                    }
                    *lines += 1;
                }
            }
        }
    }

    /// The line that begins at `from`, read into the window.
    fn line_at(&mut self, from: usize) -> io::Result<Result<Line, NoLine>> {
        let mut searched = from;
        loop {
            let found =
                self.window[searched..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            if let Some(length) = found {
                let end = searched + length;
                if end - self.at > ROW_BYTES_MAX {
                    return Ok(Err(NoLine::TooLong));
                }
                if self.window[end] == b'\r' && end + 1 == self.window.len() && !self.ended {
                    searched = end;
                    self.fill()?; // A line feed may follow.
                    continue;
                }
                let crlf = self.window[end..].starts_with(b"\r\n");
                return Ok(Ok(Line { end, next: end + 1 + usize::from(crlf) }));
            }
            searched = self.window.len();
            if searched - self.at > ROW_BYTES_MAX {
                return Ok(Err(NoLine::TooLong));
            }
            if self.ended {
                let line = Line { end: searched, next: searched };
                return Ok(if searched > from { Ok(line) } else { Err(NoLine::End) });
            }
            self.fill()?;
        }
    }

    /// Moves behind the line that begins at `at`, keeping nothing of it.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            match self.window[self.at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(length) => {
                    self.at += length;
                    if let Ok(line) = self.line_at(self.at)? {
                        self.at = line.next;
                    }
                    self.line += 1;
                    return Ok(());
                }
                None if self.ended => {
                    self.at = self.window.len();
                    return Ok(());
                }
                None => {
                    self.window.clear();
                    self.at = 0;
                    self.fill()?;
                }
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let filled = self.window.len();
        self.window.resize(filled + CHUNK, 0);
        let read = loop {
            match self.input.read(&mut self.window[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.window.truncate(filled + read.as_ref().map_or(0, |read| *read));
        self.ended = read? == 0;
        Ok(())
    }
}

fn too_long() -> String {
    format!("the row is longer than {} MiB", ROW_BYTES_MAX >> 20)
}

#[cfg(test)]
mod tests;
