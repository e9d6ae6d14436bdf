//! Bytes that arrive by and by, as something that a thread reads.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};

use super::super::{FileError, TargetFile};
use super::blocking;

/// The largest list that is read from elsewhere: ten million rows.
const BYTES_MAX: u64 = 1 << 30;
/// Chunks that wait for the reader: some tens of KiB each.
const CHUNKS_MAX: usize = 8;

/// The reader's end.
pub(in super::super) struct Input {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.current.has_remaining() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let taken = self.current.remaining().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

/// Has `rows` read what `chunks` bring. A stream that breaks, or brings too much, is an input that breaks: half a list is
/// never taken for a whole one.
pub(super) async fn read(
    chunks: impl Stream<Item = Result<Bytes, String>>,
    shown: &str,
    rows: impl FnOnce(Input) -> Result<TargetFile, FileError> + Send + 'static,
) -> Result<TargetFile, FileError> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let input = Input { chunks: receiver, current: Bytes::new() };
    let reading = blocking(shown.to_owned(), move || rows(input));
    let feeding = async move {
        tokio::pin!(chunks);
        let mut total = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(io::Error::other).and_then(|chunk| {
                total += chunk.len() as u64;
                let fits = total <= BYTES_MAX;
                fits.then_some(chunk).ok_or_else(|| io::Error::other("it is larger than 1 GiB"))
            });
            let broken = chunk.is_err();
            // The reader may have seen enough: a file of another kind, say.
            if sender.send(chunk).await.is_err() || broken {
                return;
            }
        }
    };
    let ((), read) = tokio::join!(feeding, reading);
    read
}

#[cfg(test)]
mod tests {
    use super::super::super::{Defaults, Secrets, read as read_rows};
    use super::*;

    async fn check(chunks: Vec<Result<&'static str, String>>) -> Result<usize, String> {
        let chunks =
            chunks.into_iter().map(|chunk| chunk.map(|text| Bytes::from_static(text.as_bytes())));
        let defaults = Defaults::new(
            std::time::Duration::from_secs(60),
            std::time::Duration::from_secs(5),
            [],
        );
        let defaults = defaults.expect("good defaults");
        let rows = move |input: Input| read_rows(input, "t", &defaults, &Secrets::default());
        let read = read(tokio_stream::iter(chunks), "t", rows).await;
        read.map(|file| file.targets.len()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn rows_may_be_cut_anywhere_and_a_broken_stream_is_no_short_list() {
        assert_eq!(check(vec![Ok("a,http://a/\nb,ht"), Ok(""), Ok("tp://b/\n")]).await, Ok(2));
        let broken = check(vec![Ok("a,http://a/\nb,http://b/\n"), Err("reset".into())]).await;
        assert_eq!(broken, Err("t: cannot be read: reset".into()));
    }
}
