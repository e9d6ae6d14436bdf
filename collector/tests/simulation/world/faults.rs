//! What goes wrong: kinds of faults, each hit at a moment that its seed chooses, and a census of what was hit when.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::Timestamp;

use super::books::Who;
use super::network::KEEPALIVE;
use super::{START, World};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An agent's process dies; another one comes in its place, mostly under its name.
    KillAgent,
    /// The collector's process dies; what it was about to write may be written, or not, or later.
    KillCollector,
    /// A stream is reset, and there is no new one for a while.
    Cut,
    /// What an agent says does not arrive; nobody says so.
    CutUp,
    /// What an agent is told does not arrive; nobody says so.
    CutDown,
    /// A whole vantage is cut off, both ways; nobody says so.
    CutAll,
    /// An agent's process stands still.
    PauseAgent,
    /// The collector's process stands still.
    PauseCollector,
    /// The log takes its time.
    StallLog,
    /// The log takes nothing: appends and chores fail.
    FailLog,
    /// The list changes.
    ChangeList,
    /// The wall clock of the collector's machine steps; it counts at its next start.
    StepClock,
    /// An agent reaches the collector and no target. All targets are up then, always.
    DeadUplink,
}

impl Kind {
    /// Every kind that may go with every other.
    pub const ALL: [Self; 12] = [
        Self::KillAgent,
        Self::KillCollector,
        Self::Cut,
        Self::CutUp,
        Self::CutDown,
        Self::CutAll,
        Self::PauseAgent,
        Self::PauseCollector,
        Self::StallLog,
        Self::FailLog,
        Self::ChangeList,
        Self::StepClock,
    ];
}

/// What is going on when a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Probes are running.
    Probing,
    /// A record is on its way into the log.
    Appending,
    /// Results were sent and are not acknowledged.
    Unacknowledged,
    /// An agent has no stream.
    Disconnected,
    /// Something else is wrong already.
    Hurt,
}

impl Moment {
    pub const ALL: [Self; 5] =
        [Self::Probing, Self::Appending, Self::Unacknowledged, Self::Disconnected, Self::Hurt];
}

/// How often each kind of fault hit at each moment.
pub type Census = BTreeMap<(Kind, Moment), u64>;

/// Which faults there are to be.
#[derive(Clone, Debug)]
pub struct Faults {
    /// These kinds, …
    pub kinds: Vec<Kind>,
    /// … or as many of them as the seed chooses.
    pub some: bool,
    /// A vantage has a minute of peace between two faults: nothing needs to be missed then.
    pub one_at_a_time: bool,
}

impl Faults {
    pub fn none() -> Self {
        Self::only(&[])
    }

    /// These, one at a time.
    pub fn only(kinds: &[Kind]) -> Self {
        Self { kinds: kinds.to_vec(), some: false, one_at_a_time: true }
    }

    /// These, over each other.
    pub fn at_once(kinds: &[Kind]) -> Self {
        Self { kinds: kinds.to_vec(), some: false, one_at_a_time: false }
    }

    /// What the seed chooses of all kinds, over each other.
    pub fn any() -> Self {
        Self { kinds: Kind::ALL.to_vec(), some: true, one_at_a_time: false }
    }
}

/// Where the faults of a run stand.
pub struct Plan {
    pub faults: Faults,
    over: bool,
    next_at: Timestamp,
    /// A fault that waits for its moment, no longer than until then.
    armed: Option<(Kind, usize, Moment, Timestamp)>,
    /// Rows that change at an instant at which they are due: which, and how.
    pub(super) to_change: Vec<(Timestamp, String, u64)>,
    pub census: Census,
}

impl Plan {
    pub fn new(faults: Faults, now: Timestamp) -> Self {
        let (armed, to_change, census) = (None, Vec::new(), Census::new());
        Self { faults, over: false, next_at: now, armed, to_change, census }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        if self.over || self.faults.kinds.is_empty() {
            return None;
        }
        let armed = self.armed.map_or(self.next_at, |(.., until)| until);
        let change = self.to_change.iter().map(|(at, ..)| *at).min();
        Some(change.map_or(armed, |change| change.min(armed)))
    }
}

