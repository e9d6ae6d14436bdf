//! Somebody who is told of incidents: slow, now and then dead; the part of the collector that tells it dies with the collector.

use std::time::Duration;

use collector::core::Event;
use collector::state::Message;
use proto::Timestamp;

use super::World;
use crate::mutants::Mutant;
use crate::random::Random;

/// Its name in the log.
pub const SINK: u64 = 7;
/// How often the collector looks for something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What was not taken is tried again after at most so many milliseconds.
const AGAIN_MS: u64 = 5_000;
/// It is dead for at most so many milliseconds.
const DEAD_MS: u64 = 120_000;

/// See the module. It has luck of its own, so that what it does shifts nothing else.
pub struct Receiver {
    random: Random,
    /// What arrived, in that order.
    pub got: Vec<Message>,
    /// Up to where the collector's process has told it.
    cursor: Option<u64>,
    under_way: Option<Post>,
    look_at: Timestamp,
    dead_until: Timestamp,
}

struct Post {
    message: Message,
    at: Timestamp,
    arrives: bool,
    answered: bool,
}

impl Receiver {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        Self {
            random: Random::new(seed ^ SINK),
            got: Vec::new(),
            cursor: None,
            under_way: None,
            look_at: now,
            dead_until: now,
        }
    }

    pub(super) fn next(&self) -> Timestamp {
        self.under_way.as_ref().map_or(self.look_at, |post| post.at)
    }

    /// Up to where it was told, as the collector's process knows.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// The collector's process is gone; what it was saying may still arrive.
    pub(super) fn forsaken(&mut self) {
        self.cursor = None;
        if let Some(post) = self.under_way.take().filter(|post| post.arrives) {
            self.got.push(post.message);
        }
    }

    /// It is well from now on.
    pub(super) fn heal(&mut self, now: Timestamp) {
        self.dead_until = self.dead_until.min(now);
    }

    fn post(&mut self, message: Message, now: Timestamp, healed: bool) -> Post {
        if !healed && self.random.one_in(40) {
            self.dead_until = now + self.random.millis(1, DEAD_MS);
        }
        let lucky = healed || !self.random.one_in(4);
        let arrives = self.dead_until <= now && (lucky || self.random.one_in(2));
        let at = now + self.random.millis(5, 2_000);
        Post { message, at, arrives, answered: arrives && lucky }
    }
}

impl World {
    /// What was being said has come to its end, or there is something to say.
    pub(super) fn tell_receiver(&mut self) {
        if self.receiver.next() > self.now {
            return;
        }
        if !self.leader.answers(self.now) {
            self.receiver.look_at = self.now + LOOK_EVERY;
            if let Some(post) = &mut self.receiver.under_way {
                post.at = self.now + LOOK_EVERY;
            }
            return;
        }
        if let Some(post) = self.receiver.under_way.take() {
            self.said(post);
        }
        self.say_next();
    }

    fn said(&mut self, post: Post) {
        if post.arrives {
            self.receiver.got.push(post.message);
        }
        if post.answered {
            self.receiver.look_at = self.now;
            self.told(post.message.number);
        } else {
            let again = self.receiver.random.millis(100, AGAIN_MS);
            self.receiver.look_at = self.now + again;
        }
    }

    fn told(&mut self, up_to: u64) {
        self.receiver.cursor = Some(up_to);
        self.tell_core(Event::Told(SINK, up_to));
    }

    fn say_next(&mut self) {
        if self.receiver.look_at > self.now || !self.leader.answers(self.now) {
            return;
        }
        self.receiver.look_at = self.now + LOOK_EVERY;
        let messages = &self.state().incidents.messages;
        let (newest, known) = (messages.count(), messages.told(SINK));
        let Some(cursor) = self.receiver.cursor.or(known) else {
            return self.told(newest);
        };
        self.receiver.cursor = Some(cursor);
        let Some(message) = self.state().incidents.messages.after(cursor).next().copied() else {
            return;
        };
        let healed = self.is_healed();
        self.receiver.under_way = Some(self.receiver.post(message, self.now, healed));
        if self.mutant == Some(Mutant::ToldBeforeTaken) {
            self.told(message.number);
        }
    }
}
