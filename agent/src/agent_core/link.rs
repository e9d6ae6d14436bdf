//! The conversation with the collector: greeting, leases, assignments, acknowledgements.

use std::time::Duration;

use proto::{
    AgentMessage, Applied, Assign, Beat, CollectorMessage, Hello, Load, Missed, SettingsApplied,
    Timestamp, Welcome,
};

use super::{AgentCore, Effect, StreamId};
use crate::admit::Admit;
use crate::clock::LocalMicros;
use crate::excuses::Excuses;
use crate::outbox::Outbox;
use crate::schedule::Schedule;

/// How long a collector may take to answer a Hello.
const GREETING_MAX: Duration = Duration::from_secs(10);

/// How often an idle agent says how far it is.
const WATERMARK_EVERY: Duration = Duration::from_secs(1);

/// A step of the collector's clock that explains slots which nobody could have started.
const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// The newest stream.
#[derive(Debug)]
pub(super) enum Link {
    /// There is none.
    Down,
    /// Hello was said.
    Greeting { stream: StreamId, since: LocalMicros },
    /// Welcome was heard.
    Up(Up),
}

#[derive(Debug)]
pub(super) struct Up {
    stream: StreamId,
    lease: Duration,
    beat: Duration,
    heard: LocalMicros,
    beat_at: LocalMicros,
    /// When to see whether a watermark is worth a message of its own.
    watermark_at: LocalMicros,
    watermark_said: Timestamp,
}

