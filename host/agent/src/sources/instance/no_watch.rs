//! In place of the instance watch, in a build without AWS clients.

use std::sync::Arc;

use insightd_instance::InstanceWatch;

use crate::config::Config;

/// Returns `None`: instance metadata is not read.
pub(in crate::sources) fn start(_: &Config, _: bool) -> Option<Arc<InstanceWatch>> {
    None
}
