//! The header line: which field is which option, which is a label, and which looks like a slip of the pen.

use super::Warning;
use super::error::Problem;
use super::mask::{quoted, quoted_url};
use super::rows::Row;

/// The most label columns of a file.
pub(super) const LABELS_MAX: usize = 32;
/// The longest label, name or value, in bytes.
pub(super) const LABEL_BYTES_MAX: usize = 256;

/// Declares the options in the order in which they are documented.
macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident $text:literal,)+) => {
        /// The columns that mean something; every other one is a label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Column { $($(#[$doc])* $variant,)+ }

        impl Column {
            /// All of them.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// What it is called in the header.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

columns! {
    /// The identity of the target.
    Name "name",
    /// What to probe.
    Url "url",
    /// Shown and filtered by.
    Category "category",
    /// How often.
    Interval "interval",
    /// How long one probe may take.
    Timeout "timeout",
    /// GET, HEAD, …
    Method "method",
    /// A JSON object.
    Headers "headers",
    /// Sent with the request.
    Body "body",
    /// Which status codes are as expected.
    ExpectStatus "expect_status",
    /// What the body must match.
    ExpectBody "expect_body",
    /// Which answers are slow.
    SlowAfter "slow_after",
    /// Whether to go where a redirect points.
    FollowRedirects "follow_redirects",
    /// A file of certificate authorities on the agent.
    TlsCa "tls_ca",
    /// Whether the certificate must be valid.
    TlsVerify "tls_verify",
    /// From where.
    Vantages "vantages",
    /// Listed, not probed.
    Paused "paused",
}

impl Column {
    /// The column that a header calls so, in any case.
    pub(super) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(text))
    }

    /// The column that `label` was probably meant to be: the same but for `_`, `-`, `.` and spaces, or two slips away.
    pub(super) fn resembling(label: &str) -> Option<Self> {
        let squash = |text: &str| -> Vec<char> {
            let kept = text.chars().filter(|char| !matches!(char, '_' | '-' | '.' | ' '));
            kept.flat_map(char::to_lowercase).take(LABEL_BYTES_MAX).collect()
        };
        let label = squash(label);
        let near = |column: &Self| {
            let name = squash(column.name());
            let slips = if name.len().min(label.len()) < 6 { 1 } else { 2 };
            distance(&label, &name) <= slips
        };
        Self::ALL.into_iter().find(near)
    }
}

/// How many letters were added, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swapped = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(swapped)
            };
        }
    }
    rows[a.len()][b.len()]
}

/// Where each option and label stands in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    fields: [Option<usize>; Column::ALL.len()],
    /// In the order of the file.
    pub(super) labels: Vec<(String, usize)>,
    /// How many fields a row may have.
    pub(super) width: usize,
    /// Whether the first line says so; otherwise it is the first target.
    pub(super) header: bool,
}

impl Layout {
    /// What the first row says: a header, or the first target of a file that has none.
    pub(super) fn of(first: &Row, warnings: &mut Vec<Warning>) -> Result<Self, Problem> {
        if is_url(first.field(1).trim()) {
            let mut layout = Self { width: 3, ..Self::default() };
            for (index, column) in [Column::Name, Column::Url, Column::Category].iter().enumerate()
            {
                layout.fields[*column as usize] = Some(index);
            }
            return Ok(layout);
        }
        let mut layout = Self { width: first.len(), header: true, ..Self::default() };
        for index in 0..first.len() {
            layout.take(index, first.field(index).trim(), warnings)?;
        }
        if layout.field(Column::Url).is_none() {
            return Err(no_url(first));
        }
        for (label, _) in &layout.labels {
            if let Some(column) = Column::resembling(label) {
                let text = format!(
                    "column {} is a label; did you mean `{}`?",
                    quoted(label),
                    column.name()
                );
                warnings.push(Warning { line: Some(first.line), text });
            }
        }
        Ok(layout)
    }

    fn take(
        &mut self,
        index: usize,
        name: &str,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Problem> {
        let twice = |before: usize| Problem::DuplicateColumn {
            column: quoted(name),
            first: before + 1,
            second: index + 1,
        };
        if name.is_empty() {
            // Spreadsheets leave trailing commas: what stands below them is ignored.
            if self.width != index + 1 {
                let text = format!("column {} has no name and is ignored", index + 1);
                warnings.push(Warning { line: None, text });
            }
        } else if let Some(column) = Column::named(name) {
            if let Some(before) = self.fields[column as usize].replace(index) {
                return Err(twice(before));
            }
        } else if name.len() > LABEL_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(Problem::BadLabel { column: index + 1 });
        } else {
            let same = |(label, _): &&(String, usize)| label.to_lowercase() == name.to_lowercase();
            if let Some((_, before)) = self.labels.iter().find(same) {
                return Err(twice(*before));
            }
            if self.labels.len() == LABELS_MAX {
                return Err(Problem::TooManyLabels);
            }
            self.labels.push((name.to_owned(), index));
        }
        Ok(())
    }

    /// Where an option stands, if the file has it.
    pub(super) fn field(&self, column: Column) -> Option<usize> {
        self.fields[column as usize]
    }
}

/// Whether the text begins like a URL, of whatever scheme.
fn is_url(text: &str) -> bool {
    let text = text.strip_prefix('<').unwrap_or(text).trim_start();
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn no_url(first: &Row) -> Problem {
    const SHOWN: usize = 8;
    let name = |index| {
        let text = first.field(index).trim();
        if is_url(text) { quoted_url(text) } else { quoted(text) }
    };
    let mut found: Vec<_> = (0..first.len().min(SHOWN)).map(name).collect();
    if first.len() > SHOWN {
        found.push(format!("and {} more", first.len() - SHOWN));
    }
    let line = first.field(0);
    let hint = if is_url(line.trim()) {
        "; a file with one URL a line needs `url` as its first line"
    } else if first.len() == 1 && line.contains(';') {
        "; fields are separated by commas, not semicolons"
    } else if first.len() == 1 && line.contains('\t') {
        "; fields are separated by commas, not tabs"
    } else {
        ""
    };
    Problem::NoUrlColumn { line: first.line, found: found.join(", "), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(label: &str, expected: Option<Column>) {
        assert_eq!(Column::resembling(label), expected, "{label}");
    }

    #[test]
    fn an_option_written_with_other_separators_is_recognised() {
        check("expect-status", Some(Column::ExpectStatus));
        check("Expect Status", Some(Column::ExpectStatus));
        check("time_out", Some(Column::Timeout));
        check("followredirects", Some(Column::FollowRedirects));
    }

    #[test]
    fn an_option_up_to_two_slips_away_is_recognised() {
        check("expected_status", Some(Column::ExpectStatus));
        check("intervall", Some(Column::Interval));
        check("tiemout", Some(Column::Timeout));
        check("header", Some(Column::Headers));
        check("nmae", Some(Column::Name));
        check("vantage", Some(Column::Vantages));
    }

    #[test]
    fn an_ordinary_label_is_not_taken_for_a_slip() {
        for label in
            ["team", "tier", "env", "zone", "type", "mode", "owner", "region", "country", "id"]
        {
            check(label, None);
        }
    }

    #[test]
    fn a_swap_is_one_slip_and_nothing_is_none() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("ab"), &chars("ba")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&[], &chars("abc")), 3);
    }
}
