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

/// An endpoint: its scope, such as `node` or `sink`, and its status. Names are unique within a scope only.
pub(crate) type Endpoint = (&'static str, Arc<UpstreamStatus>);

/// Checks the endpoints periodically, and publishes an Event when one keeps failing and when it has recovered. `changing` returns those
/// that exist only at times. Never returns.
pub(crate) async fn publish_failures(
    recorder: EventRecorder,
    endpoints: Vec<Endpoint>,
    changing: impl Fn() -> Vec<Endpoint>,
) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(EVERY).await;
        for event in failing.update(endpoints.iter().chain(&changing())) {
            recorder.publish(event);
        }
    }
}

/// Scopes and names of the endpoints for which a failure Event was published.
#[derive(Debug, Default)]
struct Failing(BTreeSet<(&'static str, String)>);

impl Failing {
    fn update<'e>(&mut self, endpoints: impl Iterator<Item = &'e Endpoint>) -> Vec<Event> {
        let mut events = Vec::new();
        for (scope, status) in endpoints {
            let (name, state) = (status.source(), status.snapshot());
            let key = (*scope, name.to_owned());
            match state.error {
                Some(error) if state.failures_in_a_row >= FAILURES && self.0.insert(key.clone()) => {
                    events.push(event(EventKind::Warning, "SourceFailing", format!("{name}: {error}")));
                }
                None if self.0.remove(&key) => {
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
        let sources = ["kubelet", "services"].map(|name| Arc::new(UpstreamStatus::new(name)));
        let endpoints = sources.clone().map(|source| ("node", source));
        let mut failing = Failing::default();
        let mut reported = || -> Vec<String> {
            let events = failing.update(endpoints.iter());
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

    #[test]
    fn endpoints_of_the_same_name_in_two_scopes_are_told_apart() {
        let endpoints = ["node", "sink"].map(|scope| (scope, Arc::new(UpstreamStatus::new("kubelet"))));
        let mut failing = Failing::default();
        for (_, status) in &endpoints {
            (0..FAILURES).for_each(|_| status.failed("connection refused"));
        }
        assert_eq!(failing.update(endpoints.iter()).len(), 2);
        endpoints[0].1.succeeded();
        assert_eq!(failing.update(endpoints.iter()).len(), 1);
        assert!(failing.update(endpoints.iter()).is_empty());
    }
}