impl World {
    pub(super) fn faults_may_hit(&self) -> bool {
        !self.plan.over && self.plan.faults.kinds.contains(&Kind::KillCollector)
    }

    /// Whether faults are over.
    pub(super) fn is_healed(&self) -> bool {
        self.plan.over
    }

    /// Arms the next fault, and lets one hit whose moment has come.
    pub(super) fn draw_faults(&mut self) {
        if self.plan.next().is_none() {
            return;
        }
        while let Some(at) = self.plan.to_change.iter().position(|(at, ..)| *at <= self.now) {
            let (_, name, how) = self.plan.to_change.swap_remove(at);
            self.change_row(&name, how);
        }
        if self.plan.armed.is_none() && self.plan.next_at <= self.now {
            let kind = self.plan.faults.kinds[self.random.below(self.plan.faults.kinds.len())];
            let n = self.random.below(self.nodes.len());
            let moment = Moment::ALL[self.random.below(Moment::ALL.len())];
            let patience = self.random.span(self.scale.calm);
            self.plan.armed = Some((kind, n, moment, self.now + patience));
        }
        if let Some((kind, n, moment, until)) = self.plan.armed
            && (until <= self.now || self.is_moment(n, moment))
        {
            self.plan.armed = None;
            let calm = u64::try_from(self.scale.calm.as_millis()).expect("a short time");
            self.plan.next_at = self.now + self.random.millis(1, 2 * calm);
            if !self.plan.faults.one_at_a_time || self.had_peace(n) {
                self.hit(kind, n);
            }
        }
    }

    fn is_moment(&self, n: usize, moment: Moment) -> bool {
        match moment {
            Moment::Probing => !self.nodes[n].probes.is_empty(),
            Moment::Appending => self.log.is_appending(),
            Moment::Unacknowledged => {
                self.nodes[n].session.is_some_and(|session| self.books.awaits(session))
            }
            Moment::Disconnected => (0..self.nodes.len()).any(|n| !self.is_linked(n)),
            Moment::Hurt => self.books.unwell.iter().any(|unwell| unwell.to > self.now),
        }
    }

    fn hit(&mut self, kind: Kind, n: usize) {
        for moment in Moment::ALL {
            if self.is_moment(n, moment) {
                *self.plan.census.entry((kind, moment)).or_default() += 1;
            }
        }
        let time = self.random.span(self.scale.longest);
        self.tell(format!("{kind:?} of {} for {time:?}", self.nodes[n].id));
        match kind {
            Kind::KillAgent if self.nodes[n].core.is_none() => {}
            Kind::KillAgent if self.random.one_in(2) => {
                self.nodes[n].fuse = Some((self.random.range(0, 6), time));
            }
            Kind::KillAgent => self.kill(n, time),
            Kind::KillCollector if self.leader.core.is_none() => {}
            Kind::KillCollector if self.random.one_in(2) => {
                self.leader.fuse = Some((self.random.range(0, 8), time / 2));
            }
            Kind::KillCollector => self.kill_collector(time / 2),
            Kind::Cut => {
                self.cut(n, kind, true, true, time);
                self.reset_links(n);
            }
            Kind::CutUp => self.cut(n, kind, true, false, time),
            Kind::CutDown => self.cut(n, kind, false, true, time),
            Kind::CutAll => {
                let vantage = self.nodes[n].vantage;
                for n in 0..self.nodes.len() {
                    if self.nodes[n].vantage == vantage {
                        self.cut(n, kind, true, true, time);
                    }
                }
            }
            Kind::PauseAgent => self.pause_agent(n, time + Duration::from_secs(1)),
            Kind::PauseCollector => self.pause_collector(time / 2),
            Kind::StallLog => {
                self.log.stalled_until = self.log.stalled_until.max(self.now + time / 4);
                self.unwell(Who::Collector, kind, time / 4);
            }
            Kind::FailLog => {
                self.log.failing_until = self.log.failing_until.max(self.now + time / 2);
                self.unwell(Who::Collector, kind, time / 2);
            }
            Kind::ChangeList => self.change_list(),
            Kind::StepClock => {
                let step = i64::try_from(self.random.range(0, 60_000)).expect("a minute") - 30_000;
                self.leader.wall_ms = self.leader.ahead_ms + step;
            }
            Kind::DeadUplink => {
                self.nodes[n].uplink_dead_until = self.now + time;
                self.unwell(Who::Agent(n), kind, time);
            }
        }
    }

