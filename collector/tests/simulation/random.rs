//! Chance from a seed: the same on every machine and in every version of every library.

use std::time::Duration;

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c> describes the constants.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Mixed once: the streams of neighbouring seeds would be one stream, a number apart.
        Self(Self(seed).next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `from..to`.
    pub fn range(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    /// An index below `len`.
    pub fn below(&mut self, len: usize) -> usize {
        usize::try_from(self.range(0, len as u64)).expect("it is below a usize")
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// A time of `from..to` milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.range(from, to))
    }

    /// A time of 100 ms up to `longest`, as often short as long: every doubling has the same chance.
    pub fn span(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).max(200);
        let doublings = u64::from((longest / 100).ilog2());
        let up_to = 200u64 << self.range(0, doublings.max(1));
        self.millis(100, up_to.min(longest))
    }
}
