//! One TCP connection to any of several addresses, as RFC 8305 races them: families in turn, a new attempt whenever the
//! last one failed or took [`STAGGER`].

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::Cause;
use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::fault::{Stop, fault_of, io_text, ports_exhausted};
use super::report::Fault;
use super::trace::Trace;

/// How long an attempt has before the next one starts beside it.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses that are tried: the last starts after two seconds at the latest.
const ATTEMPTS_MAX: usize = 8;
/// Addresses whose errors are named in a cause.
const CAUSES_MAX: usize = 3;

struct Attempt {
    address: SocketAddr,
    connecting: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
}

/// The first connection that comes about. `trace` learns of every attempt.
pub(super) async fn dial(targets: &[SocketAddr], trace: &mut Trace) -> Result<TcpStream, Stop> {
    let mut waiting = in_turn(targets).into_iter().take(ATTEMPTS_MAX);
    let mut running = Vec::new();
    let mut causes = Vec::new();
    let mut kinds = Vec::new();
    let mut fault = None;
    loop {
        if let Some(address) = waiting.next() {
            trace.dialling(address);
            running.push(Attempt { address, connecting: Box::pin(connect(address)) });
        }
        if running.is_empty() {
            return Err(all_failed(&causes, &kinds, fault));
        }
        let (address, connected) = tokio::select! {
            ended = poll_fn(|cx| poll_first(&mut running, cx)) => ended,
            () = sleep(STAGGER), if waiting.len() > 0 => continue,
        };
        match connected {
            Ok(stream) => {
                trace.note.remote_address = Some(address);
                return Ok(stream);
            }
            Err(error) => {
                let ports = ports_exhausted(&error, address).then_some(Fault::Ports);
                fault = fault.or_else(|| fault_of(&error)).or(ports);
                trace.dial_failed(address, io_text(&error));
                kinds.push(kind_of(&error));
                causes.push(format!("connect to {address}: {}", io_text(&error)));
            }
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// The first attempt that ends; it leaves `running`.
fn poll_first(
    running: &mut Vec<Attempt>,
    cx: &mut Context<'_>,
) -> Poll<(SocketAddr, io::Result<TcpStream>)> {
    for index in 0..running.len() {
        if let Poll::Ready(result) = running[index].connecting.as_mut().poll(cx) {
            return Poll::Ready((running.swap_remove(index).address, result));
        }
    }
    Poll::Pending
}

/// A fault of ours in any attempt means that not all was tried that should have been.
fn all_failed(causes: &[String], kinds: &[Cause], fault: Option<Fault>) -> Stop {
    if let Some(fault) = fault {
        return Stop::Fault(fault);
    }
    let mut cause = causes.iter().take(CAUSES_MAX).cloned().collect::<Vec<_>>().join("; ");
    if causes.len() > CAUSES_MAX {
        cause.push_str(&format!("; and {} more", causes.len() - CAUSES_MAX));
    }
    let kind = match kinds {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => Cause::ConnectOther,
    };
    Stop::Failed(kind, cause)
}

fn kind_of(error: &io::Error) -> Cause {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => Cause::ConnectRefused,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH) => Cause::ConnectUnreachable,
        Some(Errno::TIMEDOUT) => Cause::ConnectTimeout,
        _ => Cause::ConnectOther,
    }
}

/// One address of each family in turn, beginning with the family of the first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let family = |same: bool| {
        addresses.iter().copied().filter(move |a| (a.is_ipv4() == first.is_ipv4()) == same)
    };
    let (mut same, mut other) = (family(true), family(false));
    let mut order = Vec::with_capacity(addresses.len());
    loop {
        let pair = [same.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns_and_the_first_stays_first() {
        let check = |given: &str, expected: &str| {
            let parse = |text: &str| -> Vec<SocketAddr> {
                text.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect()
            };
            assert_eq!(in_turn(&parse(given)), parse(expected));
        };
        check("::1 ::2 ::3 1.1.1.1 2.2.2.2", "::1 1.1.1.1 ::2 2.2.2.2 ::3");
        check("1.1.1.1 2.2.2.2 ::1", "1.1.1.1 ::1 2.2.2.2");
        check("1.1.1.1", "1.1.1.1");
        check("", "");
    }

    #[tokio::test]
    async fn a_refused_address_does_not_keep_from_the_next() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = open.local_addr().unwrap();
        let mut trace = Trace::new("a");
        let stream = dial(&[refused, good], &mut trace).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert_eq!(trace.note.remote_address, Some(good));
        let attempts = &trace.details.attempts;
        assert_eq!(attempts[0].error.as_deref(), Some("connection refused"));
        assert_eq!((attempts.len(), attempts[1].error.as_deref()), (2, None));
    }

    #[tokio::test]
    async fn a_silent_address_is_overtaken_by_the_next() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(1).unwrap();
        let silent = full.local_addr().unwrap();
        let mut backlog = Vec::new(); // What comes after it is full is dropped by the kernel.
        while let Ok(stream) = tokio::time::timeout(STAGGER, TcpStream::connect(silent)).await {
            backlog.push(stream.unwrap());
        }
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = open.local_addr().unwrap();
        let mut trace = Trace::new("a");
        let targets = [silent, good];
        let dialling = dial(&targets, &mut trace);
        let stream = tokio::time::timeout(STAGGER * 40, dialling).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }

    #[tokio::test]
    async fn when_no_address_answers_the_cause_names_them() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let stop = dial(&[refused], &mut Trace::new("a")).await.unwrap_err();
        let Stop::Failed(Cause::ConnectRefused, cause) = stop else { panic!("{stop:?}") };
        assert_eq!(cause, format!("connect to {refused}: connection refused"));
    }
}
