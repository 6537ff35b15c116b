//! Kubernetes Events about remote endpoints that do not respond.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use insightd_kubernetes::events::{Event, EventKind, EventRecorder, InvolvedObject};
use insightd_upstream::UpstreamStatus;

use crate::sources::SharedWatch;

/// Interval between two checks.
const EVERY: Duration = Duration::from_secs(15);

/// Consecutive failures before an Event is published. One or two are normal whenever an endpoint restarts.
const FAILURES: u64 = 3;

/// Checks the sources periodically, and publishes an Event when one keeps failing and when it has recovered. Never returns.
pub(crate) async fn publish_failures(
    recorder: EventRecorder,
    sources: Vec<Arc<UpstreamStatus>>,
    watched: Option<SharedWatch>,
) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let cluster = watched.as_ref().map(SharedWatch::statuses).unwrap_or_default();
        for event in failing.update(sources.iter().chain(&cluster)) {
            recorder.publish(event);
        }
    }
}

/// Names of the sources for which a failure Event was published.
#[derive(Debug, Default)]
struct Failing(BTreeSet<String>);

impl Failing {
    fn update<'s>(&mut self, sources: impl Iterator<Item = &'s Arc<UpstreamStatus>>) -> Vec<Event> {
        let mut events = Vec::new();
        for source in sources {
            let (name, state) = (source.source(), source.snapshot());
            match state.error {
                Some(error) if state.failures_in_a_row >= FAILURES && self.0.insert(name.to_owned()) => {
                    events.push(event(EventKind::Warning, "SourceFailing", format!("{name}: {error}")));
                }
                None if self.0.remove(name) => {
                    events.push(event(
                        EventKind::Normal,
                        "SourceRecovered",
                        format!("{name}: data is current again"),
                    ));
                }
                _ => {}
            }
        }
        events
    }
}

fn event(kind: EventKind, reason: &str, message: String) -> Event {
    Event { kind, reason: reason.into(), message, involved_object: InvolvedObject::Pod }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_once_when_it_fails_and_once_when_it_has_recovered() {
        let sources = [Arc::new(UpstreamStatus::new("kubelet")), Arc::new(UpstreamStatus::new("services"))];
        let mut failing = Failing::default();
        let mut reported = || -> Vec<String> {
            let events = failing.update(sources.iter());
            events.into_iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
        };
        sources[0].failed("connection refused");
        sources[0].failed("connection refused");
        assert!(reported().is_empty());
        sources[0].failed("connection refused");
        assert_eq!(reported(), ["SourceFailing: kubelet: connection refused"]);
        sources[0].failed("timed out");
        assert!(reported().is_empty());
        sources[0].succeeded();
        assert_eq!(reported(), ["SourceRecovered: kubelet: data is current again"]);
        assert!(reported().is_empty());
    }
}
