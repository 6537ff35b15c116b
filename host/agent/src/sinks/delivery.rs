//! The tasks that deliver the queued events of sinks to a service.

#[cfg(feature = "aws")]
mod clients;
#[cfg(not(feature = "aws"))]
#[path = "delivery/no_clients.rs"]
mod clients;
mod push;

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::settings::{AwsSettings, Role};
use insightd_delivery::DeliveryQueue;
use insightd_upstream::UpstreamStatus;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Destination;

/// Time limit for sending queued events when the agent ends. The next agent sends the rest if the spool has a directory.
const LAST: Duration = Duration::from_secs(5);

/// Time limit, after that, for storing the events that wait in memory in the spool directory.
const STORE: Duration = Duration::from_secs(3);

/// The delivery of one sink to its service.
#[derive(Debug)]
pub struct Delivery {
    name: String,
    queue: DeliveryQueue,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Final delivery counts of a sink that delivers over the network, taken after its delivery task ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Name of the sink.
    pub name: String,
    /// Events accepted by the service.
    pub accepted: u64,
    /// Undelivered events that remain in the spool for the next agent.
    pub waiting: u64,
    /// Lost events.
    pub lost: u64,
}

impl Delivery {
    /// Starts delivering the contents of `queue`. Must be called within the runtime.
    pub(crate) fn start(
        name: String,
        aws: &AwsSettings,
        destination: Destination,
        queue: DeliveryQueue,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = match destination {
            Destination::CloudWatch(sink) => {
                let aws = of_sink(aws, sink.region.as_ref(), sink.role.as_ref());
                tokio::spawn(clients::deliver_logs(aws, *sink, queue.clone(), stopped))
            }
            Destination::Push(sink) => {
                let sigv4 = sink.sigv4.as_ref();
                let region = sigv4.and_then(|sigv4| sigv4.region.as_ref());
                let aws = of_sink(aws, region, sigv4.and_then(|sigv4| sigv4.role.as_ref()));
                tokio::spawn(push::deliver(aws, *sink, queue.clone(), stopped))
            }
        };
        Self { name, queue, stop, task }
    }

    /// Returns the name of the sink.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> &DeliveryQueue {
        &self.queue
    }

    /// Returns the connection status of the service.
    pub(crate) fn status(&self) -> &Arc<UpstreamStatus> {
        self.queue.status()
    }

    /// Tells the task to stop: from then on it sends only what can be sent at once.
    pub(crate) fn stop(&self) {
        // An error means that the task has ended already.
        let _ = self.stop.send(true);
    }

    /// Waits for the task to end, after [`stop`](Self::stop). Returns the numbers of accepted, waiting and lost events.
    pub(crate) async fn end(mut self) -> Ended {
        if tokio::time::timeout(LAST, &mut self.task).await.is_err() {
            tracing::warn!(
                "delivery stopped with requests in flight; they are resent if the spool has a directory"
            );
            self.task.abort();
        }
        let unsaved = self.queue.close(STORE).await;
        let waiting = self.queue.stats().pending.events.saturating_sub(unsaved);
        Ended {
            name: self.name,
            accepted: self.queue.counts().accepted_events,
            waiting,
            lost: self.queue.lost_events() + unsaved,
        }
    }
}

/// Returns the settings of AWS clients with those of a sink, which come first.
fn of_sink(aws: &AwsSettings, region: Option<&String>, role: Option<&Role>) -> AwsSettings {
    AwsSettings {
        region: region.or(aws.region.as_ref()).cloned(),
        role: role.or(aws.role.as_ref()).cloned(),
        ..aws.clone()
    }
}

#[cfg(test)]
mod tests {
    use insightd_spool::{Block, Settings, Spool};
    use tokio::time::Instant;

    use super::*;
    use crate::sources::Clients;

    /// The time limit for the end does not depend on the number of sinks or on what each of them waits for.
    #[tokio::test(start_paused = true)]
    async fn sinks_end_together() {
        let mut clients = Clients::default();
        for number in 0..5 {
            let spool = Spool::in_memory(Settings::new(""), 0);
            let status = Arc::new(UpstreamStatus::new(format!("sink-{number}")));
            let queue = DeliveryQueue::new(spool, status).unwrap();
            let (key, body) = (b"g\0s".to_vec(), b"x".to_vec());
            queue.put(Block { events: 7, time_unix_ms: 1, key, body }).unwrap();
            let (stop, _) = watch::channel(false);
            // A request that never gets a response.
            let task = tokio::spawn(std::future::pending());
            clients.deliveries.push(Delivery { name: format!("sink-{number}"), queue, stop, task });
        }
        let start = Instant::now();
        let ended = clients.end().await;
        assert!(start.elapsed() <= LAST + STORE, "{:?}", start.elapsed());
        assert_eq!(ended.len(), 5);
        for one in ended {
            assert_eq!(
                (one.accepted, one.waiting, one.lost),
                (0, 0, 7),
                "without a directory they are lost: {one:?}"
            );
        }
    }
}
