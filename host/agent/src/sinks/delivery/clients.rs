//! Clients of AWS: delivery to CloudWatch Logs, and signatures for other endpoints.

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::logs::{Create, GroupSettings, Logs, LogsSettings};
use insightd_aws::sdk::{self, SdkConfig};
use insightd_aws::settings::AwsSettings;
use insightd_aws::sigv4::SigV4;
use insightd_delivery::DeliveryQueue;
use insightd_push::Signer;
use insightd_upstream::Backoff;
use tokio::sync::watch;

use crate::config::{self, CloudWatchSink};

/// Creates the client, for as long as that takes, and sends the contents of `queue` until `stop`.
pub(super) async fn deliver_logs(
    settings: AwsSettings,
    sink: CloudWatchSink,
    queue: DeliveryQueue,
    mut stop: watch::Receiver<bool>,
) {
    let Some(config) = load(&settings, &queue, &mut stop).await else { return };
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
    insightd_delivery::run(queue, logs, sink.concurrency, fastrand::Rng::new(), stop).await;
}

/// Creates a signer for `service`, for as long as that takes. Also returns its region. Returns `None` at `stop`, or if there are no
/// credentials to sign with, which the status of the sink reports.
pub(super) async fn signer(
    settings: &AwsSettings,
    service: &str,
    queue: &DeliveryQueue,
    stop: &mut watch::Receiver<bool>,
) -> Option<(Box<dyn Signer>, String)> {
    let config = load(settings, queue, stop).await?;
    let region = config.region()?.to_string();
    match SigV4::new(&config, service) {
        Ok(signer) => Some((Box::new(signer), region)),
        Err(error) => {
            queue.status().failed(error.to_string());
            None
        }
    }
}

/// Loads the configuration of the clients, for as long as that takes; `None` at `stop`.
async fn load(
    settings: &AwsSettings,
    queue: &DeliveryQueue,
    stop: &mut watch::Receiver<bool>,
) -> Option<SdkConfig> {
    let mut backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(120));
    loop {
        match sdk::load(settings).await {
            Ok(config) => return Some(config),
            Err(error) => queue.status().failed(error.to_string()),
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            _ = stop.wait_for(|stop| *stop) => return None,
        }
    }
}
