//! How many messages a receiver gets: so many a minute, and then one that sums up.

use std::collections::VecDeque;
use std::time::Duration;

use proto::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

/// What to do with what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Send the first message.
    One,
    /// Send all that waits as one message.
    Summary,
    /// Wait so long.
    Wait(Duration),
}

/// What was sent in the last minute.
#[derive(Debug)]
pub(super) struct Budget {
    a_minute: usize,
    sent: VecDeque<Timestamp>,
    /// It was spent: what waits when the minute is over is summed up.
    spent: bool,
}

impl Budget {
    pub(super) fn new(a_minute: usize) -> Self {
        Self { a_minute: a_minute.max(1), sent: VecDeque::new(), spent: false }
    }

    /// What to do now with so many messages that wait; at least one does.
    pub(super) fn turn(&mut self, now: Timestamp, waiting: usize) -> Turn {
        while self.sent.front().is_some_and(|first| now.since(*first) >= MINUTE) {
            self.sent.pop_front();
        }
        if self.sent.len() >= self.a_minute {
            self.spent = true;
        }
        match (self.spent, self.sent.back()) {
            // A whole minute after the last one, so that at most one more than the budget falls into any minute.
            (true, Some(last)) => Turn::Wait(MINUTE.saturating_sub(now.since(*last))),
            (true, None) if waiting > 1 => Turn::Summary,
            _ => Turn::One,
        }
    }

    /// A message was taken.
    pub(super) fn sent(&mut self, now: Timestamp) {
        self.spent &= !self.sent.is_empty();
        self.sent.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn ten_messages_are_sent_at_once_and_the_rest_is_summed_up_a_minute_later() {
        let mut budget = Budget::new(10);
        for n in 0..10 {
            assert_eq!(budget.turn(at(n), 500), Turn::One);
            budget.sent(at(n));
        }
        assert_eq!(budget.turn(at(10), 490), Turn::Wait(Duration::from_secs(59)));
        assert_eq!(budget.turn(at(68), 490), Turn::Wait(Duration::from_secs(1)));
        assert_eq!(budget.turn(at(69), 490), Turn::Summary);
        budget.sent(at(69));
        assert_eq!(budget.turn(at(70), 1), Turn::One, "the budget is whole again");
    }

    #[test]
    fn a_single_message_that_waited_is_sent_as_it_is() {
        let mut budget = Budget::new(1);
        assert_eq!(budget.turn(at(0), 1), Turn::One);
        budget.sent(at(0));
        assert_eq!(budget.turn(at(1), 1), Turn::Wait(Duration::from_secs(59)));
        assert_eq!(budget.turn(at(60), 1), Turn::One);
    }

    #[test]
    fn nobody_gets_more_than_the_budget_and_one_in_any_minute() {
        let mut budget = Budget::new(3);
        let mut sent = Vec::new();
        for second in 0..600 {
            while let Turn::One | Turn::Summary = budget.turn(at(second), 100) {
                budget.sent(at(second));
                sent.push(second);
            }
        }
        for start in 0..600 {
            let inside = sent.iter().filter(|at| (start..start + 60).contains(*at)).count();
            assert!(inside <= 4, "{inside} from {start} on");
        }
        assert!(sent.len() >= 30, "{sent:?}");
    }
}
