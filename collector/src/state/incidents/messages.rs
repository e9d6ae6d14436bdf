//! What is to be told of incidents: a bounded list that every receiver reads at its own pace, and how far each has read.

use std::collections::{BTreeMap, VecDeque};

use proto::Timestamp;

/// Messages kept. A receiver that is further behind is told how many it missed.
pub const MESSAGES_MAX: usize = 2000;
/// Receivers whose place is remembered; the one furthest behind is forgotten first.
const SINKS_MAX: usize = 32;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It has begun.
    Opened,
    /// It has grown by much.
    Grown,
    /// It was a warning and is critical now.
    Worse,
    /// It is over.
    Closed,
}

impl What {
    /// Its name in the API and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Grown => "grown",
            Self::Worse => "worse",
            Self::Closed => "closed",
        }
    }
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// 1, 2, 3, …
    pub number: u64,
    /// Of which incident.
    pub incident: u64,
    /// What became of it.
    pub what: What,
    /// When.
    pub at: Timestamp,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    pub(super) list: VecDeque<Message>,
    pub(super) count: u64,
    /// By a hash of their address: the last message that each has taken.
    pub(super) told: BTreeMap<u64, u64>,
}

impl Messages {
    pub(super) fn push(&mut self, incident: u64, what: What, at: Timestamp) {
        self.count += 1;
        if self.list.len() >= MESSAGES_MAX {
            self.list.pop_front();
        }
        self.list.push_back(Message { number: self.count, incident, what, at });
    }

    /// Those after the one of this number, oldest first.
    pub fn after(&self, number: u64) -> impl ExactSizeIterator<Item = &Message> {
        let first = self.list.partition_point(|message| message.number <= number);
        self.list.range(first..)
    }

    /// How many of those after this number are not here any more.
    pub fn lost_after(&self, number: u64) -> u64 {
        let first = self.list.front().map_or(self.count + 1, |first| first.number);
        first.saturating_sub(number + 1)
    }

    /// How many there ever were: the number of the newest.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last message that a receiver has taken; none for one that was never heard of.
    pub fn told(&self, sink: u64) -> Option<u64> {
        self.told.get(&sink).copied()
    }

    /// A receiver has taken all up to this number.
    pub fn tell(&mut self, sink: u64, up_to: u64) {
        let told = self.told.entry(sink).or_default();
        *told = up_to.min(self.count).max(*told);
        if self.told.len() > SINKS_MAX {
            let last = self.told.iter().min_by_key(|(sink, told)| (**told, **sink));
            if let Some(last) = last.map(|(sink, _)| *sink) {
                self.told.remove(&last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_says_how_many_a_receiver_missed() {
        let mut messages = Messages::default();
        for n in 0..MESSAGES_MAX as u64 + 5 {
            messages.push(n, What::Opened, Timestamp::EPOCH);
        }
        assert_eq!(messages.after(0).len(), MESSAGES_MAX);
        assert_eq!(messages.lost_after(0), 5);
        assert_eq!(messages.lost_after(5), 0);
        assert_eq!(messages.after(messages.count()).len(), 0);
    }

    #[test]
    fn what_a_receiver_took_never_falls_and_never_passes_the_newest() {
        let mut messages = Messages::default();
        messages.push(1, What::Opened, Timestamp::EPOCH);
        messages.push(1, What::Closed, Timestamp::EPOCH);
        assert_eq!(messages.told(7), None);
        messages.tell(7, 9);
        messages.tell(7, 1);
        assert_eq!(messages.told(7), Some(2));
    }
}
