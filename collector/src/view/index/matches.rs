//! Some of the targets of an order, a bit each: a million that match are counted, and gone on from anywhere, at no cost.

use std::iter::successors;
use std::sync::Arc;

use crate::state::TargetIdx;

/// See the module.
#[derive(Clone, Debug)]
pub struct Matches {
    order: Arc<[TargetIdx]>,
    /// 64 places of the order each, the first in the lowest bit; none is set beyond the order's end.
    bits: Vec<u64>,
    len: usize,
}

impl Matches {
    /// All of them.
    pub fn all(order: Arc<[TargetIdx]>) -> Self {
        let full = |first: usize| u64::MAX >> (64 - (order.len() - first).min(64));
        let bits = (0..order.len()).step_by(64).map(full).collect();
        Self::new(order, bits)
    }

    /// Those whose bits are set.
    pub(super) fn new(order: Arc<[TargetIdx]>, bits: Vec<u64>) -> Self {
        let len = bits.iter().map(|bits| bits.count_ones() as usize).sum();
        Self { order, bits, len }
    }

    /// The order that they are some of.
    pub fn order(&self) -> &Arc<[TargetIdx]> {
        &self.order
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Those at this place of the order or after it, with their places.
    pub fn onwards(&self, place: usize) -> impl Iterator<Item = (usize, TargetIdx)> {
        let first = place / 64;
        let words = self.bits.iter().enumerate().skip(first).map(move |(word, bits)| {
            let before = if word == first { place % 64 } else { 0 };
            (word, *bits >> before << before)
        });
        let places = words.flat_map(|(word, bits)| {
            let some = |bits: u64| (bits != 0).then_some(bits);
            let rest = successors(some(bits), move |bits| some(bits & (bits - 1)));
            rest.map(move |bits| word * 64 + bits.trailing_zeros() as usize)
        });
        places.map(|place| (place, self.order[place]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_gone_on_from_any_place_of_orders_of_any_length() {
        for len in [0, 1, 63, 64, 65, 200] {
            let order: Arc<[TargetIdx]> = (0..len).map(TargetIdx).collect();
            let all = Matches::all(order.clone());
            assert_eq!((all.len(), all.is_empty()), (len as usize, len == 0));
            let third = |word: u32| {
                let ours = (word * 64..len.min(word * 64 + 64)).filter(|place| place % 3 == 0);
                ours.fold(0, |bits, place| bits | 1_u64 << (place % 64))
            };
            let some = Matches::new(order, (0..len.div_ceil(64)).map(third).collect());
            for place in 0..=len as usize + 70 {
                assert!(
                    all.onwards(place).eq((place..len as usize).map(|n| (n, TargetIdx(n as u32))))
                );
                let every = (place..len as usize).filter(|n| n % 3 == 0);
                assert!(some.onwards(place).eq(every.map(|n| (n, TargetIdx(n as u32)))));
            }
        }
    }
}
