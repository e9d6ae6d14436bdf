//! The HTTP port: so many connections and no more, and no patience with half a request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, ready};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::again::{Again, Asked};
use crate::serve::{Patient, Waiting};

/// Connections at once; more wait in the system's queue. Each costs a descriptor and some 20 KiB.
const CONNECTIONS_MAX: usize = 4096;
/// How long the first head of a request may take. Of connections that have sent none, the oldest makes room for a new one.
const FIRST_HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a later one may take, and so how long a connection may idle: longer than load balancers let one idle (AWS: 60 s),
/// or they would send requests into connections that are just being closed, and answer 502.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// The longest head: request line and headers. More is 431, or 414 for the line.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// A client that has taken nothing of what was sent for so long is gone.
const READS_WITHIN_MS: u32 = 30_000;
/// After the system refused a connection (no descriptors left, say) the next is tried so much later.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until `stop`, then finishes the requests that run.
///
/// # Errors
/// Never yet: what is wrong with a connection ends that connection alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_WITHIN)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    let (mut waiting, again) = (Waiting::default(), Again::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await.expect("it is never closed");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
            Some(_) = connections.join_next() => continue, // A connection that broke is its client's affair.
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        // A client that takes nothing is cut off by the system: listeners of events have no other end.
        let _as_it_is = rustix::net::sockopt::set_tcp_user_timeout(&stream, READS_WITHIN_MS);
        let _as_it_is = stream.set_nodelay(true);
        let admitted = waiting.admit();
        let end = admitted.end(FIRST_HEAD_WITHIN);
        let stream = Patient::until_proven(stream, admitted.proof.clone(), end);
        let (proof, routes) = (admitted.proof, TowerToHyperService::new(router.clone()));
        let again = again.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            proof.give(); // Its head is there, whole.
            match again.asked(&request) {
                Asked::Known(response) => Either::Left(ready(Ok(response))),
                Asked::Anew(key) => Either::Right(again.clone().learn(key, routes.call(request))),
            }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let _permit = permit;
            connection.await
        });
    }
    graceful.shutdown().await;
    Ok(())
}
