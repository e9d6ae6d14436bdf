//! `/websites-status`: every target by name, as text that nothing is made anew for but itself.

use proto::{Outcome, Timestamp};

use super::first::newest;
use super::is_of;
use crate::state::{State, TargetIdx, VantageIdx};

/// What a target takes of the text, more often than not.
const BYTES: usize = 128;

/// The object, while it is being written.
#[derive(Debug)]
pub struct Websites {
    only: Option<VantageIdx>,
    /// The last name that was looked at.
    after: Option<String>,
    begun: bool,
    over: bool,
}

impl Websites {
    /// Nothing is written yet; of `only` one vantage, or of all.
    pub fn new(only: Option<VantageIdx>) -> Self {
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
            let target = state.target(idx);
            if target.listed && is_of(state, target, self.only) {
                text.push(if self.begun { ',' } else { '{' });
                self.begun = true;
                push(&mut text, (name, &target.entry.category), self.status(state, now, idx));
            }
        }
        self.over = rest.next().is_none();
        self.after = last.map(str::to_owned);
        if self.over {
            text.push_str(if self.begun { "}" } else { "{}" });
        }
        Some(text)
    }

    /// What a target answered with, or why there is no answer.
    fn status(&self, state: &State, now: Timestamp, idx: TargetIdx) -> Result<u16, &'static str> {
        let only = self.only;
        let ever = || {
            let vantages = state.vantages().filter(|(v, _)| only.is_none_or(|only| only == *v));
            let mut series = vantages.filter_map(|(v, _)| state.series(v, idx));
            series.any(|s| s.last_up.is_some() || s.last_not_up.is_some())
        };
        if state.target(idx).entry.paused {
            return Err("paused");
        }
        match newest(state, idx, now, only).map(|entry| entry.outcome) {
            Some(Outcome::Answered { status, .. }) => Ok(status),
            Some(Outcome::Failed(failure)) => Err(failure.name()),
            None if ever() => Err("unknown"),
            None => Err("pending"),
        }
    }
}

/// A target, by its name.
fn push(text: &mut String, (name, category): (&str, &str), status: Result<u16, &str>) {
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
