//! The task that delivers to a receiver of OTLP or of remote write.

use std::sync::Arc;

use insightd_aws::settings::AwsSettings;
use insightd_delivery::DeliveryQueue;
use insightd_push::{Protocol, Push, PushSettings};
use tokio::sync::watch;

use super::clients;
use crate::config::{PushProtocol, PushSink};

/// Sends the contents of `queue` until `stop`.
pub(super) async fn deliver(
    aws: AwsSettings,
    sink: PushSink,
    queue: DeliveryQueue,
    mut stop: watch::Receiver<bool>,
) {
    let (signer, region) = match &sink.sigv4 {
        None => (None, None),
        Some(sigv4) => match clients::signer(&aws, &sigv4.service, &queue, &mut stop).await {
            Some((signer, region)) => (Some(signer), Some(region)),
            None => return,
        },
    };
    let default = || format!("https://monitoring.{}.amazonaws.com/v1/metrics", region?).parse().ok();
    let Some(endpoint) = sink.endpoint.clone().or_else(default) else {
        // The configuration requires an address, or a signature and with it a region.
        queue.status().failed("no endpoint: set `endpoint_url` of the sink");
        return;
    };
    let settings = PushSettings { endpoint, headers: sink.headers, tls: sink.tls, timeout: sink.timeout };
    let protocol = match sink.protocol {
        PushProtocol::Otlp { .. } => Protocol::Otlp,
        PushProtocol::RemoteWrite { version } => Protocol::RemoteWrite(version),
    };
    let push = Arc::new(Push::new(settings, protocol, signer));
    insightd_delivery::run(queue, push, sink.concurrency, fastrand::Rng::new(), stop).await;
}
