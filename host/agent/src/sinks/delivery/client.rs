//! The task that delivers to CloudWatch Logs.

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::delivery::{self, DeliveryQueue};
use insightd_aws::logs::{Create, GroupSettings, Logs, LogsSettings};
use insightd_aws::sdk;
use insightd_aws::settings::AwsSettings;
use insightd_upstream::Backoff;
use tokio::sync::watch;

use crate::config::{self, CloudWatchSink};

/// Creates the client, for as long as that takes, and sends the contents of `queue` until `stop`.
pub(super) async fn deliver(
    settings: AwsSettings,
    sink: CloudWatchSink,
    queue: DeliveryQueue,
    mut stop: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(120));
    let config = loop {
        match sdk::load(&settings).await {
            Ok(config) => break config,
            Err(error) => queue.status().failed(error.to_string()),
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    };
    let settings = LogsSettings {
        endpoint_url: sink.endpoint_url.clone(),
        plain: !sink.compression,
        create: match sink.create {
            config::Create::Group => Create::Group,
            config::Create::Stream => Create::Stream,
            config::Create::Nothing => Create::Nothing,
        },
        group: GroupSettings {
            retention_days: sink.retention_days,
            tags: sink.tags.clone(),
            kms_key: sink.kms_key.clone(),
        },
    };
    let logs = Arc::new(Logs::new(&config, settings));
    delivery::run(queue, logs, sink.concurrency, fastrand::Rng::new(), stop).await;
}
