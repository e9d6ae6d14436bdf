//! `expect_body`: regular expressions, compiled once a file and not once a row.

use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4096;
/// The most memory of a compiled one: an agent may hold thousands.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Verdicts that are remembered: the patterns of a list are few, and past this they are judged again.
const REMEMBERED_MAX: usize = 1024;

/// Compiles a pattern as agents do.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!(
            "expect_body is {} bytes long; expected at most {PATTERN_BYTES_MAX}",
            pattern.len()
        ));
    }
    RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build().map_err(|error| {
        // The whole message is a drawing over several lines; its last one says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        format!("expect_body is not a regular expression: {}", last.trim_start_matches("error: "))
    })
}

/// What was found out about patterns: whether one matches an empty body, or why it is none.
#[derive(Default)]
pub(super) struct Patterns(HashMap<String, Result<bool, String>>);

impl Patterns {
    /// Whether the pattern matches an empty body.
    pub(super) fn matches_nothing(&mut self, pattern: &str) -> Result<bool, String> {
        if let Some(known) = self.0.get(pattern) {
            return known.clone();
        }
        if self.0.len() == REMEMBERED_MAX {
            self.0.clear();
        }
        let found = compile(pattern).map(|regex| regex.is_match(b""));
        self.0.insert(pattern.to_owned(), found.clone());
        found
    }
}
