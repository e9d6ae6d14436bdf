//! Stub, replaced at merge.
#![allow(missing_docs)]
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ProbeOptions {
    #[arg(long, env = "ZONEWATCH_PER_HOST", default_value_t = 10)]
    pub per_host: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot")]
pub struct ProberError;
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an http or https URL")]
pub struct Unfit(String);
#[derive(Debug)]
pub struct Prepared {
    url: String,
}
#[derive(Clone, Debug)]
pub struct Prober;
#[derive(Debug)]
pub struct HostPermit;
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Descriptors,
}
impl Fault {
    pub fn name(self) -> &'static str {
        "descriptors"
    }
}
pub struct Report {
    pub outcome: proto::Outcome,
    pub phases: proto::Phases,
    pub note: proto::Note,
}
pub enum Ended {
    Report(Report),
    Fault(Fault),
}
impl Prober {
    pub fn new(_: &ProbeOptions) -> Result<Self, ProberError> {
        Ok(Self)
    }
    pub fn prepare(&self, spec: &proto::ProbeSpec) -> Result<Prepared, Unfit> {
        if spec.url.starts_with("http") {
            Ok(Prepared { url: spec.url.clone() })
        } else {
            Err(Unfit(spec.url.clone()))
        }
    }
    pub async fn permit(&self, _: &Prepared) -> HostPermit {
        HostPermit
    }
    pub async fn probe(&self, prepared: &Prepared) -> Ended {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let outcome = proto::Outcome::Answered { status: 200, unexpected: None };
        let note = proto::Note { remote_address: prepared.url.clone(), ..Default::default() };
        Ended::Report(Report { outcome, phases: proto::Phases::default(), note })
    }
}