    fn cut(&mut self, n: usize, kind: Kind, up: bool, down: bool, time: Duration) {
        let until = self.now + time;
        let node = &mut self.nodes[n];
        if up {
            node.cut_up_until = node.cut_up_until.max(until);
        }
        if down {
            node.cut_down_until = node.cut_down_until.max(until);
        }
        self.starve_links(n, until);
        self.unwell(Who::Agent(n), kind, time);
    }

    fn pause_agent(&mut self, n: usize, time: Duration) {
        if self.nodes[n].paused.is_some() || self.nodes[n].core.is_none() {
            return;
        }
        let until = self.now + time;
        self.nodes[n].paused = Some((self.now, until));
        self.starve_links(n, until);
        self.unwell(Who::Agent(n), Kind::PauseAgent, time);
    }

    fn pause_collector(&mut self, time: Duration) {
        if self.leader.core.is_none() || self.leader.paused_until > self.now {
            return;
        }
        self.leader.paused_until = self.now + time;
        for n in 0..self.nodes.len() {
            self.starve_links(n, self.now + time);
        }
        self.unwell(Who::Collector, Kind::PauseCollector, time);
    }

    /// Whether everybody at the node's vantage, and the collector, has been well for a minute.
    fn had_peace(&self, n: usize) -> bool {
        let minute = Duration::from_secs(60);
        let concerns = |who: Who| match who {
            Who::Collector => true,
            Who::Agent(other) => self.nodes[other].vantage == self.nodes[n].vantage,
        };
        let mut unwell = self.books.unwell.iter().filter(|unwell| concerns(unwell.who));
        // Every target has been up once by then.
        let warm = self.now.millis() > START + 120_000;
        warm && unwell.all(|unwell| unwell.to + minute + KEEPALIVE < self.now)
    }

    /// No more faults. Some agents that are dead stay so, but for one of each vantage; everything else comes back.
    pub(super) fn heal(&mut self) {
        self.plan.over = true;
        self.plan.armed = None;
        let now = self.now;
        for n in 0..self.nodes.len() {
            let vantage = self.nodes[n].vantage;
            let others = self.nodes.iter().enumerate().any(|(other, node)| {
                other != n && node.vantage == vantage && node.dead_until < Timestamp::MAX
            });
            let stays_dead = self.nodes[n].dead_until > now && others && self.random.one_in(2);
            let node = &mut self.nodes[n];
            node.dead_until = if stays_dead { Timestamp::MAX } else { node.dead_until.min(now) };
            node.cut_up_until = node.cut_up_until.min(now);
            node.cut_down_until = node.cut_down_until.min(now);
            node.uplink_dead_until = node.uplink_dead_until.min(now);
            node.paused = node.paused.map(|(from, _)| (from, now));
            node.connect_at = node.connect_at.min(now + Duration::from_secs(5));
            node.fuse = None;
        }
        self.leader.fuse = None;
        self.leader.dead_until = self.leader.dead_until.min(now);
        self.leader.paused_until = self.leader.paused_until.min(now);
        self.log.stalled_until = self.log.stalled_until.min(now);
        self.log.failing_until = self.log.failing_until.min(now);
        self.log.doubtful = 0;
        self.receiver.heal(now);
        for unwell in &mut self.books.unwell {
            unwell.to = unwell.to.min(now);
        }
        self.tell("healed".into());
    }
}
