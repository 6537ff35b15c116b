//! Tests of the resources of pods that were resized in place.

use serde_json::{Value, json};

use super::{amounts, only, read};
use crate::pods::{Amounts, PodList};

const MIB: u64 = 1 << 20;

fn list(status: Value, conditions: Value, resize: Value) -> PodList {
    let resources =
        json!({"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"cpu": "1500m", "memory": "1Gi"}});
    let mut of_container = json!({"name": "c", "restartCount": 0});
    if let (Value::Object(into), Value::Object(from)) = (&mut of_container, status) {
        into.extend(from);
    }
    read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": [{"name": "c", "resources": resources}]},
        "status": {"containerStatuses": [of_container], "conditions": conditions, "resize": resize}
    }]))
}

fn requests_and_limits(list: &PodList) -> (Amounts, Amounts) {
    let container = &only(list).containers[0];
    (container.requests, container.limits)
}

#[test]
fn applied_limits_and_scheduled_requests_are_used() {
    let small = json!({"cpu": "500m", "memory": "100Mi"});
    let applied = json!({"allocatedResources": small, "resources": {"requests": small, "limits": small}});
    let pending = |reason: &str| json!([{"type": "PodResizePending", "status": "True", "reason": reason}]);
    let desired = amounts(1500, 1024 * MIB);
    let held = amounts(500, 100 * MIB);

    let deferred = list(applied.clone(), pending("Deferred"), json!("Deferred"));
    assert_eq!(requests_and_limits(&deferred), (desired, held), "the scheduler keeps room for it");
    let infeasible = list(applied.clone(), pending("Infeasible"), json!(null));
    assert_eq!(requests_and_limits(&infeasible), (held, held), "since Kubernetes 1.33");
    let infeasible = list(applied, json!(null), json!("Infeasible"));
    assert_eq!(requests_and_limits(&infeasible), (held, held), "until Kubernetes 1.32");

    // When shrinking, the larger resources are in force until the runtime has applied the smaller ones.
    let large = json!({"cpu": "2", "memory": "2Gi"});
    let shrinking = list(
        json!({"allocatedResources": large, "resources": {"requests": large, "limits": large}}),
        json!(null),
        json!("InProgress"),
    );
    let large = amounts(2000, 2048 * MIB);
    assert_eq!(requests_and_limits(&shrinking), (large, large));
}

#[test]
fn a_status_without_resources_keeps_those_of_the_specification() {
    let desired = amounts(1500, 1024 * MIB);
    for status in [json!({}), json!({"resources": {}}), json!({"resources": null, "allocatedResources": {}})]
    {
        let list = list(status.clone(), json!(null), json!(null));
        assert_eq!(requests_and_limits(&list), (desired, desired), "{status}");
        assert!(list.problems.is_empty());
    }
    let without = list(json!({"resources": {"requests": {"cpu": "1500m"}}}), json!(null), json!(null));
    assert_eq!(requests_and_limits(&without), (desired, amounts(None, None)), "no limit is applied yet");
    let strange =
        list(json!({"resources": {"limits": {"cpu": [], "memory": "100Mi"}}}), json!(null), json!(7));
    assert_eq!(requests_and_limits(&strange), (desired, amounts(None, 100 * MIB)));
    assert_eq!(strange.problems.len(), 2, "{:?}", strange.problems);
}

#[test]
fn pod_level_resources_follow_the_same_rules() {
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}},
        "status": {"allocatedResources": {"cpu": "250m"},
                   "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m"}}}
    }]));
    let pod = only(&list);
    assert_eq!((pod.requests, pod.limits), (amounts(1000, None), amounts(500, None)));
}