impl Link {
    fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Down => None,
            Self::Greeting { stream, .. } => Some(*stream),
            Self::Up(up) => Some(up.stream),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }

    pub(super) fn lease(&self) -> Option<Duration> {
        match self {
            Self::Up(up) => Some(up.lease),
            _ => None,
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<LocalMicros> {
        match self {
            Self::Down => None,
            Self::Greeting { since, .. } => Some(since.plus(GREETING_MAX)),
            Self::Up(up) => Some(up.beat_at.min(up.watermark_at).min(up.heard.plus(up.lease))),
        }
    }
}

impl<A: Admit> AgentCore<A> {
    pub(super) fn greet(&mut self, stream: StreamId) {
        if stream <= self.newest_stream {
            return;
        }
        self.newest_stream = stream;
        self.outbox.close_stream();
        self.parts = Default::default();
        self.link = Link::Greeting { stream, since: self.now };
        let config = &self.config;
        let hello = Hello {
            agent_id: config.agent_id.clone(),
            boot: config.boot,
            vantage: config.vantage.clone(),
            zone: config.zone.clone(),
            capacity: config.capacity,
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: proto::PROTOCOL,
            epoch_seen: self.epoch_seen,
            held: self.schedule.held(),
            sent_us: self.now.0,
            log_seen: self.log_seen,
            takes_settings: true,
            takes_parts: true,
        };
        self.effects.push(Effect::Send(stream, AgentMessage::Hello(hello)));
    }

    pub(super) fn lose(&mut self, stream: StreamId) {
        if self.link.stream() == Some(stream) {
            self.link = Link::Down;
            self.outbox.close_stream();
        }
    }

    fn disconnect(&mut self, cause: String, after: Duration) {
        if let Some(stream) = self.link.stream() {
            self.lose(stream);
            self.effects.push(Effect::Disconnect { stream, cause, after });
        }
    }

    pub(super) fn receive(&mut self, stream: StreamId, message: CollectorMessage) {
        if self.link.stream() != Some(stream) {
            return;
        }
        match (&mut self.link, message) {
            (_, CollectorMessage::GoAway { after, cause }) => {
                self.disconnect(format!("the collector says: {cause}"), after);
            }
            (Link::Greeting { .. }, CollectorMessage::Welcome(welcome)) => {
                self.welcome(stream, &welcome);
            }
            (Link::Up(up), message) => {
                up.heard = self.now;
                self.hear(stream, message);
            }
            (_, message) => {
                let cause = format!("expected a Welcome first, heard {}", name(&message));
                self.disconnect(cause, Duration::ZERO);
            }
        }
    }

    fn welcome(&mut self, stream: StreamId, welcome: &Welcome) {
        let Welcome { epoch, now_us, echo_us, lease, beat, log, .. } = *welcome;
        if log != self.log_seen {
            self.follow(log);
        }
        if epoch < self.epoch_seen {
            let seen = self.epoch_seen;
            let cause = format!("its epoch is {epoch}, a newer leader's was {seen}: it is deposed");
            return self.disconnect(cause, Duration::ZERO);
        }
        let before = self.clock.now(self.now);
        if epoch > self.epoch_seen {
            self.clock.forget();
            self.epoch_seen = epoch;
        }
        self.clock.sample(LocalMicros(echo_us), now_us, self.now);
        if self.clock.now(self.now).is_none() {
            // It did not echo what was sent, and time must be known: the moment of hearing is the best guess.
            self.clock.sample(self.now, now_us, self.now);
        }
        if let (Some(before), Some(now)) = (before, self.clock.now(self.now))
            && now.since(before) > CLOCK_STEP_MIN
        {
            self.excuses.add(before, now, Missed::ClockUnsure);
        }
        self.link = Link::Up(Up {
            stream,
            lease,
            beat,
            heard: self.now,
            beat_at: self.now,
            watermark_at: self.now.plus(WATERMARK_EVERY),
            watermark_said: Timestamp::EPOCH,
        });
        self.outbox.open_stream(welcome.unacked_bytes_max, welcome.takes_runs);
        self.say_draining();
    }

    /// Follows a collector with another log: uids, epochs and slots of the one before mean nothing there.
    fn follow(&mut self, log: u64) {
        if self.log_seen != 0 {
            self.effects.push(Effect::StopStarting);
        }
        self.log_seen = log;
        self.epoch_seen = 0;
        self.clock.forget();
        self.schedule = Schedule::default();
        self.flights.clear();
        self.outbox = Outbox::new(self.config.outbox_bytes);
        self.excuses = Excuses::default();
    }

    fn hear(&mut self, stream: StreamId, message: CollectorMessage) {
        match message {
            CollectorMessage::Assign(assign) => {
                let applied = self.assign(assign);
                self.effects.push(Effect::Send(stream, AgentMessage::Applied(applied)));
            }
            CollectorMessage::Run(targets) => self.run(targets),
            CollectorMessage::Ack { seq, refused } => {
                self.outbox.ack(seq);
                for (reason, count) in refused {
                    self.counts.refused[reason as usize] += u64::from(count);
                }
            }
            CollectorMessage::Beat(Beat { sent_us, now_us, .. }) => {
                self.clock.sample(LocalMicros(sent_us), now_us, self.now);
            }
            CollectorMessage::ProbeNow(question) => self.asked(stream, question),
            CollectorMessage::Welcome(_) => {
                self.disconnect("it said Welcome twice".into(), Duration::ZERO);
            }
            CollectorMessage::Settings(settings) => self.effects.push(Effect::Tune(settings)),
            CollectorMessage::GoAway { .. } => {} // handled where the stream's state does not matter
        }
    }

    /// Settings were tried: whoever leads now is to know.
    pub(super) fn tuned(&mut self, applied: SettingsApplied) {
        self.config.capacity = applied.capacity;
        if let Link::Up(up) = &self.link {
            let message = AgentMessage::SettingsApplied(applied);
            self.effects.push(Effect::Send(up.stream, message));
        }
    }

    fn assign(&mut self, assign: Assign) -> Applied {
        let Assign { version, revokes, grants } = assign;
        for revoke in revokes {
            self.schedule.revoke(revoke.shard, revoke.until);
        }
        let mut refused = Vec::new();
        for grant in grants {
            let Some(grant) = self.parts.take(grant) else { continue };
            refused.extend(self.schedule.grant(grant, &mut self.admit));
        }
        if let Some(next) = self.schedule.next() {
            self.outbox.cap_watermarks(next);
        }
        Applied { version, refused }
    }

    pub(super) fn say_draining(&mut self) {
        if let (Link::Up(up), Some(drain)) = (&self.link, &self.drain) {
            let message = AgentMessage::Draining { until: drain.until };
            self.effects.push(Effect::Send(up.stream, message));
        }
    }

    /// Ends a stream that is silent; beats on one that is not.
    pub(super) fn keep_link(&mut self) {
        let now = self.now;
        let silent = match &self.link {
            Link::Down => false,
            Link::Greeting { since, .. } => now >= since.plus(GREETING_MAX),
            Link::Up(up) => now >= up.heard.plus(up.lease),
        };
        if silent {
            return self.disconnect("it has said nothing for too long".into(), Duration::ZERO);
        }
        let Link::Up(up) = &mut self.link else { return };
        if now < up.beat_at {
            return;
        }
        up.beat_at = now.plus(up.beat);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let load = Load {
            in_flight: count(self.flights.running()),
            waiting: count(self.flights.waiting()),
            outbox_bytes: self.outbox.bytes() as u64,
            lateness_ms: u32::try_from(self.lateness.0.as_millis()).unwrap_or(u32::MAX),
            busy_permille: self.usage.take_permille(self.config.capacity),
            targets: count(self.schedule.targets()),
        };
        self.lateness = (Duration::ZERO, self.lateness.0);
        let beat = Beat {
            sent_us: now.0,
            now_us: self.clock.now_us(now).unwrap_or(0),
            load: Some(load),
            wall_us: 0, // Decisions know no wall clock: whoever sends the beat adds it.
            error_us: u32::try_from(self.clock.error().as_micros()).unwrap_or(u32::MAX),
        };
        self.effects.push(Effect::Send(up.stream, AgentMessage::Beat(beat)));
    }

    /// Says how far everything is, when nothing else has said so for a second.
    pub(super) fn say_watermark(&mut self) {
        let watermark = self.watermark();
        let Link::Up(up) = &mut self.link else { return };
        if self.now < up.watermark_at {
            return;
        }
        up.watermark_at = self.now.plus(WATERMARK_EVERY);
        if watermark.since(up.watermark_said) >= WATERMARK_EVERY {
            self.outbox.seal_watermark(watermark, self.clock.error());
        }
    }

    pub(super) fn send_results(&mut self) {
        let Link::Up(up) = &mut self.link else { return };
        while let Some(results) = self.outbox.next_to_send() {
            up.watermark_at = self.now.plus(WATERMARK_EVERY);
            up.watermark_said = results.watermark;
            self.effects.push(Effect::Send(up.stream, AgentMessage::Results(results)));
        }
    }
}

fn name(message: &CollectorMessage) -> &'static str {
    match message {
        CollectorMessage::Welcome(_) => "Welcome",
        CollectorMessage::Assign(_) => "Assign",
        CollectorMessage::Run(_) => "Run",
        CollectorMessage::Ack { .. } => "Ack",
        CollectorMessage::Beat(_) => "Beat",
        CollectorMessage::GoAway { .. } => "GoAway",
        CollectorMessage::Settings(_) => "Settings",
        CollectorMessage::ProbeNow(_) => "ProbeNow",
    }
}
