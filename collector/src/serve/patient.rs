//! A connection that is given up on: when its peer has to prove itself and does not, and when it does not read what it asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a peer may leave its side full: a distant reader of a large answer is never that slow.
const STALLED_AT_MOST: Duration = Duration::from_secs(30);

/// Whether the peer has shown that it is one of ours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof(Arc<AtomicBool>);

impl Proof {
    /// It is.
    pub(crate) fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody else holds it: the connection is gone.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether it is.
    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The connection.
pub(crate) struct Patient<S> {
    inner: S,
    /// While there is no proof, the connection ends when this does.
    unproven: Option<(Proof, End)>,
    /// Runs while the peer takes nothing.
    stalled: Pin<Box<Sleep>>,
    is_stalled: bool,
    /// How long that may be.
    patience: Duration,
}

impl<S> Patient<S> {
    /// Nothing is asked of the peer but that it reads.
    pub(crate) fn new(inner: S) -> Self {
        let stalled = Box::pin(sleep(STALLED_AT_MOST));
        Self { inner, unproven: None, stalled, is_stalled: false, patience: STALLED_AT_MOST }
    }

    /// The peer has to prove itself before `end`.
    pub(crate) fn until_proven(
        inner: S,
        proof: Proof,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self { unproven: Some((proof, Box::pin(end))), ..Self::new(inner) }
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some((proof, end)) = &mut self.unproven else { return Poll::Pending };
        if proof.is_given() {
            self.unproven = None;
            return Poll::Pending;
        }
        end.as_mut()
            .poll(context)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, "the peer opened no session in time"))
    }

    /// Watches over what is written: pending for too long is an error.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_stalled = false;
            return written;
        }
        if !self.is_stalled {
            self.is_stalled = true;
            self.stalled.as_mut().reset(Instant::now() + self.patience);
        }
        match self.stalled.as_mut().poll(context) {
            Poll::Ready(()) => {
                let why = "the peer does not read";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.is_over(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, buffer);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watch(context, closed)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, buffers);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_proves_nothing_is_cut_and_one_that_does_is_not() {
        for proves in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let proof = Proof::default();
            let mut ours =
                Patient::until_proven(ours, proof.clone(), sleep(Duration::from_millis(50)));
            if proves {
                proof.give();
            }
            let mut byte = [0];
            let read = tokio::time::timeout(Duration::from_millis(500), ours.read(&mut byte)).await;
            assert_eq!(matches!(read, Ok(Err(_))), !proves);
            theirs.write_all(b"x").await.expect("there is room");
            assert_eq!(ours.read(&mut byte).await.is_ok(), proves);
        }
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_cut_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = Patient { patience: Duration::from_secs(2), ..Patient::new(ours) };
        let slow = async {
            let mut some = [0; 64];
            for _ in 0..4 {
                sleep(Duration::from_millis(100)).await;
                theirs.read_exact(&mut some).await.expect("written");
            }
        };
        let writes = async { ours.write_all(&[7; 256]).await };
        let ((), written) = tokio::join!(slow, writes);
        written.expect("the peer reads, if slowly");
        ours.write_all(&[7; 64]).await.expect("there is room");
        let began = Instant::now();
        let stuck = ours.write_all(&[7; 64]).await.expect_err("nobody reads");
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= Duration::from_secs(2));
    }
}
