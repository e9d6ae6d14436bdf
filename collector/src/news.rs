//! What happened lately, in order and with ids: a bounded ring that every listener reads at its own pace.
//!
//! A listener has no queue of its own. One that falls behind the ring is told so, and reads the other routes again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use proto::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::core::{Core, Notice};
use crate::view;

/// Events kept: some 400 bytes each.
pub const KEPT_MAX: usize = 4096;

/// Members that an event about an incident names.
const MEMBERS_TOLD: usize = 5;

/// A place among the events: of which leader, and after how many. The epoch tells one collector's numbers from another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The leader's.
    pub epoch: u64,
    /// How many events are before this place.
    pub count: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.count)
    }
}

impl Position {
    /// Reads an id. None for what no collector wrote.
    pub fn parse(id: &str) -> Option<Self> {
        let (epoch, count) = id.split_once('-')?;
        Some(Self { epoch: epoch.parse().ok()?, count: count.parse().ok()? })
    }
}

#[derive(Debug, Default)]
struct Ring {
    frames: VecDeque<Bytes>,
    /// After the newest.
    end: Position,
}

/// The ring: cheap to clone, one writer, any number of readers.
#[derive(Clone, Debug)]
pub struct News {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Sender<u64>,
}

/// What a listener gets next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Events, and the place after them.
    Events(Bytes, Position),
    /// Nothing yet.
    Nothing,
}

impl Default for News {
    fn default() -> Self {
        Self { ring: Arc::default(), newest: watch::Sender::new(0) }
    }
}

impl News {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        // What is in it is whole whenever the lock is free: nothing in between can panic.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place after the newest event.
    pub fn end(&self) -> Position {
        self.ring().end
    }

    /// Wakes whoever waits when there is more.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Up to 64 events after a place. A listener for which events are lost hears `reset` first.
    pub fn after(&self, place: Position) -> Next {
        let ring = self.ring();
        let kept = ring.frames.len() as u64;
        let first = ring.end.count - kept;
        if place.epoch != ring.end.epoch || place.count > ring.end.count || place.count < first {
            return Next::Events(frame(ring.end, "reset", &serde_json::json!({})), ring.end);
        }
        let skip = usize::try_from(place.count - first).unwrap_or(usize::MAX);
        let mut bytes = BytesMut::new();
        let mut place = place;
        for frame in ring.frames.iter().skip(skip).take(64) {
            bytes.put_slice(frame);
            place.count += 1;
        }
        if bytes.is_empty() { Next::Nothing } else { Next::Events(bytes.freeze(), place) }
    }

    fn push(&self, ring: &mut Ring, kind: &str, data: &impl Serialize) {
        ring.end.count += 1;
        if ring.frames.len() >= KEPT_MAX {
            ring.frames.pop_front();
        }
        let frame = frame(ring.end, kind, data);
        ring.frames.push_back(frame);
    }
}

fn frame(id: Position, kind: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("events are plain JSON");
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n").into()
}

/// The one writer: follows the core.
#[derive(Debug)]
pub struct Reporter {
    news: News,
    round: Duration,
    /// The last change of a verdict that was told.
    changes: u64,
    /// The last message about incidents that was told.
    messages: u64,
    /// The round that runs.
    current: Option<Timestamp>,
}

#[derive(Serialize)]
struct Round {
    start: String,
    end: String,
}

impl Reporter {
    /// Begins to tell: nothing that was before `core`, whose rounds are so long.
    pub fn new(news: News, core: &Core, round: Duration) -> Self {
        news.ring().end = Position { epoch: core.state().epoch, count: 0 };
        let (changes, messages) =
            (core.state().changes.count(), core.state().incidents.messages.count());
        Self { news, round, changes, messages, current: None }
    }

    /// Tells what is new.
    pub fn follow(&mut self, core: &Core, now: Timestamp, notices: Vec<Notice>) {
        let changes = &core.state().changes;
        let messages = &core.state().incidents.messages;
        let ended = self.current.filter(|start| *start != now.floor(self.round));
        self.current = Some(now.floor(self.round));
        let quiet = changes.count() == self.changes && messages.count() == self.messages;
        if quiet && notices.is_empty() && ended.is_none() {
            return;
        }
        let news = self.news.clone();
        let mut ring = news.ring();
        for notice in notices {
            news.push(&mut ring, notice.kind(), &view::notices::shown(&notice));
        }
        // What the ring cannot hold need not be rendered: who has not seen it hears of a gap.
        let newest = changes.count();
        let told = newest.saturating_sub(KEPT_MAX as u64).max(self.changes);
        ring.end.count += told - self.changes;
        if told > self.changes {
            ring.frames.clear();
        }
        self.changes = newest;
        for change in changes.after(told) {
            news.push(&mut ring, "verdict", &view::changes::shown(core.state(), change));
        }
        for message in messages.after(self.messages) {
            if let Some(event) = view::incidents::event(core.state(), message, MEMBERS_TOLD) {
                news.push(&mut ring, "incident", &event);
            }
        }
        self.messages = messages.count();
        if let Some(start) = ended {
            let end = start + self.round;
            let round = Round { start: start.rfc3339(), end: end.rfc3339() };
            news.push(&mut ring, "round", &round);
        }
        let count = ring.end.count;
        drop(ring);
        self.news.newest.send_replace(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(count: u64) -> News {
        let news = News::default();
        let mut ring = news.ring();
        ring.end.epoch = 3;
        for _ in 0..count {
            news.push(&mut ring, "round", &serde_json::json!({}));
        }
        drop(ring);
        news
    }

    fn at(count: u64) -> Position {
        Position { epoch: 3, count }
    }

    #[test]
    fn a_listener_reads_what_is_new_in_pieces_and_then_waits() {
        let news = with(70);
        let Next::Events(bytes, place) = news.after(at(2)) else { panic!("68 are new") };
        assert!(bytes.starts_with(b"id: 3-3\nevent: round\n"), "{bytes:?}");
        assert_eq!(place, at(66));
        assert!(matches!(news.after(place), Next::Events(_, end) if end == at(70)));
        assert_eq!(news.after(at(70)), Next::Nothing);
    }

    #[test]
    fn the_ring_is_bounded_and_who_fell_behind_it_is_told() {
        let news = with(KEPT_MAX as u64 + 10);
        assert_eq!(news.ring().frames.len(), KEPT_MAX);
        let Next::Events(bytes, place) = news.after(at(9)) else { panic!("they are lost") };
        assert!(bytes.windows(12).any(|part| part == b"event: reset"), "{bytes:?}");
        assert_eq!(place, news.end());
        assert!(matches!(news.after(at(10)), Next::Events(_, place) if place == at(74)));
    }

    #[test]
    fn numbers_of_another_collector_mean_nothing_here() {
        let news = with(10);
        for place in [Position { epoch: 2, count: 5 }, at(11)] {
            let Next::Events(bytes, _) = news.after(place) else { panic!("it is told of a gap") };
            assert!(bytes.windows(12).any(|part| part == b"event: reset"), "{bytes:?}");
        }
        assert_eq!(Position::parse("3-10"), Some(at(10)));
        assert_eq!(Position::parse("3"), None);
    }
}
