//! Signs messages, so that a receiver knows who sent them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hmac;

/// Shorter secrets can be guessed.
const BYTES_MIN: usize = 16;

/// A secret that both sides know. It is never shown.
#[derive(Clone)]
pub struct Secret(Arc<hmac::Key>);

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("the webhooks' secret {path} cannot be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It can be guessed.
    #[error("the webhooks' secret {0} has fewer than 16 bytes")]
    Short(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The first line of a file.
    ///
    /// # Errors
    /// When it cannot be read, or is too short.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::new(text.lines().next().unwrap_or_default(), &shown),
            Err(source) => Err(SecretError::Unreadable { path: shown, source }),
        }
    }

    /// This text, which came from `place`.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(text: &str, place: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.len() < BYTES_MIN {
            return Err(SecretError::Short(place.to_owned()));
        }
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))))
    }

    /// Of a body sent at a time (in seconds since 1970): `sha256=` and the HMAC of `time.body` in hexadecimal digits.
    pub fn sign(&self, time: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(time.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        let digits = context.sign();
        let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
        format!("sha256={}", digits.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_every_other_tool_computes() {
        let secret = Secret::new("0123456789abcdef", "a test").expect("long enough");
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23";
        assert_eq!(secret.sign(1_700_000_000, br#"{"a":1}"#), format!("sha256={expected}"));
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_none_is_shown() {
        assert!(Secret::new("short", "X").is_err_and(|error| error.to_string().contains('X')));
        let secret = Secret::new("a secret of some length", "X").expect("long enough");
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
