//! Streams: messages both ways, each in order and after a while, until the two ends learn, each at its time, that it is over.

use std::collections::VecDeque;
use std::time::Duration;

use agent::{Event as AgentEvent, StreamId};
use collector::core::Event;
use collector::fleet::SessionId;
use proto::{AgentMessage, CollectorMessage, Timestamp};

use super::World;

/// An end that hears nothing from the other gives a stream up after this.
pub const KEEPALIVE: Duration = Duration::from_secs(15);
/// The longest that a message takes.
const DELAY_MAX: u64 = 150;

/// A stream between an agent and the collector.
pub struct Link {
    pub session: SessionId,
    pub stream: StreamId,
    pub node: usize,
    /// On the collector's clock.
    since: Timestamp,
    up: VecDeque<(Timestamp, AgentMessage)>,
    down: VecDeque<(Timestamp, CollectorMessage)>,
    /// Whether the end is open; and when it will learn that the stream is over, once it is.
    agent: End,
    collector: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Learns(Timestamp),
    Closed,
}

impl End {
    fn learns(&mut self, at: Timestamp) {
        *self = match *self {
            Self::Closed => Self::Closed,
            Self::Learns(before) => Self::Learns(before.min(at)),
            Self::Open => Self::Learns(at),
        };
    }

    fn learns_at(self) -> Option<Timestamp> {
        match self {
            Self::Learns(at) => Some(at),
            Self::Open | Self::Closed => None,
        }
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.learns_at().is_some_and(|at| at <= now)
    }
}

impl World {
    /// When the network next does something.
    pub(super) fn network_next(&self) -> Option<Timestamp> {
        self.links.iter().filter_map(|link| self.link_next(link)).min()
    }

    fn link_next(&self, link: &Link) -> Option<Timestamp> {
        let node = &self.nodes[link.node];
        let up = link.up.front().map(|(at, _)| (*at).max(node.cut_up_until));
        let up = [up, link.collector.learns_at()].into_iter().flatten().min();
        let down = link.down.front().map(|(at, _)| (*at).max(node.cut_down_until));
        let down = [down, link.agent.learns_at()].into_iter().flatten().min();
        let up = up.filter(|_| link.collector != End::Closed);
        let down = down.filter(|_| link.agent != End::Closed && node.is_awake(self.now));
        up.into_iter().chain(down).min()
    }

    /// Delivers what has arrived.
    pub(super) fn carry(&mut self) {
        if self.network_next().is_none_or(|next| next > self.now) {
            return;
        }
        let sessions: Vec<SessionId> = self.links.iter().map(|link| link.session).collect();
        for session in sessions {
            while self.deliver_up(session) || self.deliver_down(session) {}
        }
        self.links.retain(|link| link.agent != End::Closed || link.collector != End::Closed);
    }

