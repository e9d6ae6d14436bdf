//! Agents: whole ones, on machines whose clock, network and targets are simulated.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use agent::probe::{Ended, Prober, Report};
use agent::{Agent, AgentConfig, Doing, LocalMicros, Machine, Ready, Start};
use http::Uri;
use hyper_util::rt::TokioIo;
use proto::{Note, Outcome, Phases};
use tokio::time::sleep;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};
use turmoil::net::TcpStream;

use crate::books::{Key, Seen, Shared, elapsed, now};
use crate::leader::PORT;
use crate::random::Random;

/// Where an agent lives: one process after the other.
#[derive(Clone, Debug)]
pub struct Place {
    pub id: String,
    pub vantage: &'static str,
    /// How long its machine was up before the run.
    pub booted: Duration,
}

/// Runs one process of it, until it is told to stop.
pub async fn run(shared: Arc<Shared>, place: Place) -> turmoil::Result {
    let life = {
        let mut books = shared.books();
        let lives = books.lives.entry(place.id.clone()).or_default();
        *lives += 1;
        *lives
    };
    let config = AgentConfig {
        agent_id: place.id.clone(),
        vantage: place.vantage.to_owned(),
        zone: format!("{}-zone", place.id),
        ..AgentConfig::new(format!("http://collector:{PORT}").parse()?)
    };
    let (id, stop) = (place.id.clone(), shared.stop.clone());
    let machine = Simulated { shared: shared.clone(), place, life };
    let report = Agent::on(Arc::new(machine), config)?.run(stop).await;
    shared.books().drained.push((id, report));
    Ok(())
}

struct Simulated {
    shared: Arc<Shared>,
    place: Place,
    life: u32,
}

impl Machine for Simulated {
    fn boot_time(&self) -> LocalMicros {
        LocalMicros(0).plus(self.place.booted + elapsed())
    }

    fn wall_us(&self) -> i64 {
        now().millis() * 1000
    }

    fn connect<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> Doing<'a, Result<Channel, tonic::transport::Error>> {
        Box::pin(endpoint.connect_with_connector(Connector))
    }

    /// Every target is up, always; an answer takes its time.
    fn probe<'a>(&'a self, _prober: &'a Prober, start: &'a Start<Ready>) -> Doing<'a, Ended> {
        Box::pin(async move {
            let Place { id, vantage, .. } = self.place.clone();
            let key = Key { uid: start.uid, vantage: vantage.to_owned(), planned: start.planned };
            let slot = start.uid.0 ^ start.planned.millis().unsigned_abs();
            let mut random = Random::new(self.shared.seed ^ slot);
            let slow = if random.one_in(20) { 4_500 } else { 400 };
            let started = now();
            sleep(random.millis(5, slow)).await;
            let seen = Seen { key, agent: id, life: self.life, started, ended: now() };
            self.shared.books().seen.push(seen);
            Ended::Report(Report {
                outcome: Outcome::Answered { status: 200, unexpected: None },
                phases: Phases::default(),
                body_bytes: 0,
                note: Box::<Note>::default(),
                details: None,
            })
        })
    }
}

/// Connects over the simulated network.
struct Connector;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(PORT))).await?;
            Ok(TokioIo::new(stream))
        })
    }
}
