//! A TCP proxy whose ways are slow, stalled, cut or broken, each direction for itself, as the test says.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of bytes in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Everything comes so much later.
    Slow(Duration),
    /// Some bytes at a time.
    Trickle,
    /// Nothing comes before the way is open again, and then everything: what TCP sends again once it can.
    Stalled,
    /// Nothing comes, and neither does an end. A connection that lost something is broken once the way is open again.
    Swallowed,
}

/// Both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// From those who dial.
    pub up: Way,
    /// To them.
    pub down: Way,
}

impl Ways {
    pub const OPEN: Self = Self { up: Way::Open, down: Way::Open };

    fn is_cut(self) -> bool {
        [self.up, self.down].iter().any(|way| matches!(way, Way::Stalled | Way::Swallowed))
    }
}

const TRICKLE_BYTES: usize = 100;
const TRICKLE_EVERY: Duration = Duration::from_millis(20);

/// Carries every connection to one address until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    ways: watch::Sender<Ways>,
    resets: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub fn start(runtime: &Runtime, to: SocketAddr) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let ways = watch::Sender::new(Ways::OPEN);
        let resets = watch::Sender::new(0);
        let task = runtime.spawn(serve(listener, to, ways.subscribe(), resets.subscribe()));
        Self { address, ways, resets, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, ways: Ways) {
        self.ways.send_replace(ways);
    }

    /// Breaks every connection, so that both ends hear of it.
    pub fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    to: SocketAddr,
    ways: watch::Receiver<Ways>,
    resets: watch::Receiver<u64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(carry(stream, to, ways.clone(), resets.clone()));
            }
            Some(ended) = connections.join_next() => ended.expect("it does not panic"),
        }
    }
}

async fn carry(
    mut near: TcpStream,
    to: SocketAddr,
    mut ways: watch::Receiver<Ways>,
    mut resets: watch::Receiver<u64>,
) {
    resets.mark_unchanged();
    // Nobody is reached over a cut way.
    if ways.wait_for(|ways| !ways.is_cut()).await.is_err() {
        return;
    }
    if let Ok(mut far) = TcpStream::connect(to).await {
        let broken = {
            let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
            let both = async {
                tokio::try_join!(
                    pump(near_read, far_write, ways.clone(), |ways| ways.up),
                    pump(far_read, near_write, ways.clone(), |ways| ways.down),
                )
            };
            tokio::select! {
                ended = both => ended.is_err(),
                _ = resets.changed() => true,
            }
        };
        if !broken {
            return;
        }
        // Closed with a reset; a stream that refuses is broken already.
        let _broken_already = far.set_zero_linger();
    }
    let _broken_already = near.set_zero_linger();
}

/// Carries bytes until their end has been carried, too.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut ways: watch::Receiver<Ways>,
    of: fn(Ways) -> Way,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    let mut lost = false;
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            open = ways.wait_for(|ways| of(*ways) != Way::Swallowed), if lost => {
                return Err(open.map_or(io::ErrorKind::NotConnected, |_| io::ErrorKind::ConnectionReset).into());
            }
        };
        let mut rest = &buffer[..read];
        loop {
            let way = of(*ways.borrow_and_update());
            match way {
                Way::Swallowed => {
                    lost = true;
                    if read == 0 {
                        // There is nothing more to read.
                        let _open_or_over = ways.wait_for(|ways| of(*ways) != way).await;
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                    break;
                }
                _ if lost => return Err(io::ErrorKind::ConnectionReset.into()),
                Way::Stalled => {
                    if ways.changed().await.is_err() {
                        return Err(io::ErrorKind::NotConnected.into());
                    }
                    continue;
                }
                Way::Slow(time) => tokio::time::sleep(time).await,
                Way::Trickle => tokio::time::sleep(TRICKLE_EVERY).await,
                Way::Open => {}
            }
            if read == 0 {
                return to.shutdown().await;
            }
            let some = if way == Way::Trickle { rest.len().min(TRICKLE_BYTES) } else { rest.len() };
            to.write_all(&rest[..some]).await?;
            rest = &rest[some..];
            if rest.is_empty() {
                break;
            }
        }
    }
}
