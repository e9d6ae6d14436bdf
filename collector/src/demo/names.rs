//! A name server for the agents of one vantage: every name under `.example` is this machine, and no other name exists.
//!
//! So nothing that the demo's agents look up leaves the machine; and a site can be lost to one vantage alone.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use agent::probe::DnsServer;
use tokio::net::UdpSocket;

/// Longer questions are not DNS as resolvers ask it over UDP.
const QUESTION_MAX: usize = 1_500;
/// Id, flags and four counts.
const HEADER: usize = 12;
/// What is under this is there, unless it is known to be lost. Nobody can own such a name (RFC 2606).
pub const HOME: &str = ".example";

/// A name that is not simply there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    ServerFailure,
}

/// The server, bound and not yet serving.
pub struct NameServer {
    socket: UdpSocket,
    address: SocketAddr,
    lost: HashMap<String, Lost>,
}

impl NameServer {
    /// Takes a port of this machine.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn bind(lost: HashMap<String, Lost>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, lost })
    }

    /// As agents are told where it is.
    pub fn address(&self) -> DnsServer {
        DnsServer { host: self.address.ip().to_string(), port: self.address.port() }
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    /// When its socket fails.
    pub async fn serve(self) -> io::Result<()> {
        let mut packet = [0; QUESTION_MAX];
        loop {
            let (length, from) = self.socket.recv_from(&mut packet).await?;
            if let Some(answer) = answer(&packet[..length], &self.lost) {
                self.socket.send_to(&answer, from).await?;
            }
        }
    }
}

/// The answer to a packet, if it is a question.
fn answer(packet: &[u8], lost: &HashMap<String, Lost>) -> Option<Vec<u8>> {
    let (name, is_v4, end) = question(packet)?;
    let there = name.ends_with(HOME);
    let code = match lost.get(&name) {
        Some(Lost::ServerFailure) => 2,
        Some(Lost::NoSuchName) => 3,
        None if !there => 3,
        None => 0,
    };
    let found = u8::from(code == 0 && is_v4); // There is no IPv6 here.
    let mut answer = packet[..end].to_vec();
    answer[2..HEADER].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, found, 0, 0, 0, 0]);
    if found == 1 {
        // The name of the question, A, IN, for 60 s, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(Ipv4Addr::LOCALHOST.octets());
    }
    Some(answer)
}

/// The name that is asked for, whether its IPv4 address is, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, bool, usize)> {
    let mut at = HEADER;
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
    let is_v4 = packet.get(at..at + 4)? == [0, 1, 0, 1];
    Some((labels.join("."), is_v4, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, kind: u8) -> Vec<u8> {
        let mut packet = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.bytes());
        }
        packet.extend([0, 0, kind, 0, 1]);
        let lost = [
            ("lost.example".to_owned(), Lost::NoSuchName),
            ("sick.example".to_owned(), Lost::ServerFailure),
        ];
        answer(&packet, &lost.into()).unwrap()
    }

    /// Response code, number of addresses, last four bytes.
    fn read(answer: &[u8]) -> (u8, u8, &[u8]) {
        assert_eq!(answer[..2], [7, 7], "the id of the question");
        (answer[3] & 0xf, answer[7], &answer[answer.len() - 4..])
    }

    #[test]
    fn every_name_of_the_demo_is_this_machine() {
        assert_eq!(read(&ask("www.Shop.example", 1)), (0, 1, &[127, 0, 0, 1][..]));
        let (code, found, _) = read(&ask("www.shop.example", 28)).to_owned();
        assert_eq!((code, found), (0, 0), "without an IPv6 address");
    }

    #[test]
    fn no_other_name_exists_and_lost_ones_are_lost() {
        for (name, expected) in
            [("example.org", 3), ("lost.example", 3), ("sick.example", 2), ("notexample", 3)]
        {
            let packet = ask(name, 1);
            let (code, found, _) = read(&packet);
            assert_eq!((code, found), (expected, 0), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_question_is_not_answered() {
        for packet in [&[][..], &[0; 12], &[0; 13], &[63; 40], &[0xff; 1500]] {
            assert_eq!(answer(packet, &HashMap::new()), None);
        }
    }
}
