//! A core with a log that takes everything at once (or nothing), and agents that answer as they are told.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use collector::core::{AskId, Asked, Core, CoreConfig, Effect, Event, SealPace, SessionEnd};
use collector::fleet::SessionId;
use collector::state::State;
use collector::target_file::Target;
use proto::{
    AgentMessage, Applied, Batch, Beat, CollectorMessage, Hello, Kind, Missed, MissedRange,
    Outcome, Phases, ProbeAnswer, ProbeNow, ProbeResult, ProbeSpec, Record, RefusedTarget,
    ResultsMessage, RunTarget, Timestamp, Uid, wire,
};

const LOG: u64 = 5;

/// So long after the rig's beginning.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + ms)
}

pub(crate) fn targets(count: usize, seconds: u64) -> Vec<Target> {
    let target = |n: usize| Target {
        name: format!("t{n}"),
        interval: Duration::from_secs(seconds),
        spec: ProbeSpec {
            timeout: Duration::from_secs(3),
            ..ProbeSpec::get(format!("http://t{n}.test/"))
        },
        category: String::new(),
        labels: Vec::new(),
        vantages: Vec::new(),
        paused: false,
        slow_after: None,
    };
    (0..count).map(target).collect()
}

pub(crate) fn config(vantages: Option<&[&str]>) -> CoreConfig {
    CoreConfig {
        lease: Duration::from_secs(20),
        vantages: vantages.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        keep_slots: Duration::from_secs(48 * 3600),
        keep: Duration::from_secs(90 * 24 * 3600),
        seal: SealPace::default(),
        local_agents: Vec::new(),
        watch: collector::incidents::WatchConfig::default(),
    }
}

pub(crate) struct Rig {
    pub(crate) core: Core,
    now_ms: i64,
    log_works: bool,
    last_ticket: u64,
    /// Every record, as it was encoded.
    log: Vec<Bytes>,
    pub(crate) appended: usize,
    pub(crate) ended: Vec<(SessionId, SessionEnd)>,
    /// What came of questions.
    pub(crate) answers: Vec<Asked>,
    /// Questions that agents were asked.
    pub(crate) questions: Vec<(SessionId, ProbeNow)>,
    welcomed: Vec<SessionId>,
    seqs: BTreeMap<u64, u64>,
    refuses: bool,
    /// What agents were asked to run at once, by session.
    pub(crate) runs: Vec<(u64, Vec<RunTarget>)>,
    /// Of each assign: the bytes of its targets' bodies, and whether it ends in a part.
    pub(crate) assigns: Vec<(usize, bool)>,
}

impl Rig {
    pub(crate) fn new(list: Vec<Target>) -> Self {
        Self::with_vantages(list, None)
    }

    /// With `--vantages`.
    pub(crate) fn with_vantages(list: Vec<Target>, vantages: Option<&[&str]>) -> Self {
        let mut state = State::default();
        let claim = Record { at: at(0), kind: Kind::Claim { epoch: 1, log: LOG } };
        state.apply(claim.clone()).expect("a claim has nothing to decode");
        let mut rig = Self {
            core: Core::new(config(vantages), state, at(0)),
            log: vec![wire::encode_record(claim)],
            now_ms: 0,
            log_works: true,
            last_ticket: 0,
            appended: 0,
            ended: Vec::new(),
            answers: Vec::new(),
            questions: Vec::new(),
            welcomed: Vec::new(),
            seqs: BTreeMap::new(),
            refuses: false,
            runs: Vec::new(),
            assigns: Vec::new(),
        };
        rig.tell(Event::Listed(list));
        rig
    }

    /// Another collector goes on with the log, with other `--vantages` and perhaps another list.
    pub(crate) fn restart(&mut self, list: Vec<Target>, vantages: Option<&[&str]>) {
        let epoch = self.core.state().epoch + 1;
        let claim = Record { at: self.now(), kind: Kind::Claim { epoch, log: LOG } };
        self.log.push(wire::encode_record(claim));
        let mut state = State::default();
        for record in &self.log {
            let record = wire::decode_record(record.clone()).expect("it was encoded here");
            state.apply(record).expect("it was applied before");
        }
        self.core = Core::new(config(vantages), state, self.now());
        self.last_ticket = 0;
        self.tell(Event::Listed(list));
    }

