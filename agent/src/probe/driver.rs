//! The futures that move a connection's bytes, polled by whoever waits for its results: no task of its own, so dropping a
//! probe ends all of it at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::Executor;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection's futures. HTTP/1 has one; HTTP/2 adds some through [`Driver::executor`].
#[derive(Default)]
pub(super) struct Driver {
    works: Vec<Work>,
    added: SameTask,
}

/// Takes the futures that hyper would spawn. At most three for one request: the connection, its end, the request's body.
#[derive(Clone, Default)]
pub(super) struct SameTask(Arc<Mutex<Vec<Work>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for SameTask {
    fn execute(&self, future: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(future));
    }
}

impl Driver {
    pub(super) fn executor(&self) -> SameTask {
        self.added.clone()
    }

    pub(super) fn add(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.works.push(Box::pin(work));
    }

    /// Moves the connection until `wanted` is there.
    pub(super) async fn during<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            self.poll(cx);
            wanted.as_mut().poll(cx)
        })
        .await
    }

    /// Lets the connection say goodbye, without waiting for anything.
    pub(super) async fn finish(mut self) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            self.works.retain_mut(|work| work.as_mut().poll(cx).is_pending());
            let mut added = self.added.0.lock().unwrap_or_else(PoisonError::into_inner);
            if added.is_empty() {
                return;
            }
            self.works.append(&mut added);
        }
    }
}
