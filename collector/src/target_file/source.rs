//! Where targets come from: a file on this machine, or a list that a server keeps and calls by a version.
//!
//! A remote list is asked for again and again with the version that is known, so that an unchanged one costs a few
//! hundred bytes. It is read while it arrives: neither the list nor the time that it takes is without a bound.

mod https;
mod s3;
mod stream;

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

pub use https::Https;
pub use s3::S3;

use self::https::Answer;
use super::{Defaults, FileError, Problem, Secrets, Target, TargetFile, open, read, read_into};

/// How often a remote list is asked for.
pub const ASK_EVERY: Duration = Duration::from_secs(10);

/// Where targets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A server.
    Https(Https),
    /// A bucket.
    S3(S3),
}

/// What a server calls the content that it gave: an ETag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// The content of a source.
#[derive(Debug)]
pub struct Content {
    /// What the source calls it, if it calls it anything.
    pub version: Option<Version>,
    /// What it says, or why it cannot be used.
    pub read: Result<TargetFile, FileError>,
}

/// Whether the list can be read now. What is in force does not depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong with the newest reading.
    pub problem: Option<String>,
    /// How many readings failed so far, or gave a list that cannot be used.
    pub failures: u64,
}

/// Told how many bytes have been read, and of how many if that is known; a last time with `None` bytes when it is over.
pub type Tell = Box<dyn FnMut(Option<u64>, Option<u64>) + Send>;

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Self::File(text.into())) };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => text.parse().map(Self::Https),
            "s3" => text.parse().map(Self::S3),
            "http" => Err("the list, and the secrets in it, would cross the network in the clear; expected a \
                           path, an https:// URL or s3://bucket/key"
                .into()),
            _ => Err("expected a path, an https:// URL or s3://bucket/key".into()),
        }
    }
}

/// As it may be shown: without credentials.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Https(https) => https.fmt(f),
            Self::S3(s3) => s3.fmt(f),
        }
    }
}

impl Source {
    /// Reads the whole list.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it gives no target.
    pub async fn read(
        &self,
        defaults: &Arc<Defaults>,
        secrets: &Arc<Secrets>,
    ) -> Result<TargetFile, FileError> {
        match self.fetch(None, defaults, secrets).await? {
            Some(content) => content.read,
            None => Err(self.error("it is unchanged, of what is not known")),
        }
    }

    /// Asks a remote source for its list: nothing, if that is the one `known`. A file is always read.
    ///
    /// # Errors
    /// When nothing was learnt about the list: see [`FileError::is_outage`].
    pub async fn fetch(
        &self,
        known: Option<&Version>,
        defaults: &Arc<Defaults>,
        secrets: &Arc<Secrets>,
    ) -> Result<Option<Content>, FileError> {
        let shown = self.to_string();
        let (defaults, secrets) = (defaults.clone(), secrets.clone());
        let (version, read) = match self {
            Self::File(path) => {
                let path = path.clone();
                let rows = move || read(open(&path)?, &shown, &defaults, &secrets);
                (None, blocking(self.to_string(), rows).await)
            }
            Self::Https(_) | Self::S3(_) => {
                let Some(answer) = self.get(known).await? else { return Ok(None) };
                let rows = move |input: stream::Input| read(input, &shown, &defaults, &secrets);
                (answer.version.clone(), answer.read(&self.to_string(), rows).await)
            }
        };
        match read {
            Err(error) if error.is_outage() => Err(error),
            read => {
                let named = |file| TargetFile { version: version.clone(), ..file };
                Ok(Some(Content { read: read.map(named), version }))
            }
        }
    }

    /// Reads the whole list once, hands every target on, and tells how far it is.
    ///
    /// # Errors
    /// As for [`Source::read`].
    pub async fn read_into(
        &self,
        defaults: Arc<Defaults>,
        secrets: Arc<Secrets>,
        tell: Tell,
        mut take: impl FnMut(Target) + Send + 'static,
    ) -> Result<TargetFile, FileError> {
        let shown = self.to_string();
        match self {
            Self::File(path) => {
                let path = path.clone();
                blocking(shown.clone(), move || {
                    let file = open(&path)?;
                    let total = file.metadata().ok().map(|metadata| metadata.len());
                    let input = Told { input: file, read: 0, total, tell };
                    read_into(input, &shown, &defaults, &secrets, take)
                })
                .await
            }
            Self::Https(_) | Self::S3(_) => {
                let answer = self.get(None).await?;
                let answer =
                    answer.ok_or_else(|| self.error("it is unchanged, of what is not known"))?;
                let total = answer.length;
                let rows = move |input: stream::Input| {
                    let input = Told { input, read: 0, total, tell };
                    read_into(input, &shown, &defaults, &secrets, &mut take)
                };
                answer.read(&self.to_string(), rows).await
            }
        }
    }

    /// Asks whoever keeps the list; nothing, if it is the one `known`.
    async fn get(&self, known: Option<&Version>) -> Result<Option<Answer>, FileError> {
        let answer = match self {
            Self::Https(https) => https.get(known).await,
            Self::S3(s3) => s3.get(known).await,
            Self::File(_) => Err("it is a file".into()),
        };
        answer.map_err(|why| self.error(&why))
    }

    fn error(&self, why: &str) -> FileError {
        FileError { path: self.to_string(), problem: Problem::Unfetched(why.to_owned()) }
    }
}

/// Reads on a thread of its own: a million rows take seconds. A reader that panics is a list that cannot be read.
async fn blocking(
    shown: String,
    read: impl FnOnce() -> Result<TargetFile, FileError> + Send + 'static,
) -> Result<TargetFile, FileError> {
    let panicked = |error| Problem::Unreadable(io::Error::other(error));
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(FileError { path: shown, problem: panicked(error) }))
}

/// An input that tells how far it is.
struct Told<R> {
    input: R,
    read: u64,
    total: Option<u64>,
    tell: Tell,
}

impl<R: Read> Read for Told<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read += read as u64;
        (self.tell)((read > 0).then_some(self.read), self.total);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_an_https_url_are_sources_and_plain_text_is_refused() {
        for path in ["targets.csv", "/etc/targets.csv", "https:/x", "a:b"] {
            assert_eq!(path.parse(), Ok(Source::File(path.into())));
        }
        let url: Source = "HTTPS://me:hunter2@lists.example/t.csv?v=1".parse().expect("a source");
        assert_eq!(url.to_string(), "https://***@lists.example/t.csv?v=1");
        assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
        for (bad, word) in [
            ("http://lists.example/t.csv", "in the clear"),
            ("ftp://lists.example/t.csv", "https://"),
            ("https://", "host"),
            ("https://[", "URL"),
        ] {
            let error = bad.parse::<Source>().expect_err(bad);
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
