//! Where an agent on ECS runs: read once from the task metadata endpoint.

use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::local_get;

/// Set by ECS in every container.
pub(crate) const VARIABLE: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// What the endpoint says about the task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Task {
    /// The region, `eu-west-1`.
    pub(crate) region: Option<String>,
    /// The availability zone, `eu-west-1a`.
    pub(crate) zone: Option<String>,
    /// The last part of the task's ARN.
    pub(crate) id: Option<String>,
}

/// The parts of the answer that are read. `AvailabilityZone` is absent on some launch types.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "TaskARN")]
    task_arn: Option<String>,
    availability_zone: Option<String>,
}

impl Task {
    /// Asks the endpoint whose address `base` is.
    ///
    /// # Errors
    /// A sentence, when there is no answer or it makes no sense.
    pub(crate) async fn read(base: &str) -> Result<Self, String> {
        let uri: Uri = format!("{}/task", base.trim_end_matches('/'))
            .parse()
            .map_err(|_| format!("{VARIABLE} is {base:?}; expected a URL"))?;
        let (status, body) = local_get::get(uri).await.map_err(|error| error.to_string())?;
        if status != StatusCode::OK {
            return Err(format!("it answered {status}; expected 200"));
        }
        Self::parse(&body).map_err(|error| format!("its answer cannot be read: {error}"))
    }

    pub(crate) fn parse(body: &[u8]) -> serde_json::Result<Self> {
        let Answer { task_arn, availability_zone } = serde_json::from_slice(body)?;
        let arn = task_arn.unwrap_or_default();
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        // arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID
        Ok(Self {
            region: arn.split(':').nth(3).and_then(part),
            zone: availability_zone.as_deref().and_then(part),
            id: arn.rsplit_once('/').and_then(|(_, id)| part(id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_the_zone_and_the_id_are_read() {
        let body = br#"{"Cluster":"default","TaskARN":
            "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
            "AvailabilityZone":"us-west-2d","Containers":[]}"#;
        let task = Task::parse(body).unwrap();
        assert_eq!(task.region.as_deref(), Some("us-west-2"));
        assert_eq!(task.zone.as_deref(), Some("us-west-2d"));
        assert_eq!(task.id.as_deref(), Some("158d1c8083dd49d6b527399fd6414f5c"));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(Task::parse(b"{}").unwrap(), Task::default());
        assert_eq!(Task::parse(br#"{"TaskARN":"nonsense"}"#).unwrap(), Task::default());
        assert!(Task::parse(b"<html>").is_err());
    }
}
