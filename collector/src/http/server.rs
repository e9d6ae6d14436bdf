//! The HTTP port: so many connections and no more, and no patience with half a request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at once; more wait in the system's queue. Each costs a descriptor and some 20 KiB.
const CONNECTIONS_MAX: usize = 1024;
/// How long the head of a request may take, and so how long a connection may idle: longer than load balancers let one idle
/// (AWS: 60 s), or they would send requests into connections that are just being closed, and answer 502.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
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
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_WITHIN);
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
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
        let service = TowerToHyperService::new(router.clone());
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
