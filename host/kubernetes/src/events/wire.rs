//! Formats an event as an object of `core/v1`.

use serde_json::{Value, json};

use super::gate::Times;
use super::{About, Event, EventKind, RecorderSettings};

/// Limits of the API server, in bytes.
const MESSAGE: usize = 1024;
const REASON: usize = 128;
const NAME: usize = 253;

/// Returns the Event object; `unique` makes its name unique.
pub(super) fn event(event: &Event, times: Times, settings: &RecorderSettings, unique: &str) -> Value {
    let (involved, component) = match (&event.about, &settings.pod) {
        (About::Lock(lock), _) => (
            json!({
                "apiVersion": lock.kind.api_version(), "kind": lock.kind.name(),
                "namespace": lock.namespace, "name": lock.name, "uid": lock.uid,
            }),
            lock.name.as_str(),
        ),
        (About::Pod, Some(pod)) => (
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "namespace": pod.namespace, "name": pod.name, "uid": pod.uid,
            }),
            settings.component.as_str(),
        ),
        // The kubelet sets the uid of a node to its name, and kubectl searches for that.
        (About::Node | About::Pod, _) => (
            json!({
                "apiVersion": "v1", "kind": "Node",
                "name": settings.node_name, "uid": settings.node_name,
            }),
            settings.component.as_str(),
        ),
    };
    let namespace = involved["namespace"].as_str().unwrap_or("default").to_owned();
    let name = involved["name"].as_str().unwrap_or(component);
    let name = format!("{}.{unique}", cut(name, NAME.saturating_sub(unique.len() + 1)));
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
        "reason": cut(&event.reason, REASON),
        "message": cut(&event.message, MESSAGE),
        "source": { "component": component, "host": settings.node_name },
        "reportingComponent": component,
        "reportingInstance": instance,
        "firstTimestamp": format!("{:.0}", times.first),
        "lastTimestamp": format!("{:.0}", times.last),
        "count": times.count,
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

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Lock, PodRef};
    use crate::leader::LockKind;

    fn made(about: About, message: &str, pod: bool) -> Value {
        let settings = RecorderSettings {
            component: "insightd".to_owned(),
            node_name: "node-1".to_owned(),
            pod: pod.then(|| PodRef {
                namespace: "amazon-cloudwatch".to_owned(),
                name: "insightd-x7".to_owned(),
                uid: Some("u1".to_owned()),
            }),
        };
        let made = Event {
            kind: EventKind::Normal,
            reason: "LeaderElection".to_owned(),
            message: message.to_owned(),
            about,
        };
        let second = |second| jiff::Timestamp::from_second(second).unwrap();
        event(&made, Times { first: second(0), last: second(60), count: 2 }, &settings, "0f")
    }

    #[test]
    fn a_transition_looks_as_in_the_reference() {
        let lock = Lock {
            kind: LockKind::ConfigMap,
            namespace: "amazon-cloudwatch".to_owned(),
            name: "cwagent-clusterleader".to_owned(),
            uid: Some("u2".to_owned()),
        };
        let object = made(About::Lock(lock), "node-1 became leader", true);
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
    fn the_node_is_where_the_kubelet_puts_it() {
        for object in [made(About::Node, "m", true), made(About::Pod, "m", false)] {
            assert_eq!(object["involvedObject"]["kind"], "Node");
            assert_eq!(object["involvedObject"]["uid"], "node-1");
            assert_eq!(object["metadata"]["namespace"], "default");
            assert_eq!(object["source"]["component"], "insightd");
        }
        assert_eq!(made(About::Pod, "m", true)["involvedObject"]["name"], "insightd-x7");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let object = made(About::Node, &"ä".repeat(1_000), true);
        assert_eq!(object["message"].as_str().unwrap().len(), MESSAGE);
        assert_eq!(made(About::Node, &"€".repeat(1_000), true)["message"].as_str().unwrap().len(), 1023);
    }
}
