//! The agents' door of a standby: it says who leads, and takes nobody in.

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_server::{Fleet, FleetServer};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};

use super::Leader;
use crate::reload::Live;
use crate::sessions::{Outbound, authorize};
use crate::tokens::Tokens;

pub(super) struct Refusing {
    pub(super) leader: Leader,
    pub(super) tokens: Option<Live<Tokens>>,
}

impl Refusing {
    pub(super) fn server(self) -> FleetServer<Self> {
        FleetServer::new(self)
    }
}

#[tonic::async_trait]
impl Fleet for Refusing {
    type SessionStream = Outbound;

    async fn session(
        &self,
        request: Request<Streaming<raw::AgentMessage>>,
    ) -> Result<Response<Outbound>, Status> {
        authorize(self.tokens.as_ref(), &request).map_err(|(_, status)| status)?;
        let leader = self.leader.borrow().clone();
        let leader = leader.as_deref().unwrap_or("nobody");
        let mut status = Status::unavailable(format!("a standby: {leader} leads"));
        if let Ok(leader) = MetadataValue::try_from(leader) {
            status.metadata_mut().insert(proto::LEADER_HEADER, leader);
        }
        Err(status)
    }
}
