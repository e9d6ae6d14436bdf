//! `/websites-status`: every target by name, as text that nothing is made anew for but itself.

mod ready;

use proto::{Failure, Outcome, Timestamp};

use super::first::representative;
use super::is_of;
use crate::state::{State, TargetIdx, VantageIdx};
use crate::verdict::fresh_until;

pub use ready::Ready;

/// What a target takes of the text, more often than not.
const BYTES: usize = 128;

/// The object of one vantage, while it is being written.
#[derive(Debug)]
pub struct Websites {
    only: VantageIdx,
    /// The last name that was looked at.
    after: Option<String>,
    begun: bool,
    over: bool,
}

impl Websites {
    /// Nothing is written yet.
    pub fn new(only: VantageIdx) -> Self {
        Self { only, after: None, begun: false, over: false }
    }

    /// Whether all of it is written.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The next piece of the JSON text: so many targets more, or the end. Nothing after that.
    pub fn go_on(&mut self, state: &State, now: Timestamp, most: usize) -> Option<String> {
        if self.over {
            return None;
        }
        let mut text = String::with_capacity(most.min(state.targets().len()) * BYTES);
        let after = self.after.take();
        let mut rest = state.after_name(after.as_deref());
        let mut last = None;
        for (name, idx) in rest.by_ref().take(most) {
            last = Some(name);
            let (shown, _) = Shown::of(state, now, idx, Some(self.only));
            push(&mut text, (name, &state.target(idx).entry.category), shown);
        }
        self.over = rest.next().is_none();
        self.after = last.map(str::to_owned);
        if !self.begun && !text.is_empty() {
            self.begun = true;
            text.replace_range(..1, "{");
        }
        if self.over {
            text.push_str(if self.begun { "}" } else { "{}" });
        }
        Some(text)
    }
}

/// What the text says of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Answered(u16),
    Failed(Failure),
    /// It had results, and none of them is fresh.
    Unknown,
    /// It never had one.
    Pending,
    Paused,
    /// Nothing.
    Unlisted,
}

impl Shown {
    /// What is to be said now, and until when if nothing comes: what is fresh grows old.
    fn of(
        state: &State,
        now: Timestamp,
        idx: TargetIdx,
        only: Option<VantageIdx>,
    ) -> (Self, Timestamp) {
        let target = state.target(idx);
        if !target.listed || !is_of(state, target, only) {
            return (Self::Unlisted, Timestamp::MAX);
        }
        if target.entry.paused {
            return (Self::Paused, Timestamp::MAX);
        }
        let mut oldest = Timestamp::MAX;
        let fresh = state.fresh(idx, now, only, true).map(|(_, entry)| {
            oldest = oldest.min(entry.planned);
            entry
        });
        let shown = match representative(fresh, target.entry.slow_after).map(|e| e.outcome) {
            Some(Outcome::Answered { status, .. }) => Self::Answered(status),
            Some(Outcome::Failed(failure)) => Self::Failed(failure),
            None if had_results(state, idx, only) => Self::Unknown,
            None => Self::Pending,
        };
        (shown, fresh_until(oldest, target.entry.interval))
    }
}

fn had_results(state: &State, idx: TargetIdx, only: Option<VantageIdx>) -> bool {
    let vantages = state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v));
    let mut series = vantages.filter_map(|(v, _)| state.series(v, idx));
    series.any(|s| s.last_up.is_some() || s.last_not_up.is_some())
}

/// A comma and a target, by its name; nothing of one that is not listed.
fn push(text: &mut String, (name, category): (&str, &str), shown: Shown) {
    let status = match shown {
        Shown::Answered(status) => Ok(status),
        Shown::Failed(failure) => Err(failure.name()),
        Shown::Unknown => Err("unknown"),
        Shown::Pending => Err("pending"),
        Shown::Paused => Err("paused"),
        Shown::Unlisted => return,
    };
    text.push(',');
    let begin = text.len();
    push_text(text, name);
    let end = text.len();
    text.push_str(":{\"name\":");
    text.extend_from_within(begin..end);
    text.push_str(",\"Category\":");
    push_text(text, category);
    text.push_str(",\"Status\":");
    match status {
        Ok(status) => push_number(text, status),
        Err(error) => {
            text.push_str("null,\"Error\":");
            push_text(text, error);
        }
    }
    text.push('}');
}

/// A number as JSON has it. What writes numbers of any kind takes as long as all the rest.
fn push_number(into: &mut String, number: u16) {
    if number >= 10 {
        push_number(into, number / 10);
    }
    into.push(char::from(b'0' + (number % 10) as u8));
}

/// A text as JSON has it.
fn push_text(into: &mut String, text: &str) {
    // All of it is looked at, many bytes at a time; hardly any has something to escape.
    let plain = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        into.push('"');
        into.push_str(text);
        into.push('"');
    } else {
        into.push_str(&serde_json::to_string(text).expect("plain JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_serde_writes_it() {
        for number in 0..=u16::MAX {
            let mut written = String::new();
            push_number(&mut written, number);
            assert_eq!(written, number.to_string());
        }
    }

    #[test]
    fn a_text_is_written_as_serde_writes_it() {
        let texts = (0..=0x250).filter_map(char::from_u32).map(|c| format!("a{c}z"));
        for text in texts.chain(["".into(), "\"\\\n".into(), "✓ ünï".into()]) {
            let mut written = String::new();
            push_text(&mut written, &text);
            assert_eq!(written, serde_json::to_string(&text).expect("plain JSON"));
        }
    }
}
