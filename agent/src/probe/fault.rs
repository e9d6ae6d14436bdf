//! Whose fault an error is: the target's, or this machine's, which must never count against a target.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use proto::Cause;
use rustix::io::Errno;

use super::report::Fault;

/// Why a probe ends before an answer.
#[derive(Debug)]
pub(super) enum Stop {
    /// Evidence about the target, with the cause for people.
    Failed(Cause, String),
    /// None.
    Fault(Fault),
}

impl Stop {
    pub(super) fn failed(kind: Cause, cause: impl Into<String>) -> Self {
        Self::Failed(kind, cause.into())
    }

    /// A failure of this kind, unless `error` was caused by a fault of this machine.
    pub(super) fn from_error(
        kind: Cause,
        error: &(dyn Error + 'static),
        cause: impl Into<String>,
    ) -> Self {
        match io_cause(error).and_then(fault_of) {
            Some(fault) => Self::Fault(fault),
            None => Self::Failed(kind, cause.into()),
        }
    }
}

/// The fault of this machine that `error` reports, if it does. For an exhausted port range see [`ports_exhausted`].
pub(super) fn fault_of(error: &io::Error) -> Option<Fault> {
    match Errno::from_io_error(error)? {
        Errno::MFILE | Errno::NFILE => Some(Fault::Descriptors),
        Errno::NOBUFS | Errno::NOMEM => Some(Fault::Memory),
        _ => None,
    }
}

/// Whether `error`, from connecting to `target`, means that this machine ran out of local ports.
///
/// EADDRNOTAVAIL also means that this machine has no address to reach `target` from (IPv6 switched off, say), which is
/// no fault. A UDP socket tells them apart, without sending anything: it needs such an address, but no TCP port.
pub(super) fn ports_exhausted(error: &io::Error, target: SocketAddr) -> bool {
    if Errno::from_io_error(error) != Some(Errno::ADDRNOTAVAIL) {
        return false;
    }
    let any: SocketAddr = if target.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    UdpSocket::bind(any).is_ok_and(|socket| socket.connect(target).is_ok())
}

/// The innermost I/O error that caused `error`.
pub(super) fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            found = Some(io);
            // An io::Error made of another error answers `source()` with the source of that one: look inside first.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = error.source();
    }
    found
}

/// What the system calls `error`, without Rust's "(os error 111)".
pub(super) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = plain.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_or_memory_is_our_fault_and_a_refusal_is_not() {
        let fault = |errno: Errno| fault_of(&io::Error::from(errno));
        assert_eq!(fault(Errno::MFILE), Some(Fault::Descriptors));
        assert_eq!(fault(Errno::NFILE), Some(Fault::Descriptors));
        assert_eq!(fault(Errno::NOBUFS), Some(Fault::Memory));
        assert_eq!(fault(Errno::NOMEM), Some(Fault::Memory));
        assert_eq!(fault(Errno::CONNREFUSED), None);
        assert_eq!(fault_of(&io::Error::other("text")), None);
    }

    #[test]
    fn no_local_port_is_a_fault_only_where_the_target_is_reachable_at_all() {
        let error = io::Error::from(Errno::ADDRNOTAVAIL);
        assert!(ports_exhausted(&error, "127.0.0.1:80".parse().unwrap()));
        let other = io::Error::from(Errno::CONNREFUSED);
        assert!(!ports_exhausted(&other, "127.0.0.1:80".parse().unwrap()));
    }

    #[test]
    fn a_fault_is_found_under_other_errors() {
        let inner = io::Error::from(Errno::MFILE);
        let wrapped = io::Error::other(inner);
        assert_eq!(io_cause(&wrapped).and_then(fault_of), Some(Fault::Descriptors));
    }

    #[test]
    fn an_error_reads_as_the_system_says_it() {
        assert_eq!(io_text(&io::Error::from(Errno::CONNREFUSED)), "connection refused");
    }
}
