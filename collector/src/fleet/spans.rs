//! Stretches of time in which something held, few and bounded.

use std::collections::VecDeque;

use proto::Timestamp;

/// Spans kept; the oldest is forgotten first. A slot is judged at most half an hour after its plan, so that even a
/// change every two seconds is remembered long enough.
const SPANS_MAX: usize = 1024;

/// Times in which something held.
#[derive(Clone, Debug, Default)]
pub struct Spans(VecDeque<(Timestamp, Timestamp)>);

impl Spans {
    /// It held in `[from, to]`; what touches the newest span extends it.
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        match self.0.back_mut() {
            Some(last) if from <= last.1 && last.0 <= to => {
                *last = (last.0.min(from), last.1.max(to));
            }
            _ => {
                self.0.push_back((from, to));
                if self.0.len() > SPANS_MAX {
                    self.0.pop_front();
                }
            }
        }
    }

    /// Whether it held at some time in `[from, to]`.
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.0.iter().any(|(begin, end)| *begin <= to && from <= *end)
    }

    /// Whether it held all the time in `[from, to]`.
    pub fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        self.0.iter().any(|(begin, end)| *begin <= from && to <= *end)
    }
}
