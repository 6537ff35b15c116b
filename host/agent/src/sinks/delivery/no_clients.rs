//! In place of the clients of AWS, in a build without them. The configuration rejects sinks that need one, so none gets here.

use insightd_aws::settings::AwsSettings;
use insightd_delivery::DeliveryQueue;
use insightd_push::Signer;
use tokio::sync::watch;

use crate::config::CloudWatchSink;
use crate::features::NO_AWS_CLIENTS;

/// Reports the missing client as the status of the sink.
pub(super) async fn deliver_logs(
    _: AwsSettings,
    _: CloudWatchSink,
    queue: DeliveryQueue,
    _: watch::Receiver<bool>,
) {
    queue.status().failed(NO_AWS_CLIENTS.to_owned());
}

/// Reports the missing client as the status of the sink.
pub(super) async fn signer(
    _: &AwsSettings,
    _: &str,
    queue: &DeliveryQueue,
    _: &mut watch::Receiver<bool>,
) -> Option<(Box<dyn Signer>, String)> {
    queue.status().failed(NO_AWS_CLIENTS.to_owned());
    None
}
