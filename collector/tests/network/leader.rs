//! The collector: its core, its event loop and its gRPC server, over a log in memory.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use collector::core::{Core, CoreConfig, Event, SealPace};
use collector::fill::Filler;
use collector::fleet::AgentStatus;
use collector::hub::{self, Between, Clock, Hub, LogHealth};
use collector::incidents::{self, WatchConfig};
use collector::leader::{Leadership, lead};
use collector::news::{News, Reporter};
use collector::serve::{Incoming, grpc};
use collector::sessions::{Refusals, Sessions};
use collector::view::summary::{Question, summary};
use proto::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use turmoil::net::{TcpListener, TcpStream};

use crate::books::{Account, START, Says, Shared, elapsed, now};
use crate::disk::Writer;
use crate::random::Random;
use crate::world::VANTAGES;

pub const PORT: u16 = 50051;
pub const LEASE: Duration = Duration::from_secs(20);
const KEEP: Duration = Duration::from_secs(24 * 3600);
const ROUND: Duration = Duration::from_secs(60);
/// How often it is asked how it is.
const LOOK: Duration = Duration::from_secs(1);

/// Runs one process of it.
pub async fn run(shared: Arc<Shared>) -> turmoil::Result {
    let mut disk = shared.disk.clone();
    let seal = SealPace::default();
    let leadership = lead(&mut disk, clock, KEEP, seal.hour)?;
    let Leadership { state, clock, records, standing } = leadership;
    let (hub, inbox) = Hub::new(clock);
    let config = CoreConfig {
        lease: LEASE,
        vantages: Some(VANTAGES.map(str::to_owned).to_vec()),
        keep_slots: KEEP,
        keep: KEEP,
        seal,
        local_agents: Vec::new(),
        watch: WatchConfig {
            round: ROUND,
            gather: incidents::gather(ROUND),
            certificate_warning: None,
            ..WatchConfig::default()
        },
    };
    let mut core = Core::new(config, state, hub.now());
    core.stand_on(standing);
    let random = Random::new(shared.seed ^ records);
    let (writer, queue, reports) = Writer::new(disk, records, random);
    let between = Between {
        filler: Filler::new(Arc::default()),
        reporter: Reporter::new(News::default(), &core, ROUND),
    };
    let refusals = Arc::<Refusals>::default();
    let sessions = Sessions::new(hub.clone(), refusals.clone());
    let incoming = Port(TcpListener::bind(("0.0.0.0", PORT)).await?);
    hub.tell(Event::Listed(shared.list.clone())).await?;

    let never = CancellationToken::new();
    let (health, _) = watch::channel(LogHealth::Working);
    let mut parts: JoinSet<String> = JoinSet::new();
    let leading = hub::run(core, inbox, between, queue, reports, health, never.clone());
    parts.spawn(async move { format!("the core: {:?}", leading.await.err()) });
    let serving = grpc::serve(sessions.guarded(None), incoming, None, refusals, never);
    parts.spawn(async move { format!("the server: {:?}", serving.await) });
    parts.spawn(async move {
        writer.work().await;
        "the log".into()
    });
    parts.spawn(async move {
        look(hub, shared).await;
        "who looks at it".into()
    });
    let ended = parts.join_next().await;
    Err(format!("a part of the collector ended: {ended:?}").into())
}

/// Never behind the log, as the real one.
fn clock(newest: Timestamp) -> Clock {
    let begun = Timestamp::from_millis(START) + newest.since(now());
    Arc::new(move || begun + elapsed())
}

/// Notes what the collector says of itself, and all of it when that is wanted and the log holds all that it counts.
async fn look(hub: Hub, shared: Arc<Shared>) {
    loop {
        sleep(LOOK).await;
        let to = shared.clone();
        let asked = hub.ask(move |core, now| {
            let agents = core.fleet().agents();
            let here = agents.iter().filter(|(_, agent)| agent.status() == AgentStatus::Connected);
            let mut books = to.books();
            let says = Says {
                at: now,
                connected: here.map(|(_, agent)| agent.id.clone()).collect(),
                swept: core.counters().swept,
                moves: core.counters().moves,
                sessions: core.counters().sessions,
            };
            if books.wanted && books.account.is_none() && core.appends_waiting() == 0 {
                let question = Question {
                    window: KEEP,
                    round: ROUND,
                    vantage: None,
                    zone: None,
                    category: None,
                };
                let summary = summary(core.state(), now, &question);
                let (says, records) = (says.clone(), to.disk.records());
                books.account = Some(Account { says, summary, records });
            }
            books.says = says;
        });
        if asked.await.is_err() {
            return;
        }
    }
}

/// The agents' port.
struct Port(TcpListener);

impl Incoming for Port {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}
