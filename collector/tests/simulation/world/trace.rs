//! Every byte of every event, in a form that can be kept.

use std::fmt::{self, Debug, Write};

use super::World;

/// A hash of each event's text.
#[derive(Default)]
pub struct Trace(Vec<u64>);

impl Trace {
    /// The first event that is not the same in both.
    pub fn differs(&self, other: &Self) -> Option<usize> {
        let same = self.0.iter().zip(&other.0).take_while(|(one, other)| one == other).count();
        (same < self.0.len().max(other.0.len())).then_some(same)
    }
}

/// FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

impl World {
    /// Node `n`, or the collector, takes an event.
    pub(super) fn note(&mut self, n: usize, event: &impl Debug) {
        let Some(Trace(events)) = &mut self.trace else { return };
        let mut hash = Hash(0xcbf2_9ce4_8422_2325);
        let _infallible = write!(hash, "{:?} {n} {event:?}", self.now);
        events.push(hash.0);
    }
}
