//! What a probe ends as.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use proto::{Note, Outcome, Phases};

use super::trace::Phase;

/// How a probe ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// With evidence about the target.
    Report(Report),
    /// Without: this machine could not probe. Never a result.
    Fault(Fault),
}

/// What this machine ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Open files, of the process or of the system.
    Descriptors,
    /// Local ports towards one address.
    Ports,
    /// Kernel memory for sockets.
    Memory,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::Descriptors, Self::Ports, Self::Memory];

    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Ports => "ports",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of {}", self.name())
    }
}

/// What one probe found.
#[derive(Clone, Debug)]
pub struct Report {
    /// An answer, or the kind of its failure.
    pub outcome: Outcome,
    /// Where the time went.
    pub phases: Phases,
    /// Bytes of the body that were read, at most a read more than [`super::BODY_MAX`].
    pub body_bytes: u32,
    /// What travels with the result when it changed.
    pub note: Box<Note>,
    /// What only a person at a terminal wants to know: see [`super::Prober::explain`].
    pub details: Option<Box<Details>>,
}

/// How a probe went, step by step. Of a probe that followed redirects: of its last hop, where nothing else is said.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// What the host's name resolved to, in the order of preference.
    pub resolved: Vec<IpAddr>,
    /// Those of them that are refused, each with the reason.
    pub refused: Vec<(IpAddr, &'static str)>,
    /// The connections that were tried, over all hops.
    pub attempts: Vec<Attempt>,
    /// The cipher suite that was agreed on, in IANA's spelling, when a handshake succeeded.
    pub cipher: Option<String>,
    /// The redirects that were followed.
    pub redirects: Vec<Hop>,
    /// Whether the body went on after [`super::BODY_MAX`] bytes.
    pub body_cut: bool,
    /// The phase that the probe ended in.
    pub last_phase: Option<Phase>,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where to.
    pub address: SocketAddr,
    /// What the system said; none when it succeeded, or lost to a faster one.
    pub error: Option<String>,
}

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where to, without credentials.
    pub to: String,
}
