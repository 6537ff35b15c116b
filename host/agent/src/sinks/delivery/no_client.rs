//! In place of the task that delivers, in a build without AWS clients.

use insightd_aws::delivery::DeliveryQueue;
use insightd_aws::settings::AwsSettings;
use tokio::sync::watch;

use crate::config::CloudWatchSink;
use crate::features::NO_AWS_CLIENTS;

/// Reports the missing client as the status of the sink. The configuration rejects such sinks, so none gets here.
pub(super) async fn deliver(
    _: AwsSettings,
    _: CloudWatchSink,
    queue: DeliveryQueue,
    _: watch::Receiver<bool>,
) {
    queue.status().failed(NO_AWS_CLIENTS.to_owned());
}