    /// The target file says something else now.
    pub(crate) fn list(&mut self, list: Vec<Target>) {
        self.tell(Event::Listed(list));
    }

    pub(crate) fn now(&self) -> Timestamp {
        at(self.now_ms)
    }

    pub(crate) fn stall_log(&mut self) {
        self.log_works = false;
    }

    pub(crate) fn resume_log(&mut self) {
        self.log_works = true;
        self.tell(Event::Durable(self.last_ticket));
    }

    pub(crate) fn refuse_everything(&mut self) {
        self.refuses = true;
    }

    /// Somebody asks what every vantage of a target finds now.
    pub(crate) fn ask(&mut self, id: u64, target: &str) {
        self.tell(Event::Ask(AskId(id), target.into()));
    }

    /// An agent answers a question.
    pub(crate) fn answer_question(
        &mut self,
        session: u64,
        id: u64,
        found: Result<ProbeResult, Missed>,
    ) {
        let message = AgentMessage::ProbeAnswer(ProbeAnswer { id, found });
        self.tell(Event::Message(SessionId(session), message));
    }

    pub(crate) fn welcomed(&self, session: u64) -> bool {
        self.welcomed.contains(&SessionId(session))
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.core.apply(at(self.now_ms), event) {
                match effect {
                    Effect::Append(ticket, record) => {
                        self.appended += 1;
                        self.log.push(record);
                        self.last_ticket = ticket;
                        if self.log_works {
                            events.insert(0, Event::Durable(ticket));
                        }
                    }
                    Effect::Send(session, message) => events.extend(self.answer(session, message)),
                    Effect::End(session, end) => self.ended.push((session, end)),
                    Effect::Chore(number, _) => events.insert(0, Event::ChoresDone(number)),
                    Effect::Answer(_, asked) => self.answers.push(asked),
                }
            }
        }
    }

    fn answer(&mut self, session: SessionId, message: CollectorMessage) -> Option<Event> {
        match message {
            CollectorMessage::ProbeNow(question) => {
                self.questions.push((session, question));
                None
            }
            CollectorMessage::Welcome(_) => {
                self.welcomed.push(session);
                None
            }
            CollectorMessage::Run(targets) => {
                self.runs.push((session.0, targets));
                None
            }
            CollectorMessage::Assign(assign) => {
                let bodies = assign.grants.iter().flat_map(|grant| &grant.targets);
                let bytes = bodies.map(|target| target.spec.body.len()).sum();
                self.assigns.push((bytes, assign.grants.iter().any(|grant| grant.more)));
                let granted = assign.grants.iter().flat_map(|grant| &grant.targets);
                let refused = granted.filter(|_| self.refuses).map(|target| RefusedTarget {
                    uid: target.uid,
                    revision: target.revision,
                    reason: "not today".into(),
                });
                let applied = Applied { version: assign.version, refused: refused.collect() };
                Some(Event::Message(session, AgentMessage::Applied(applied)))
            }
            _ => None,
        }
    }

    pub(crate) fn hello(&mut self, session: u64, id: &str, boot: u64, vantage: &str) {
        self.greet(session, id, boot, vantage, 0, 0);
    }

    pub(crate) fn hello_from_log(
        &mut self,
        session: u64,
        id: &str,
        log_seen: u64,
        epoch_seen: u64,
    ) {
        self.greet(session, id, 1, "eu", log_seen, epoch_seen);
    }

    fn greet(
        &mut self,
        session: u64,
        id: &str,
        boot: u64,
        vantage: &str,
        log_seen: u64,
        epoch: u64,
    ) {
        let hello = Hello {
            agent_id: id.into(),
            boot,
            vantage: vantage.into(),
            zone: "z".into(),
            capacity: 100,
            version: "1".into(),
            protocol: proto::PROTOCOL,
            epoch_seen: epoch,
            held: Vec::new(),
            sent_us: 0,
            log_seen,
            takes_settings: true,
            takes_parts: true,
        };
        self.seqs.insert(session, 0);
        self.tell(Event::Hello(SessionId(session), hello));
    }

    pub(crate) fn close(&mut self, session: u64) {
        self.tell(Event::Closed(SessionId(session)));
    }

    /// Time passes, and nobody sees it.
    pub(crate) fn stand_still(&mut self, time: Duration) {
        self.now_ms += i64::try_from(time.as_millis()).expect("a short time");
    }

    /// Lets time pass, in which these sessions send heartbeats.
    pub(crate) fn run(&mut self, seconds: i64, live: &[u64]) {
        for step in 0..seconds * 5 {
            self.now_ms += 200;
            self.tell(Event::Tick);
            if step % 25 == 0 {
                for session in live {
                    let beat = AgentMessage::Beat(Beat::default());
                    self.tell(Event::Message(SessionId(*session), beat));
                }
            }
        }
    }

    pub(crate) fn results(
        &mut self,
        session: u64,
        watermark: Timestamp,
        results: Vec<ProbeResult>,
        missed: Vec<MissedRange>,
    ) {
        self.results_timed_within(session, watermark, results, missed, Duration::ZERO);
    }

    /// Of an agent that knows the time no better than this.
    pub(crate) fn results_timed_within(
        &mut self,
        session: u64,
        watermark: Timestamp,
        results: Vec<ProbeResult>,
        missed: Vec<MissedRange>,
        clock_error: Duration,
    ) {
        let seq = self.seqs.get_mut(&session).expect("it said hello");
        *seq += 1;
        let message = ResultsMessage {
            seq: *seq,
            watermark,
            columns: wire::encode_batch(&Batch { results, missed }),
            clock_error,
        };
        self.tell(Event::Message(SessionId(session), AgentMessage::Results(message)));
    }

    pub(crate) fn up(&self, uid: u64, planned: Timestamp) -> ProbeResult {
        ProbeResult {
            uid: Uid(uid),
            revision: 1,
            planned,
            start_delay_ms: 0,
            outcome: Outcome::Answered { status: 200, unexpected: None },
            phases: Phases::default(),
            body_bytes: 0,
            note: None,
        }
    }

    /// The session of the agent that has the first target's shard at `eu`.
    pub(crate) fn owner(&self) -> u64 {
        let state = self.core.state();
        let eu = state.vantage_idx("eu").expect("it was seen");
        let (_, target) = state.targets().next().expect("there is one");
        let claims = &self.core.fleet().place(eu).expect("it has claims").claims;
        let owner = claims.owner(target.shard).expect("somebody has it");
        self.core.fleet().agent(owner).and_then(|agent| agent.session).expect("it is there").0
    }

    /// The first planned start of the first target at `eu` after an instant.
    pub(crate) fn planned_after(&self, after: Timestamp) -> Timestamp {
        let state = self.core.state();
        let eu = state.vantage_idx("eu").expect("it was seen");
        let (first, _) = state.targets().next().expect("there is one");
        let series = state.series(eu, first).expect("it is due there");
        series.next(after).expect("its stretch has no end").0
    }

    /// The planned starts up to now that the agents' schedules cover: those after the load.
    pub(crate) fn due_by_schedule(&self) -> Vec<(Uid, Timestamp)> {
        let state = self.core.state();
        let eu = state.vantage_idx("eu").expect("it was seen");
        let mut due = Vec::new();
        for (idx, target) in state.targets() {
            let series = state.series(eu, idx).expect("it is due there");
            let mut cursor = Timestamp::EPOCH;
            while let Some((planned, stretch)) = series.next(cursor).filter(|n| n.0 <= self.now()) {
                cursor = planned + Duration::from_millis(1);
                if !stretch.is_first_pass(planned) {
                    due.push((target.uid, planned));
                }
            }
        }
        due
    }

    /// Every slot planned up to now.
    pub(crate) fn expected(&self) -> u64 {
        let state = self.core.state();
        let series = state.vantages().flat_map(|(_, vantage)| &vantage.series);
        series.map(|series| series.expected(Timestamp::EPOCH, self.now())).sum()
    }
}
