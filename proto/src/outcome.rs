//! What a probe can find, and why a slot can lack a result: closed sets, named as the API names them.

/// What a probe found. A 500 is an answer; whether it counts as up is what `unexpected` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A whole answer came.
    Answered {
        /// 100 … 999.
        status: u16,
        /// What broke the target's expectation, if anything did.
        unexpected: Option<Unexpected>,
    },
    /// No answer.
    Failed(Failure),
}

impl Outcome {
    /// Answered as expected.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Answered { unexpected: None, .. })
    }
}

/// Declares a closed set with its number on the wire and its name in the API.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)+ }

        impl $name {
            /// Every member, in the order of their numbers.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$variant),+];

            /// The member with this number on the wire.
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Its number on the wire and in the log.
            pub fn number(self) -> u32 {
                self as u32
            }

            /// Its name in the API.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use closed_set;

closed_set! {
    /// Why no answer came. Each is a column of every summary.
    Failure {
        /// The name could not be resolved.
        Dns = 1 "dns",
        /// No connection to any of its addresses.
        Connect = 2 "connect",
        /// The handshake failed, or the certificate was not accepted.
        Tls = 3 "tls",
        /// The time was up, in whatever phase.
        Timeout = 4 "timeout",
        /// What came was not HTTP.
        Protocol = 5 "protocol",
        /// Too many redirects, a loop, or one to nowhere.
        Redirect = 6 "redirect",
        /// The body broke off.
        Read = 7 "read",
        /// The address is one that this agent refuses to dial: no evidence about the target.
        Blocked = 8 "blocked",
    }
}

closed_set! {
    /// What about an answer broke the target's expectation.
    Unexpected {
        /// Its status code.
        Status = 1 "status",
        /// Its body.
        Body = 2 "body",
    }
}

closed_set! {
    /// Why a settled slot has no result. Never evidence about the target.
    Missed {
        /// The agent's buffer of undelivered results was full.
        BufferFull = 1 "buffer_full",
        /// The agent's process stood still while the probe ran.
        AgentPaused = 2 "agent_paused",
        /// The agent had no room in the window.
        Overloaded = 3 "overloaded",
        /// The agent did not know the time well enough.
        ClockUnsure = 4 "clock_unsure",
        /// The agent ran out of descriptors, ports or memory.
        AgentFault = 5 "agent_fault",
        /// The agent could not take the target.
        Refused = 6 "refused",
        /// The agent was failing most of what it probed.
        AgentSuspect = 7 "agent_suspect",
        /// No collector led for a part of the window.
        CollectorDown = 8 "collector_down",
        /// The vantage had no agent in the whole window.
        NoAgent = 9 "no_agent",
        /// The agent that held the slot was lost.
        AgentLost = 10 "agent_lost",
        /// Nobody said anything: a bug wherever it appears.
        NotReported = 11 "not_reported",
    }
}

closed_set! {
    /// Why the collector did not take a result.
    Refusal {
        /// No target ever had this uid.
        UnknownTarget = 1 "unknown_target",
        /// The target is not probed from this vantage.
        WrongVantage = 2 "wrong_vantage",
        /// Not a planned start, or not started in its window.
        OutsideWindow = 3 "outside_window",
        /// An older specification than the one in force at the planned start.
        StaleSpec = 4 "stale_spec",
        /// Over 24 hours old.
        TooLate = 5 "too_late",
    }
}

/// How long each phase of a probe took, in microseconds; 0 when it was not reached or not needed. With redirects: sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Phases {
    /// From the name to its addresses.
    pub resolve_us: u32,
    /// The TCP connection.
    pub connect_us: u32,
    /// The TLS handshake.
    pub tls_us: u32,
    /// From the request to the first byte of the answer.
    pub processing_us: u32,
    /// From the first byte of the answer to the last.
    pub transfer_us: u32,
}

impl Phases {
    /// From start to end.
    pub fn total_us(self) -> u32 {
        let Self { resolve_us, connect_us, tls_us, processing_us, transfer_us } = self;
        [connect_us, tls_us, processing_us, transfer_us]
            .into_iter()
            .fold(resolve_us, u32::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_a_closed_set_comes_back_from_its_number() {
        assert!(Failure::ALL.iter().all(|f| Failure::from_number(f.number()) == Some(*f)));
        assert!(Missed::ALL.iter().all(|m| Missed::from_number(m.number()) == Some(*m)));
        assert!(Refusal::ALL.iter().all(|r| Refusal::from_number(r.number()) == Some(*r)));
        assert_eq!(Failure::from_number(0), None);
        assert_eq!(Missed::from_number(99), None);
    }
}
