//! Formats an event as an object of `core/v1`.

use serde_json::{Value, json};

use super::aggregator::Occurrences;
use super::{Event, EventKind, EventRecorderSettings, InvolvedObject};

/// Limits of the API server, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;
const MAX_REASON_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 253;

/// Returns the Event object; `unique` makes its name unique.
pub(super) fn event(
    event: &Event,
    occurrences: Occurrences,
    settings: &EventRecorderSettings,
    unique: &str,
) -> Value {
    let (involved, component) = match (&event.involved_object, &settings.pod) {
        (InvolvedObject::Lock(lock), _) => (
            json!({
                "apiVersion": lock.kind.api_version(), "kind": lock.kind.name(),
                "namespace": lock.namespace, "name": lock.name, "uid": lock.uid,
            }),
            lock.name.as_str(),
        ),
        (InvolvedObject::Pod, Some(pod)) => (
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "namespace": pod.namespace, "name": pod.name, "uid": pod.uid,
            }),
            settings.component.as_str(),
        ),
        // The kubelet sets the uid of a node to its name, and kubectl searches for that.
        (InvolvedObject::Node | InvolvedObject::Pod, _) => (
            json!({
                "apiVersion": "v1", "kind": "Node",
                "name": settings.node_name, "uid": settings.node_name,
            }),
            settings.component.as_str(),
        ),
    };
    let namespace = involved["namespace"].as_str().unwrap_or("default").to_owned();
    let name = involved["name"].as_str().unwrap_or(component);
    let name = format!("{}.{unique}", truncated(name, MAX_NAME_BYTES.saturating_sub(unique.len() + 1)));
    let instance = settings.pod.as_ref().map_or(&settings.node_name, |pod| &pod.name);
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "namespace": namespace, "name": name },
        "involvedObject": involved,
        "type": match event.kind {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        },
        "reason": truncated(&event.reason, MAX_REASON_BYTES),
        "message": truncated(&event.message, MAX_MESSAGE_BYTES),
        "source": { "component": component, "host": settings.node_name },
        "reportingComponent": component,
        "reportingInstance": instance,
        "firstTimestamp": format!("{:.0}", occurrences.first),
        "lastTimestamp": format!("{:.0}", occurrences.last),
        "count": occurrences.count,
    })
}

/// Returns the request that creates the object.
pub(super) fn request(object: &Value) -> Result<http::Request<Vec<u8>>, String> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    http::Request::post(format!("/api/v1/namespaces/{namespace}/events"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(object.to_string().into_bytes())
        .map_err(|error| error.to_string())
}

fn truncated(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::PodRef;
    use crate::lock_object::{LockKind, LockRef};

    fn formatted(involved_object: InvolvedObject, message: &str, pod: bool) -> Value {
        let settings = EventRecorderSettings {
            component: "insightd".to_owned(),
            node_name: "node-1".to_owned(),
            pod: pod.then(|| PodRef {
                namespace: "amazon-cloudwatch".to_owned(),
                name: "insightd-x7".to_owned(),
                uid: Some("u1".to_owned()),
            }),
        };
        let published = Event {
            kind: EventKind::Normal,
            reason: "LeaderElection".to_owned(),
            message: message.to_owned(),
            involved_object,
        };
        let second = |second| jiff::Timestamp::from_second(second).unwrap();
        event(&published, Occurrences { first: second(0), last: second(60), count: 2 }, &settings, "0f")
    }

    #[test]
    fn a_leader_transition_equals_the_reference() {
        let lock = LockRef {
            kind: LockKind::ConfigMap,
            namespace: "amazon-cloudwatch".to_owned(),
            name: "cwagent-clusterleader".to_owned(),
            uid: Some("u2".to_owned()),
        };
        let object = formatted(InvolvedObject::Lock(lock), "node-1 became leader", true);
        let wanted = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "namespace": "amazon-cloudwatch", "name": "cwagent-clusterleader.0f" },
            "involvedObject": {
                "apiVersion": "v1", "kind": "ConfigMap",
                "namespace": "amazon-cloudwatch", "name": "cwagent-clusterleader", "uid": "u2",
            },
            "type": "Normal",
            "reason": "LeaderElection",
            "message": "node-1 became leader",
            "source": { "component": "cwagent-clusterleader", "host": "node-1" },
            "reportingComponent": "cwagent-clusterleader",
            "reportingInstance": "insightd-x7",
            "firstTimestamp": "1970-01-01T00:00:00Z",
            "lastTimestamp": "1970-01-01T00:01:00Z",
            "count": 2,
        });
        assert_eq!(object, wanted);
        let request = request(&object).unwrap();
        assert_eq!(request.uri(), "/api/v1/namespaces/amazon-cloudwatch/events");
    }

    #[test]
    fn node_events_are_in_the_namespace_of_the_kubelets_events() {
        for object in [formatted(InvolvedObject::Node, "m", true), formatted(InvolvedObject::Pod, "m", false)]
        {
            assert_eq!(object["involvedObject"]["kind"], "Node");
            assert_eq!(object["involvedObject"]["uid"], "node-1");
            assert_eq!(object["metadata"]["namespace"], "default");
            assert_eq!(object["source"]["component"], "insightd");
        }
        assert_eq!(formatted(InvolvedObject::Pod, "m", true)["involvedObject"]["name"], "insightd-x7");
    }

    #[test]
    fn long_texts_are_truncated_between_characters() {
        let object = formatted(InvolvedObject::Node, &"ä".repeat(1_000), true);
        assert_eq!(object["message"].as_str().unwrap().len(), MAX_MESSAGE_BYTES);
        assert_eq!(
            formatted(InvolvedObject::Node, &"€".repeat(1_000), true)["message"].as_str().unwrap().len(),
            1023
        );
    }
}
