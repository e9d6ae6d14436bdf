//! One TCP connection to any of several addresses, as RFC 8305 races them: families in turn, a new attempt whenever the
//! last one failed or took [`STAGGER`].

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
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
pub(super) async fn dial(
    addresses: &[IpAddr],
    port: u16,
    trace: &mut Trace,
) -> Result<TcpStream, Stop> {
    let [only] = addresses else { return Box::pin(race(addresses, port, trace)).await };
    let address = SocketAddr::new(*only, port);
    trace.dialling(address);
    match connect(address).await {
        Ok(stream) => Ok(stream),
        Err(error) => {
            let mut failed = Failed::default();
            failed.add(address, &error, trace);
            Err(failed.stop())
        }
    }
}

async fn race(addresses: &[IpAddr], port: u16, trace: &mut Trace) -> Result<TcpStream, Stop> {
    let mut waiting = in_turn(addresses).into_iter().take(ATTEMPTS_MAX);
    let mut running = Vec::new();
    let mut failed = Failed::default();
    loop {
        if let Some(ip) = waiting.next() {
            let address = SocketAddr::new(ip, port);
            trace.dialling(address);
            running.push(Attempt { address, connecting: Box::pin(connect(address)) });
        }
        if running.is_empty() {
            return Err(failed.stop());
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
            Err(error) => failed.add(address, &error, trace),
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

/// The attempts that came to nothing.
#[derive(Default)]
struct Failed {
    causes: Vec<String>,
    /// That of all attempts, or `ConnectOther` where they differ.
    kind: Option<Cause>,
    /// A fault of ours in any attempt means that not all was tried that should have been.
    fault: Option<Fault>,
}

impl Failed {
    fn add(&mut self, address: SocketAddr, error: &io::Error, trace: &mut Trace) {
        let ports = || ports_exhausted(error, address).then_some(Fault::Ports);
        self.fault = self.fault.or_else(|| fault_of(error)).or_else(ports);
        let kind = kind_of(error);
        self.kind = Some(match self.kind {
            Some(before) if before != kind => Cause::ConnectOther,
            _ => kind,
        });
        let text = io_text(error);
        self.causes.push(format!("connect to {address}: {text}"));
        trace.dial_failed(address, text);
    }

    fn stop(self) -> Stop {
        if let Some(fault) = self.fault {
            return Stop::Fault(fault);
        }
        let mut cause = self.causes.iter().take(CAUSES_MAX).cloned().collect::<Vec<_>>().join("; ");
        if self.causes.len() > CAUSES_MAX {
            cause.push_str(&format!("; and {} more", self.causes.len() - CAUSES_MAX));
        }
        Stop::Failed(self.kind.unwrap_or(Cause::ConnectOther), cause)
    }
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
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
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
            let parse = |text: &str| -> Vec<IpAddr> {
                text.split_whitespace().map(|ip| ip.parse().unwrap()).collect()
            };
            assert_eq!(in_turn(&parse(given)), parse(expected));
        };
        check("::1 ::2 ::3 1.1.1.1 2.2.2.2", "::1 1.1.1.1 ::2 2.2.2.2 ::3");
        check("1.1.1.1 2.2.2.2 ::1", "1.1.1.1 ::1 2.2.2.2");
        check("1.1.1.1", "1.1.1.1");
        check("", "");
    }

    const NOBODY: &str = "127.0.0.2";
    const HERE: &str = "127.0.0.1";

    fn ips(list: [&str; 2]) -> [IpAddr; 2] {
        list.map(|ip| ip.parse().unwrap())
    }

    #[tokio::test]
    async fn a_refused_address_does_not_keep_from_the_next() {
        let open = TcpListener::bind((HERE, 0)).await.unwrap();
        let good = open.local_addr().unwrap();
        let mut trace = Trace::detailed();
        let stream = dial(&ips([NOBODY, HERE]), good.port(), &mut trace).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert_eq!(trace.note.remote_address, Some(good));
        let attempts = &trace.details().attempts;
        assert_eq!(attempts[0].error.as_deref(), Some("connection refused"));
        assert_eq!((attempts.len(), attempts[1].error.as_deref()), (2, None));
    }

    #[tokio::test]
    async fn a_silent_address_is_overtaken_by_the_next() {
        let open = TcpListener::bind((HERE, 0)).await.unwrap();
        let good = open.local_addr().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(NOBODY.parse().unwrap(), good.port())).unwrap();
        let full = socket.listen(1).unwrap();
        let silent = full.local_addr().unwrap();
        let mut backlog = Vec::new(); // What comes after it is full is dropped by the kernel.
        while let Ok(stream) = tokio::time::timeout(STAGGER, TcpStream::connect(silent)).await {
            backlog.push(stream.unwrap());
        }
        let mut trace = Trace::detailed();
        let addresses = ips([NOBODY, HERE]);
        let dialling = dial(&addresses, good.port(), &mut trace);
        let stream = tokio::time::timeout(STAGGER * 40, dialling).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }

    #[tokio::test]
    async fn when_no_address_answers_the_cause_names_them() {
        let open = TcpListener::bind((HERE, 0)).await.unwrap();
        let port = open.local_addr().unwrap().port();
        let refused = |ip| format!("connect to {ip}:{port}: connection refused");
        let ip = |ip: &str| -> IpAddr { ip.parse().unwrap() };
        for (addresses, expected) in [
            (vec![ip(NOBODY)], refused(NOBODY)),
            (vec![ip(NOBODY), ip("127.0.0.3")], [refused(NOBODY), refused("127.0.0.3")].join("; ")),
        ] {
            let stop = dial(&addresses, port, &mut Trace::detailed()).await.unwrap_err();
            let Stop::Failed(Cause::ConnectRefused, cause) = stop else { panic!("{stop:?}") };
            assert_eq!(cause, expected);
        }
    }
}
