//! Values as bytes and back: varints, one after the other. Whoever reads knows what comes; a version stands in front.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Failure, Missed, Outcome, Timestamp, Uid, Unexpected};
use smallvec::SmallVec;

/// The bytes do not say what they must: what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} was expected")]
pub struct Damaged(pub &'static str);

/// Where values are written.
#[derive(Debug, Default)]
pub struct Out(pub Vec<u8>);

/// What values are read from.
#[derive(Debug)]
pub struct In<'a>(pub &'a [u8]);

impl Out {
    /// A number, in as few bytes as it needs.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Bytes with their length before them.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Another value.
    pub fn put(&mut self, value: &impl Coded) {
        value.put(self);
    }
}

impl<'a> In<'a> {
    /// What [`Out::number`] wrote.
    ///
    /// # Errors
    /// At the end of the bytes, or when it has more than 64 bits.
    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first().ok_or(Damaged("more bytes"))?;
            self.0 = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged("a number of 64 bits"))
    }

    /// Eight bytes as a number.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn fixed(&mut self) -> Result<u64, Damaged> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Damaged("eight bytes"))?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// How many values follow: never more than there are bytes.
    ///
    /// # Errors
    /// When there would be.
    pub fn count(&mut self) -> Result<usize, Damaged> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.0.len() { Err(Damaged("a length within the part")) } else { Ok(count) }
    }

    /// What [`Out::bytes`] wrote.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let count = self.count()?;
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(bytes)
    }

    /// Another value.
    ///
    /// # Errors
    /// When it is not there.
    pub fn take<T: Coded>(&mut self) -> Result<T, Damaged> {
        T::take(self)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value that can be written and read.
pub trait Coded: Sized {
    /// Writes it.
    fn put(&self, out: &mut Out);
    /// Reads it.
    ///
    /// # Errors
    /// When something else is there.
    fn take(input: &mut In<'_>) -> Result<Self, Damaged>;
}

macro_rules! unsigned {
    ($($type:ty),+) => { $(impl Coded for $type {
        fn put(&self, out: &mut Out) {
            out.number(u64::from(*self));
        }
        fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
            Self::try_from(input.number()?).map_err(|_| Damaged("a smaller number"))
        }
    })+ };
}
unsigned!(u8, u16, u32, u64);

impl Coded for i64 {
    fn put(&self, out: &mut Out) {
        out.number((self.wrapping_shl(1) ^ (self >> 63)) as u64);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let number = input.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

impl Coded for i32 {
    fn put(&self, out: &mut Out) {
        i64::from(*self).put(out);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Self::try_from(i64::take(input)?).map_err(|_| Damaged("a number of 32 bits"))
    }
}

impl Coded for bool {
    fn put(&self, out: &mut Out) {
        out.number(u64::from(*self));
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(input.number()? != 0)
    }
}

impl Coded for String {
    fn put(&self, out: &mut Out) {
        out.bytes(self.as_bytes());
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Self::from_utf8(input.bytes()?.to_vec()).map_err(|_| Damaged("a text"))
    }
}

impl Coded for Timestamp {
    fn put(&self, out: &mut Out) {
        self.millis().put(out);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        i64::take(input).map(Self::from_millis)
    }
}

impl Coded for Duration {
    fn put(&self, out: &mut Out) {
        out.number(u64::try_from(self.as_nanos()).unwrap_or(u64::MAX));
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        input.number().map(Self::from_nanos)
    }
}

impl Coded for Uid {
    fn put(&self, out: &mut Out) {
        out.number(self.0);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        input.number().map(Self)
    }
}

impl Coded for Missed {
    fn put(&self, out: &mut Out) {
        out.number(self.number().into());
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Self::from_number(u32::take(input)?).ok_or(Damaged("a reason to miss"))
    }
}

impl Coded for Failure {
    fn put(&self, out: &mut Out) {
        out.number(self.number().into());
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Self::from_number(u32::take(input)?).ok_or(Damaged("a failure"))
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Out) {
        out.put(&self.is_some());
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok(if input.take()? { Some(T::take(input)?) } else { None })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Out) {
        out.number(self.len() as u64);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let count = input.count()?;
        (0..count).map(|_| T::take(input)).collect()
    }
}

/// As a vector.
impl<T: Coded> Coded for SmallVec<[T; 1]> {
    fn put(&self, out: &mut Out) {
        out.number(self.len() as u64);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let count = input.count()?;
        (0..count).map(|_| T::take(input)).collect()
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, out: &mut Out) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        Ok((A::take(input)?, B::take(input)?))
    }
}

impl<K: Coded + Ord, V: Coded> Coded for BTreeMap<K, V> {
    fn put(&self, out: &mut Out) {
        out.number(self.len() as u64);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(input: &mut In<'_>) -> Result<Self, Damaged> {
        let count = input.count()?;
        (0..count).map(|_| <(K, V)>::take(input)).collect()
    }
}

/// An outcome is one number: a status code or (below 100) a failure, times three, and what was not expected of it.
pub fn put_outcome(out: &mut Out, outcome: Outcome) {
    let (code, unexpected) = match outcome {
        Outcome::Answered { status, unexpected } => {
            (u32::from(status), unexpected.map_or(0, Unexpected::number))
        }
        Outcome::Failed(failure) => (failure.number(), 0),
    };
    out.number(u64::from(code) * 3 + u64::from(unexpected));
}

/// What [`put_outcome`] wrote.
///
/// # Errors
/// When it is no outcome.
pub fn take_outcome(input: &mut In<'_>) -> Result<Outcome, Damaged> {
    let number = u32::take(input)?;
    let (code, unexpected) = (number / 3, number % 3);
    if code < 100 {
        let failure = Failure::from_number(code).ok_or(Damaged("a failure"))?;
        return Ok(Outcome::Failed(failure));
    }
    let status = u16::try_from(code).map_err(|_| Damaged("a status code"))?;
    Ok(Outcome::Answered { status, unexpected: Unexpected::from_number(unexpected) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sample = (Vec<(u64, i64)>, (Option<String>, BTreeMap<u16, i32>));

    proptest! {
        #[test]
        fn every_value_comes_back(value in any::<Sample>()) {
            let mut out = Out::default();
            value.put(&mut out);
            let mut input = In(&out.0);
            prop_assert_eq!(Sample::take(&mut input), Ok(value));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn damaged_bytes_are_an_error_or_another_value_and_never_more(bytes in any::<Vec<u8>>()) {
            let _either = Sample::take(&mut In(&bytes));
            let _either = take_outcome(&mut In(&bytes));
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_takes_no_memory() {
        let mut out = Out::default();
        out.number(u64::MAX >> 1);
        assert_eq!(Vec::<u64>::take(&mut In(&out.0)), Err(Damaged("a length within the part")));
    }
}
