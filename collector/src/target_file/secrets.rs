//! Secrets: what `${NAME}` in headers and bodies stands for. No message and no `Debug` form ever holds a value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::Xxh3Default;

/// The largest secrets file: a thousand secrets of a kibibyte.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Names and their values, from the environment and from `--secrets-file`.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
    /// The names that something was filled with.
    used: Arc<Mutex<BTreeSet<String>>>,
}

/// A secrets file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// It could not be read.
    #[error("secrets file {path}: {error}; expected a UTF-8 file of NAME=value lines")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is larger than any list of secrets.
    #[error("secrets file {path}: larger than 1 MiB; expected NAME=value lines")]
    TooLarge {
        /// The file.
        path: String,
    },
    /// A line says something else (what is not told: it may be a secret).
    #[error(
        "secrets file {path}:{line}: not a NAME=value line; a name has letters, digits and `_`"
    )]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
}

impl Secrets {
    /// This process's environment, as far as it is UTF-8, without our own settings: whoever may edit the target file must not
    /// be able to send the collector's tokens somewhere.
    pub fn from_environment() -> Self {
        let pairs = std::env::vars_os();
        let pairs = pairs.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self::new(pairs.filter(|(name, _)| !name.starts_with("ZONEWATCH_")))
    }

    /// Secrets by name.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().collect(), used: Arc::default() }
    }

    /// Adds those of a file; they win over the ones that are there.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not `NAME=value`.
    pub fn with_file(self, path: &Path) -> Result<Self, SecretsError> {
        let shown = path.display().to_string();
        let unreadable =
            |error| SecretsError::Unreadable { path: path.display().to_string(), error };
        if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(SecretsError::TooLarge { path: shown });
        }
        self.with_lines(&std::fs::read_to_string(path).map_err(unreadable)?, &shown)
    }

    /// Adds `NAME=value` lines; blank lines and lines that begin with `#` are skipped, spaces round both are dropped.
    ///
    /// # Errors
    /// When a line is something else.
    pub fn with_lines(mut self, text: &str, path: &str) -> Result<Self, SecretsError> {
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let pair = line.split_once('=').filter(|(name, _)| is_name(name.trim()));
            let Some((name, value)) = pair else {
                return Err(SecretsError::Line { path: path.to_owned(), line: index + 1 });
            };
            self.values.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Ok(self)
    }

    /// `text` with every `${NAME}` replaced; `$${` stands for `${`.
    ///
    /// # Errors
    /// A sentence that names what is unknown, and no value.
    pub(crate) fn fill<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, String> {
        let Some(first) = text.find("${") else { return Ok(Cow::Borrowed(text)) };
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        let mut found = Some(first);
        while let Some(at) = found {
            if rest[..at].ends_with('$') {
                filled.push_str(&rest[..at - 1]);
                filled.push_str("${");
                rest = &rest[at + 2..];
            } else {
                let name = rest[at + 2..].split_once('}').map(|(name, _)| name);
                let Some(name) = name.filter(|name| is_name(name)) else {
                    return Err(
                        "`${` without a name and `}` after it; a plain `${` is written `$${`"
                            .into(),
                    );
                };
                let value = self.values.get(name).ok_or_else(|| {
                    format!("${{{name}}} is neither in the collector's environment nor in --secrets-file")
                })?;
                self.use_name(name);
                filled.push_str(&rest[..at]);
                filled.push_str(value);
                rest = &rest[at + name.len() + 3..];
            }
            found = rest.find("${");
        }
        filled.push_str(rest);
        Ok(Cow::Owned(filled))
    }
}

impl Secrets {
    fn use_name(&self, name: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(name) {
            used.insert(name.to_owned());
        }
    }

    /// Another number when a value in use is another one; 0 when none is. 32 bits: nobody who knows it finds a value by
    /// trying.
    pub(crate) fn mark(&self) -> u64 {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.is_empty() {
            return 0;
        }
        let mut hash = Xxh3Default::new();
        for name in used.iter() {
            let value = self.values.get(name).map_or("", String::as_str);
            hash.update(name.as_bytes());
            hash.update(&[0]);
            hash.update(value.as_bytes());
            hash.update(&[0]);
        }
        hash.digest() & u64::from(u32::MAX)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.len() <= 255
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let lines = "# tokens\nTOKEN=from-file\n\n KEY = a=b \nEMPTY=\n";
        Secrets::new([("TOKEN".into(), "from-env".into()), ("HOME".into(), "/root".into())])
            .with_lines(lines, "s.env")
            .expect("good lines")
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(secrets().fill(text).expect(text), expected);
    }

    #[test]
    fn names_in_braces_are_filled_from_the_file_before_the_environment() {
        check("Bearer ${TOKEN}", "Bearer from-file");
        check("${HOME}${KEY}${EMPTY}!", "/roota=b!");
        check("nothing $here {TOKEN} $TOKEN", "nothing $here {TOKEN} $TOKEN");
    }

    #[test]
    fn a_doubled_dollar_sign_keeps_the_text_as_it_is() {
        check("$${TOKEN} ${TOKEN}", "${TOKEN} from-file");
        check("$${", "${");
    }

    #[test]
    fn a_value_is_never_filled_again() {
        let secrets = Secrets::new([("A".into(), "${B}".into())]);
        assert_eq!(secrets.fill("${A}").expect("A is known"), "${B}");
    }

    #[test]
    fn an_unknown_name_is_named_and_no_value_is() {
        let error = secrets().fill("${TOKEN} ${MISSING}").expect_err("unknown");
        assert!(error.contains("${MISSING}") && !error.contains("from-file"), "{error}");
        for text in ["${", "${}", "${a b}", "${TOKEN"] {
            assert!(secrets().fill(text).expect_err(text).contains("$${"));
        }
    }

    #[test]
    fn a_line_that_is_no_pair_is_an_error_that_does_not_show_it() {
        let error = Secrets::default().with_lines("A=1\nhunter2\n", "s.env").expect_err("bad line");
        let text = error.to_string();
        assert!(text.contains("s.env:2") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_debug_form_shows_names_only() {
        assert_eq!(format!("{:?}", secrets()), r#"{"EMPTY", "HOME", "KEY", "TOKEN"}"#);
    }
}
