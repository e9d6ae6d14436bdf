//! A name server on a UDP port that answers what a test tells it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use agent::probe::{DnsServer, ProbeOptions, Prober};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

/// What is answered to one question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Those of them that are of the family asked for; none means that the name has no such address.
    Addresses(Vec<IpAddr>),
    NoSuchName,
    ServerFailure,
    Refused,
    Silence,
    /// Another name for it; asked for that, the same again.
    Alias(&'static str),
}

/// `A` or `AAAA`.
pub(crate) type Question<'a> = (&'a str, &'static str);

/// Ends when it is dropped.
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    pub(crate) async fn start(
        reply: impl Fn(Question<'_>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (socket, listener) = sockets().await;
        let address = socket.local_addr().expect("bound");
        let reply = Arc::new(reply);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        let tcp_reply = Arc::clone(&reply);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let Some((name, kind, end)) = question(&packet[..length]) else { continue };
                log.lock().expect("not poisoned").push(format!("{name} {kind}"));
                if let Some(mut answer) = answer(&packet[..end], kind, &reply((&name, kind))) {
                    if answer.len() > UDP_MAX {
                        answer.truncate(end);
                        answer[2] |= 2; // Cut off: ask again over TCP.
                        answer[6..8].fill(0);
                    }
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        tasks.spawn(over_tcp(listener, tcp_reply));
        Self { address, asked, _tasks: tasks }
    }

    /// Answers the same to every question.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// A prober that asks this server.
    pub(crate) fn prober(&self) -> Prober {
        let server = DnsServer { host: self.address.ip().to_string(), port: self.address.port() };
        Prober::new(&ProbeOptions { dns: Some(server), ..ProbeOptions::default() }).expect("usable")
    }

    /// `name TYPE` of every question that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// The longest answer over UDP.
const UDP_MAX: usize = 512;

/// One of each kind at the same port.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        if let Ok(listener) = TcpListener::bind(address).await {
            return (socket, listener);
        }
    }
}

async fn over_tcp(listener: TcpListener, reply: Arc<impl Fn(Question<'_>) -> Reply>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        while let Ok(length) = stream.read_u16().await {
            let mut packet = vec![0; length.into()];
            let Ok(_) = stream.read_exact(&mut packet).await else { break };
            let Some((name, kind, end)) = question(&packet) else { break };
            let Some(answer) = answer(&packet[..end], kind, &reply((&name, kind))) else { break };
            let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
            let _ = stream.write_all(&[&length[..], &answer].concat()).await;
        }
    }
}

/// That the name asked for is another one for `name`.
fn alias(question: &[u8], name: &str) -> Vec<u8> {
    let mut packet = question.to_vec();
    packet[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    packet.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60]);
    let labels = name.split('.').map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    let encoded = [labels.collect::<Vec<_>>().concat(), vec![0]].concat();
    packet.extend(u16::try_from(encoded.len()).expect("short").to_be_bytes());
    packet.extend(encoded);
    packet
}

/// The name, its type, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, &'static str, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = match packet.get(at..at + 2)? {
        [0, 1] => "A",
        [0, 28] => "AAAA",
        _ => "other",
    };
    Some((labels.join("."), kind, at + 4))
}

fn answer(question: &[u8], kind: &str, reply: &Reply) -> Option<Vec<u8>> {
    let (code, addresses) = match reply {
        Reply::Addresses(all) => {
            let v4 = kind == "A";
            (0, all.iter().filter(|ip| ip.is_ipv4() == v4).collect())
        }
        Reply::ServerFailure => (2, Vec::new()),
        Reply::NoSuchName => (3, Vec::new()),
        Reply::Refused => (5, Vec::new()),
        Reply::Alias(name) => return Some(alias(question, name)),
        Reply::Silence => return None,
    };
    let count = u16::try_from(addresses.len()).expect("few");
    let mut packet = question.to_vec();
    packet[2..12].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]);
    packet[6..8].copy_from_slice(&count.to_be_bytes());
    for ip in addresses {
        packet.extend([0xc0, 12, 0, if ip.is_ipv4() { 1 } else { 28 }, 0, 1, 0, 0, 0, 60]);
        match ip {
            IpAddr::V4(ip) => packet.extend([&[0, 4][..], &ip.octets()].concat()),
            IpAddr::V6(ip) => packet.extend([&[0, 16][..], &ip.octets()].concat()),
        }
    }
    Some(packet)
}
