//! Who was not let in, counted by reason; and told, but no more often than a log can bear.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lines in the log come no closer than this: whoever knocks a thousand times a second fills no disk.
const SAY_EVERY: Duration = Duration::from_secs(1);

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $text:literal,)+) => {
        /// Why a connection or a session was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refused { $($(#[$doc])* $variant,)+ }

        impl Refused {
            /// All of them.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// As the metric calls it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

reasons! {
    /// The TLS handshake failed, or took too long.
    Handshake "handshake",
    /// Too many connections without a session: the oldest went.
    Crowd "crowd",
    /// No token where one is asked for.
    NoToken "no_token",
    /// A token that is not accepted.
    Token "token",
    /// The certificate names other places than the Hello.
    Certificate "certificate",
    /// No Hello in time.
    Late "late",
    /// A message that cannot be.
    Malformed "malformed",
    /// More sessions than are held.
    Full "full",
    /// The id is another live agent's.
    IdInUse "id_in_use",
    /// More vantages than are held.
    Vantages "vantages",
    /// It follows a newer collector.
    OldLeader "old_leader",
}

/// The counts.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: [AtomicU64; Refused::ALL.len()],
    said: Mutex<Option<Instant>>,
    unsaid: AtomicU64,
}

impl Refusals {
    /// One more. `why` holds nothing that the peer sent but what may be shown.
    pub fn refuse(&self, reason: Refused, peer: Option<SocketAddr>, why: &str) {
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        *said = Some(Instant::now());
        let not_told = self.unsaid.swap(0, Ordering::Relaxed);
        let peer = peer.map(tracing::field::display);
        tracing::warn!(peer, reason = reason.name(), why, not_told, "a session was refused");
    }

    /// How many so far.
    pub fn count(&self, reason: Refused) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }
}
