//! Latencies as counts of buckets: mergeable, a few bytes an hour, and no value is off by more than [`SKETCH_ERROR`].

use std::collections::BTreeMap;

use super::code::{Coded, Damaged, In, Out};

/// How far a percentile may be from the sample that it stands for, as a part of it: a bucket is a 64th of its octave wide
/// and spoken for by its middle.
pub const SKETCH_ERROR: f64 = 1.0 / 128.0;

/// Samples below this are buckets of their own.
const EXACT: u32 = 128;
/// Buckets an octave, as a power of two.
const BITS: u32 = 6;

/// Counted samples, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    buckets: BTreeMap<u16, u64>,
    max: u32,
}

fn bucket(us: u32) -> u16 {
    if us < EXACT {
        return us as u16;
    }
    let octave = us.ilog2();
    let place = (us >> (octave - BITS)) & ((1 << BITS) - 1);
    (EXACT + ((octave - 7) << BITS) + place) as u16
}

fn middle(bucket: u16) -> u32 {
    let bucket = u32::from(bucket);
    let Some(above) = bucket.checked_sub(EXACT) else { return bucket };
    let shift = ((above >> BITS) + 7 - BITS).min(31 - BITS);
    let low = ((1 << BITS) + (above & ((1 << BITS) - 1))) << shift;
    low + ((1 << shift) >> 1)
}

impl Sketch {
    /// One more sample.
    pub fn add(&mut self, us: u32) {
        *self.buckets.entry(bucket(us)).or_default() += 1;
        self.max = self.max.max(us);
    }

    /// All of another's.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.max = self.max.max(other.max);
    }

    /// The sample at the nearest rank, within [`SKETCH_ERROR`]; nothing without samples.
    pub fn percentile(&self, percent: u32) -> Option<u32> {
        let total: u64 = self.buckets.values().sum();
        let rank = (total * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map(|(bucket, _)| middle(*bucket).min(self.max))
    }

    /// The greatest sample, exactly.
    pub fn max(&self) -> Option<u32> {
        (!self.buckets.is_empty()).then_some(self.max)
    }
}

impl Coded for Sketch {
    fn put(&self, out: &mut Out) {
        let Self { buckets, max } = self;
        out.number(buckets.len() as u64);
        let mut before = 0;
        for (bucket, count) in buckets {
            out.number(u64::from(bucket - before));
            out.number(*count);
            before = *bucket;
        }
        out.put(max);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let count = input.count()?;
        let mut before = 0_u16;
        let mut buckets = BTreeMap::new();
        for _ in 0..count {
            let step: u16 = input.take()?;
            before = before.checked_add(step).ok_or(Damaged("a bucket"))?;
            buckets.insert(before, input.number()?);
        }
        Ok(Self { buckets, max: input.take()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tally::nearest_rank;
    use proptest::prelude::*;

    #[test]
    fn buckets_rise_with_their_samples_and_have_no_gaps() {
        let mut before = 0;
        for us in (0..20_000).chain([1 << 20, u32::MAX / 2, u32::MAX]) {
            let (bucket, middle) = (bucket(us), middle(bucket(us)));
            assert!(bucket == before || bucket == before + 1 || us >= 20_000, "{us}");
            assert!(
                f64::from(middle.abs_diff(us)) <= f64::from(us) * SKETCH_ERROR,
                "{us} {middle}"
            );
            before = bucket;
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_the_stated_error_of_the_sample_and_merging_changes_nothing(
            one in prop::collection::vec(0..60_000_000_u32, 0..80),
            other in prop::collection::vec(0..60_000_000_u32, 1..80), percent in 1..=100_u32,
        ) {
            let sketch = |samples: &[u32]| {
                let mut sketch = Sketch::default();
                samples.iter().for_each(|us| sketch.add(*us));
                sketch
            };
            let mut all = [one.clone(), other.clone()].concat();
            let mut merged = sketch(&one);
            merged.merge(&sketch(&other));
            prop_assert_eq!(&merged, &sketch(&all));
            all.sort_unstable();
            let exact = nearest_rank(&all, percent).unwrap();
            let found = merged.percentile(percent).unwrap();
            prop_assert!(f64::from(found.abs_diff(exact)) <= f64::from(exact) * SKETCH_ERROR);
            prop_assert_eq!(merged.max(), all.last().copied());
            let mut out = Out::default();
            merged.put(&mut out);
            prop_assert_eq!(Sketch::take(&mut In(&out.0)), Ok(merged));
        }
    }
}
