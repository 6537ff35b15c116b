//! The services of tasks, from the ECS API.

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::sdk::Access;
use insightd_aws::settings::AwsSettings;
use insightd_ecs::services::{DENIED_INTERVAL, MIN_INTERVAL, ServiceSettings, ServiceWatch};
use insightd_ecs::{EcsWatch, TaskOrigins};
use insightd_upstream::UpstreamStatus;

use crate::config::Config;

/// Maximum random delay of the first request: the ECS API throttles a whole account.
const JITTER: Duration = Duration::from_secs(30);

/// The client of the ECS API, if the configuration enables it.
#[derive(Debug)]
pub(super) struct Services(Option<ServiceWatch>);

impl Services {
    /// Starts the client, which requests the services of the tasks that `watch` finds.
    pub(super) fn start(config: &Config, watch: &EcsWatch, is_for_long: bool) -> Self {
        if !config.ecs.services {
            return Self(None);
        }
        // The tasks are in the agent's own account, whatever role the sinks use to deliver elsewhere.
        let access = Access::Load(AwsSettings {
            endpoint_url: config.ecs.services_endpoint_url.clone(),
            role: None,
            ..config.aws.clone()
        });
        let start_jitter = if is_for_long { JITTER.min(config.interval / 2) } else { Duration::ZERO };
        let settings = ServiceSettings {
            access,
            min_interval: MIN_INTERVAL,
            denied_interval: DENIED_INTERVAL,
            start_jitter,
        };
        Self(Some(ServiceWatch::start(settings, watch)))
    }

    /// Returns what is known about the tasks.
    pub(super) fn origins(&self) -> Arc<TaskOrigins> {
        self.0.as_ref().map(ServiceWatch::origins).unwrap_or_default()
    }

    /// Returns the status of the requests.
    pub(super) fn status(&self) -> Option<&Arc<UpstreamStatus>> {
        self.0.as_ref().map(ServiceWatch::status)
    }
}
