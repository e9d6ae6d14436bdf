//! A name server on a UDP port that answers what a test tells it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use agent::probe::{DnsServer, ProbeOptions, Prober};
use tokio::net::UdpSocket;
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
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let Some((name, kind, end)) = question(&packet[..length]) else { continue };
                log.lock().expect("not poisoned").push(format!("{name} {kind}"));
                if let Some(answer) = answer(&packet[..end], kind, &reply((&name, kind))) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
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
