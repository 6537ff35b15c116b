//! Kubernetes Events about remote endpoints that do not respond.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use insightd_kubernetes::events::{Event, EventKind, EventRecorder, InvolvedObject};
use insightd_upstream::UpstreamStatus;

/// Interval between two checks.
const EVERY: Duration = Duration::from_secs(15);

/// Consecutive failures before an Event is published. One or two are normal whenever an endpoint restarts.
const FAILURES: u64 = 3;

/// Checks the endpoints periodically, and publishes an Event when one keeps failing and when it has recovered. `changing` returns those
/// that exist only at times. Never returns.
pub(crate) async fn publish_failures(
    recorder: EventRecorder,
    endpoints: Vec<Arc<UpstreamStatus>>,
    changing: impl Fn() -> Vec<Arc<UpstreamStatus>>,
) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(EVERY).await;
        for event in failing.update(endpoints.iter().chain(&changing())) {
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
