//! In place of the client of the ECS API, in a build without AWS clients.

use std::sync::Arc;

use insightd_ecs::{EcsWatch, TaskOrigins};
use insightd_upstream::UpstreamStatus;

use crate::config::Config;

/// No client.
#[derive(Debug)]
pub(super) struct Services;

impl Services {
    /// Starts nothing.
    pub(super) fn start(_: &Config, _: &EcsWatch, _: bool) -> Self {
        Self
    }

    /// Returns nothing.
    pub(super) fn origins(&self) -> Arc<TaskOrigins> {
        Arc::default()
    }

    /// Returns `None`.
    pub(super) fn status(&self) -> Option<&Arc<UpstreamStatus>> {
        None
    }
}
