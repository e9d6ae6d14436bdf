//! Shared secrets of agents and of API clients.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a list of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read.
    #[error("{path}: the token file cannot be read")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no token in it.
    #[error("{place}: expected one token a line, found none")]
    Empty {
        /// Which file or variable.
        place: String,
    },
    /// A token is too short to be one.
    #[error("{place}: line {line}: a token has at least {} characters", Tokens::LENGTH_MIN)]
    Short {
        /// Which file or variable.
        place: String,
        /// Where.
        line: usize,
    },
}

/// Accepted tokens: two while one is being replaced by another.
#[derive(Clone)]
pub struct Tokens(Vec<String>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

impl Tokens {
    /// The shortest token, in characters: anything shorter is a typing error, not a secret.
    pub const LENGTH_MIN: usize = 8;

    /// Reads one token a line.
    ///
    /// # Errors
    /// When the file cannot be read or holds no usable token.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TokensError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Takes one token a line; `place` is where they come from, for errors.
    ///
    /// # Errors
    /// When there is none, or one is too short.
    pub fn parse(text: &str, place: &str) -> Result<Self, TokensError> {
        let mut tokens = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let token = line.trim();
            if token.is_empty() {
                continue;
            }
            if token.len() < Self::LENGTH_MIN {
                return Err(TokensError::Short { place: place.to_owned(), line: index + 1 });
            }
            tokens.push(token.to_owned());
        }
        if tokens.is_empty() {
            return Err(TokensError::Empty { place: place.to_owned() });
        }
        Ok(Self(tokens))
    }

    /// Whether a token is one of these, in a time that does not depend on how much of it is right.
    pub fn accept(&self, given: &str) -> bool {
        self.0
            .iter()
            .fold(false, |accepted, token| accepted | same(token.as_bytes(), given.as_bytes()))
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y));
    a.len() == b.len() && difference == 0
}

/// The token in `Bearer <token>`.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_of_two_tokens_is_accepted_and_nothing_else() {
        let tokens = Tokens::parse("first-token\n\n second-token \n", "test").expect("two tokens");
        assert!(tokens.accept("first-token") && tokens.accept("second-token"));
        assert!(
            !tokens.accept("first-toke") && !tokens.accept("first-token2") && !tokens.accept("")
        );
    }

    #[test]
    fn a_token_never_shows_when_printed() {
        let tokens = Tokens::parse("very-secret", "test").expect("one token");
        assert!(!format!("{tokens:?}").contains("secret"));
    }

    #[test]
    fn a_file_without_a_usable_token_is_an_error_that_says_so() {
        assert!(matches!(Tokens::parse("\n \n", "f"), Err(TokensError::Empty { .. })));
        let error = Tokens::parse("good-token\nshort\n", "f").expect_err("too short");
        assert_eq!(error.to_string(), "f: line 2: a token has at least 8 characters");
    }
}