    fn link(&mut self, session: SessionId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.session == session)
    }

    fn deliver_up(&mut self, session: SessionId) -> bool {
        let now = self.now;
        let Some(link) = self.links.iter_mut().find(|link| link.session == session) else {
            return false;
        };
        if link.collector == End::Closed {
            return false;
        }
        if link.collector.is_over(now) {
            link.collector = End::Closed;
            link.up.clear();
            self.tell_core(Event::Closed(session));
            return true;
        }
        if self.nodes[link.node].cut_up_until > now {
            return false;
        }
        let Some((_, message)) = link.up.pop_front_if(|(at, _)| *at <= now) else { return false };
        let event = match message {
            AgentMessage::Hello(hello) => Event::Hello(session, hello),
            message => Event::Message(session, message),
        };
        self.tell_core(event);
        true
    }

    fn deliver_down(&mut self, session: SessionId) -> bool {
        let now = self.now;
        let Some(link) = self.links.iter_mut().find(|link| link.session == session) else {
            return false;
        };
        let (n, stream) = (link.node, link.stream);
        if link.agent == End::Closed || !self.nodes[n].is_awake(now) {
            return false;
        }
        if link.agent.is_over(now) {
            link.agent = End::Closed;
            link.down.clear();
            self.nodes[n].session = None;
            self.nodes[n].connect_at = now + self.random.millis(50, 5_000);
            self.tell_agent(n, AgentEvent::Disconnected(stream));
            return true;
        }
        if self.nodes[n].cut_down_until > now {
            return false;
        }
        let Some((_, message)) = link.down.pop_front_if(|(at, _)| *at <= now) else { return false };
        if let Some(message) = self.bend_down(n, message) {
            self.tell_agent(n, AgentEvent::Received(stream, message));
        }
        true
    }

    /// An agent that is cut off or finds nobody tries again later.
    pub(super) fn connect(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        let cut = node.cut_up_until.max(node.cut_down_until) > self.now;
        if cut || !self.leader.answers(self.now) {
            node.connect_at = self.now + self.random.millis(200, 8_000);
            return;
        }
        self.sessions += 1;
        let session = SessionId(self.sessions);
        node.streams += 1;
        node.session = Some(session);
        let stream = StreamId(node.streams);
        let (agent, collector) = (End::Open, End::Open);
        let (up, down) = (VecDeque::new(), VecDeque::new());
        let since = self.clock();
        self.links.push(Link { session, stream, node: n, since, up, down, agent, collector });
        self.tell_agent(n, AgentEvent::Connected(stream));
    }

    pub(super) fn send_up(&mut self, n: usize, stream: StreamId, message: AgentMessage) {
        let Some(session) = self.nodes[n].session.filter(|_| self.nodes[n].streams == stream.0)
        else {
            return;
        };
        if let AgentMessage::Results(results) = &message {
            let node = &self.nodes[n];
            self.books.send(session, node.vantage, node.boot, results);
        }
        let said = self.bend_up(n, message.clone());
        let at = self.now + self.random.millis(1, DELAY_MAX);
        let Some(link) = self.link(session) else { return };
        let at = link.up.back().map_or(at, |(last, _)| at.max(*last));
        link.up.push_back((at, said));
        self.after_sending(n, stream, &message);
    }

    pub(super) fn send_down(&mut self, session: SessionId, message: CollectorMessage) {
        if let Some(n) = self.speaker(session) {
            self.before_sending(n, &message);
        }
        let at = self.now + self.random.millis(1, DELAY_MAX);
        let Some(link) = self.link(session).filter(|link| link.collector != End::Closed) else {
            return;
        };
        let at = link.down.back().map_or(at, |(last, _)| at.max(*last));
        link.down.push_back((at, message));
    }

    /// An agent's end is closed: by itself, or because it is dead. What was on its way arrives in part.
    pub(super) fn close_agent_end(&mut self, n: usize) {
        let Some(session) = self.nodes[n].session.take() else { return };
        let (now, cut) = (self.now, self.nodes[n].cut_up_until);
        self.nodes[n].connect_at = now + self.random.millis(50, 5_000);
        let (share, learns) = (self.random.next(), self.random.millis(1, DELAY_MAX));
        let Some(link) = self.link(session) else { return };
        link.agent = End::Closed;
        link.down.clear();
        if cut > now {
            link.up.clear();
            return link.collector.learns(now + KEEPALIVE);
        }
        keep_some(&mut link.up, share);
        let learns = link.up.back().map_or(now, |(last, _)| *last) + learns;
        link.collector.learns(learns);
    }

    /// The collector ends a stream. What it said last arrives.
    pub(super) fn close_collector_end(&mut self, session: SessionId) {
        let (now, learns) = (self.now, self.random.millis(1, DELAY_MAX));
        let Some(at) = self.links.iter().position(|link| link.session == session) else { return };
        let cut = self.nodes[self.links[at].node].cut_down_until;
        let link = &mut self.links[at];
        link.collector = End::Closed;
        link.up.clear();
        let last = link.down.back().map_or(now, |(last, _)| *last);
        link.agent.learns(if cut > now { now + KEEPALIVE } else { last + learns });
    }

    /// The collector is gone: what it said last arrives in part. `silently`: its machine is gone too, and says nothing.
    pub(super) fn close_every_collector_end(&mut self, silently: bool) {
        let sessions: Vec<SessionId> = self.links.iter().map(|link| link.session).collect();
        for session in sessions {
            self.close_collector_end(session);
            let (share, late) = (self.random.next(), self.random.millis(1, DELAY_MAX));
            let now = self.now;
            let Some(link) = self.link(session) else { continue };
            keep_some(&mut link.down, share);
            if silently && link.agent != End::Closed {
                link.agent = End::Learns(now + KEEPALIVE + late);
            }
        }
    }

    /// Both ends learn at once: somebody in between says so.
    pub(super) fn reset_links(&mut self, n: usize) {
        let now = self.now;
        for link in self.links.iter_mut().filter(|link| link.node == n) {
            link.up.clear();
            link.down.clear();
            link.agent.learns(now);
            link.collector.learns(now);
        }
    }

    /// Nothing passes, at least one way, until `until`: both ends find out if that takes long.
    pub(super) fn starve_links(&mut self, n: usize, until: Timestamp) {
        if until.since(self.now) <= KEEPALIVE {
            return;
        }
        let (one, other) = (self.random.millis(0, 5_000), self.random.millis(0, 5_000));
        let at = self.now + KEEPALIVE;
        for link in self.links.iter_mut().filter(|link| link.node == n) {
            link.agent.learns(at + one);
            link.collector.learns(at + other);
        }
    }

    /// Whether the agent and the collector have a stream that both believe in.
    pub fn is_linked(&self, n: usize) -> bool {
        let open = |link: &Link| link.agent == End::Open && link.collector == End::Open;
        self.links.iter().any(|link| link.node == n && open(link))
    }

    /// Since when both ends of the stream of an agent's process have been open, if they are.
    pub fn connected_since(&self, boot: u64) -> Option<Timestamp> {
        let of_boot = |link: &&Link| {
            let node = &self.nodes[link.node];
            node.boot == boot && node.session == Some(link.session) && node.core.is_some()
        };
        let link = self.links.iter().find(of_boot)?;
        (link.agent == End::Open && link.collector == End::Open).then_some(link.since)
    }

    /// The node that speaks on a session.
    pub(super) fn speaker(&self, session: SessionId) -> Option<usize> {
        self.links.iter().find(|link| link.session == session).map(|link| link.node)
    }
}

fn keep_some<T>(queue: &mut VecDeque<T>, share: u64) {
    let keep = share % (queue.len() as u64 + 1);
    queue.truncate(usize::try_from(keep).expect("no more than there are"));
}
