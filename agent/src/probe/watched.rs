//! A connection that notes what comes from it, for HTTP versions that do not tell.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::BEFORE_HEAD_MAX;

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bytes: AtomicU64,
    head_done: AtomicBool,
}

impl Seen {
    /// Bytes that came.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// From now on the reader of the body sets the bound.
    pub(super) fn head_is_done(&self) {
        self.head_done.store(true, Ordering::Relaxed);
    }

    /// More came before the head was whole than any head is worth.
    pub(super) fn flooded(&self) -> bool {
        !self.head_done.load(Ordering::Relaxed) && self.bytes() > BEFORE_HEAD_MAX as u64
    }
}

/// `stream`, noting what comes in a [`Seen`].
pub(super) struct Watched<S> {
    stream: S,
    seen: Arc<Seen>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Seen>) {
        let seen = Arc::<Seen>::default();
        (Self { stream, seen: Arc::clone(&seen) }, seen)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = &buffer.filled()[before..];
        if !came.is_empty() {
            let seen = &self.seen;
            seen.bytes.fetch_add(came.len() as u64, Ordering::Relaxed);
            if seen.flooded() {
                return Poll::Ready(Err(io::Error::other("too much before the head")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
