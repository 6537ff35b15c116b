//! Tests of broken lists, which cost a field, a pod, or the whole list.

use serde_json::{Value, json};

use super::{amounts, boxed, only, pod_with, read};
use crate::pods::{ContainerKind, ContainerState, Pod, parse};
use crate::{Cost, KubeletError, Subject};

#[test]
fn only_the_field_of_a_wrong_type_is_left_out() {
    let expect = |pointer: &str, value: Value, path: &str, message: &str| -> Pod {
        let list = read(
            json!([{"metadata": {"name": "other", "namespace": "a", "uid": "o"}}, pod_with(pointer, value)]),
        );
        assert_eq!(list.pods.len(), 2, "{pointer}: {:?}", list.problems);
        assert_eq!(list.problems.len(), 1, "{pointer}: {:?}", list.problems);
        let problem = list.problems.iter().next().unwrap();
        assert_eq!(problem.subject, Subject::Pod { namespace: "n".into(), name: "p".into() });
        assert_eq!((problem.path.as_str(), problem.cost), (path, Cost::Field));
        assert_eq!(problem.message, message, "{pointer}");
        list.pods[1].clone()
    };

    let pod = expect(
        "/metadata/labels/b.c~1d",
        json!(5),
        r#"metadata.labels["b.c/d"]"#,
        "invalid type: integer `5`, expected a string",
    );
    assert_eq!(pod.labels, boxed(&[("a", "1")]));

    let pod = expect(
        "/metadata/labels",
        json!("x"),
        "metadata.labels",
        "invalid type: string \"x\", expected an object of strings",
    );
    assert!(pod.labels.is_empty());

    let pod = expect(
        "/spec/containers/0/resources/requests/cpu",
        json!("12x"),
        "spec.containers[0].resources.requests.cpu",
        "invalid quantity \"12x\": unknown suffix; expected n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an \
         exponent such as e3",
    );
    assert_eq!(pod.containers[0].requests, amounts(None, 1));

    let pod = expect(
        "/spec/containers/0/resources/requests/memory",
        json!("9Ei"),
        "spec.containers[0].resources.requests.memory",
        "quantity \"9Ei\" exceeds 2^63 - 1 bytes",
    );
    assert_eq!(pod.containers[0].requests, amounts(1000, None));

    let pod = expect(
        "/spec/containers/0",
        json!(7),
        "spec.containers[0]",
        "invalid type: integer `7`, expected an object",
    );
    assert_eq!(pod.containers.len(), 2, "the other one, and this one from its status");
    assert_eq!(&*pod.containers[0].name, "two");

    let pod = expect(
        "/status/containerStatuses/0/restartCount",
        json!(-1),
        "status.containerStatuses[0].restartCount",
        "invalid value: integer `-1`, expected u64",
    );
    assert_eq!(pod.containers[0].restarts, None);

    let pod = expect(
        "/status/phase",
        json!(["Running"]),
        "status.phase",
        "invalid type: sequence, expected a string",
    );
    assert_eq!(pod.phase, None);
    assert_eq!(pod.containers[0].restarts, Some(1), "the rest of the status stays");

    let pod = expect("/spec", json!("gone"), "spec", "invalid type: string \"gone\", expected an object");
    assert_eq!(pod.containers.len(), 1, "the one with a status");
    assert_eq!(pod.containers[0].kind, ContainerKind::Main);

    let pod = expect(
        "/spec/containers/0/resources/requests",
        json!(["1", "2"]),
        "spec.containers[0].resources.requests",
        "invalid type: sequence, expected an object",
    );
    assert_eq!(pod.containers[0].requests, amounts(None, None), "a list is not fields in order");

    let pod = expect(
        "/status/startTime",
        json!("yesterday"),
        "status.startTime",
        &format!("not an RFC 3339 time: {}", "yesterday".parse::<jiff::Timestamp>().unwrap_err()),
    );
    assert_eq!(pod.start_unix_ms, None);

    let pod = expect(
        "/status/containerStatuses/0/state",
        json!({"running": {"startedAt": "today"}}),
        "status.containerStatuses[0].state.running.startedAt",
        &format!("not an RFC 3339 time: {}", "today".parse::<jiff::Timestamp>().unwrap_err()),
    );
    assert_eq!(pod.containers[0].started_unix_ms, None);
    assert_eq!(pod.containers[0].state, Some(ContainerState::Running), "the rest of the state stays");
}

#[test]
fn each_malformed_field_is_named_by_its_path() {
    let mut pod = pod_with("/spec/containers/0", json!(1));
    pod["spec"]["containers"][1]["name"] = json!(2);
    pod["status"]["phase"] = json!(3);
    let list = read(json!([pod]));
    let paths: Vec<_> = list.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["spec.containers[0]", "spec.containers[1].name", "status.phase", "spec.containers"]);
    assert_eq!(only(&list).containers.len(), 1, "the one that has a status");
}

#[test]
fn only_the_unusable_pod_is_left_out() {
    for (pod, path) in [
        (json!(5), ""),
        (json!("x"), ""),
        (json!(null), ""),
        (json!([]), ""),
        (json!([{"uid": "u", "name": "p", "namespace": "n"}, null, null]), ""),
        (json!({}), "metadata"),
        (json!({"metadata": {}}), "metadata.uid"),
        (json!({"metadata": {"uid": "", "name": "p", "namespace": "n"}}), "metadata.uid"),
        (json!({"metadata": {"uid": "u", "namespace": "n"}}), "metadata.name"),
        (json!({"metadata": {"uid": "u", "name": "p", "namespace": null}}), "metadata.namespace"),
    ] {
        let good = pod_with("/status/phase", json!("Running"));
        let list = read(json!([pod, good]));
        assert_eq!(&*only(&list).name, "p");
        assert_eq!(list.problems.len(), 1, "{pod}");
        let problem = list.problems.iter().next().unwrap();
        assert_eq!((problem.path.as_str(), problem.cost), (path, Cost::Pod), "{pod}: {problem}");
        assert!(
            matches!(problem.subject, Subject::Index(0)) || pod["metadata"]["name"] == "p",
            "{pod}: {problem}"
        );
    }
    let list = read(json!([pod_with("/metadata/uid", json!(7))]));
    assert!(list.pods.is_empty());
    let problems: Vec<_> = list.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "pod n/p: metadata.uid: invalid type: integer `7`, expected a string; the field is left out",
            "pod n/p: metadata.uid: absent or empty, but required to identify the pod; the pod is left out",
        ]
    );
}

#[test]
fn any_number_of_malformed_fields_is_left_out_one_by_one() {
    let statuses: Vec<Value> = (0..1000)
        .map(|number| json!({"name": format!("c{number}"), "image": "i", "restartCount": if number % 2 == 0 { json!("x") } else { json!(number) }}))
        .collect();
    let list = read(json!([
        pod_with("/status/containerStatuses", Value::Array(statuses)),
        {"metadata": {"name": "q", "namespace": "n", "uid": "v"}}
    ]));
    assert_eq!(list.problems.len(), 500);
    assert!(list.problems.iter().all(|problem| problem.cost == Cost::Field));
    assert_eq!(list.pods.len(), 2);
    let found = |name: &str| {
        let pod = &list.pods[0];
        pod.containers.iter().find(|container| &*container.name == name).map(|container| container.restarts)
    };
    assert_eq!((found("c6"), found("c7")), (Some(None), Some(Some(7))));
}

/// A list in which nothing has the right type is not walked for minutes: the siblings of a broken field are removed with
/// it.
#[test]
fn a_thoroughly_malformed_list_keeps_its_pods() {
    let labels: serde_json::Map<String, Value> =
        (0..8000).map(|number| (format!("key-{number}"), json!(1))).collect();
    let mut pod = pod_with("/metadata/labels", Value::Object(labels));
    pod["metadata"]["annotations"] = json!({"padding": "x".repeat(900 << 10)});
    let list = read(
        json!([pod, {"metadata": {"name": "q", "namespace": "n", "uid": "v", "labels": {"a": "1", "b": 2}}}]),
    );
    assert_eq!(list.pods.len(), 2);
    assert_eq!((&*list.pods[0].containers[0].name, list.pods[0].containers[0].restarts), ("one", Some(1)));
    assert!(list.pods[0].labels.is_empty());
    assert!(list.problems.len() < 100, "{}", list.problems.len());
}

#[test]
fn fields_with_too_many_entries_are_left_out() {
    let many = |count: usize| Value::Array(vec![json!({}); count]);
    for (pointer, value, path) in [
        ("/status/conditions", many(4097), "status.conditions"),
        ("/spec/containers", many(4097), "spec.containers"),
        (
            "/metadata/labels",
            Value::Object((0..16_385).map(|number| (number.to_string(), json!("x"))).collect()),
            "metadata.labels",
        ),
    ] {
        let list = read(json!([pod_with(pointer, value)]));
        assert_eq!(only(&list).containers[0].restarts, Some(1), "{path}");
        let problem = list.problems.iter().next().unwrap();
        assert_eq!((problem.path.as_str(), problem.cost), (path, Cost::Field));
        assert!(problem.message.starts_with("more than "), "{problem}");
    }
    let list = read(json!([pod_with("/status/conditions", many(4096))]));
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    // A tree of the whole element would take a hundred times the memory of its text.
    let list = read(json!([pod_with("/x", many(40_000)), pod_with("/metadata/labels", json!([{"a": 1}]))]));
    assert_eq!(list.pods.len(), 1);
    let mut huge = pod_with("/metadata/labels", json!(1));
    huge["x"] = many(40_000);
    let list = read(json!([huge, {"metadata": {"name": "q", "namespace": "n", "uid": "v"}}]));
    assert_eq!((&*only(&list).name, list.problems.len()), ("q", 1));
}

#[test]
fn only_the_pod_that_is_too_large_is_left_out() {
    let mut large = pod_with("/metadata/labels", json!({}));
    large["x"] = json!("x".repeat(2 << 20));
    let list = read(json!([large, {"metadata": {"name": "q", "namespace": "n", "uid": "v"}}]));
    assert_eq!(&*only(&list).name, "q");
    let problem = list.problems.iter().next().unwrap();
    assert_eq!(problem.to_string(), "pod at index 0 of the list: larger than 2 MiB; the pod is left out");
}

#[test]
fn problems_are_bounded_but_counted() {
    let list = read(Value::Array(vec![json!(1); 1000]));
    assert_eq!((list.problems.len(), list.problems.iter().count()), (1000, 64));
    let list = read(json!([pod_with("/metadata/labels", json!("x".repeat(1 << 20)))]));
    assert!(list.problems.iter().next().unwrap().to_string().len() < 400);
}

#[test]
fn null_equals_absent_everywhere() {
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": null, "annotations": null, "ownerReferences": null},
        "spec": {"containers": [null, {"name": "c", "resources": null, "restartPolicy": null}], "initContainers": null,
                 "hostNetwork": null, "overhead": null},
        "status": {"conditions": null, "startTime": null, "containerStatuses": [
            {"name": "c", "state": null, "lastState": {"terminated": null}, "restartCount": null, "containerID": null}]}
    }, {"metadata": {"name": "q", "namespace": "n", "uid": "v"}, "spec": null, "status": null}]));
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    assert_eq!(list.pods[0].containers.len(), 1);
    assert_eq!(list.pods[0].containers[0].state, None);
    assert_eq!(
        list.pods[1],
        Pod { uid: "v".into(), name: "q".into(), namespace: "n".into(), ..Pod::default() }
    );
}

#[test]
fn invalid_utf8_is_replaced() {
    let mut body =
        json!({"items": [pod_with("/metadata/labels", json!({"a": "-?-"}))]}).to_string().into_bytes();
    let at = body.iter().position(|&byte| byte == b'?').unwrap();
    body[at] = 0xff;
    let list = parse(&body, "test").unwrap();
    assert_eq!(only(&list).labels, boxed(&[("a", "-\u{fffd}-")]));
}

#[test]
fn a_lone_surrogate_costs_the_pod_only_in_a_used_field() {
    let body = r#"{"items": [
        {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "\ud800"}}},
        {"metadata": {"name": "q", "namespace": "n", "uid": "v"}, "spec": {"ignored": "\ud800"}}]}"#;
    let list = parse(body.as_bytes(), "test").unwrap();
    assert_eq!(&*only(&list).name, "q");
    assert_eq!(list.problems.len(), 1);
}

#[test]
fn ignored_fields_may_be_nested_deeply() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(
        r#"{{"ignored": {deep}, "items": [{{"x": {deep}, "metadata": {{"name": "p", "namespace": "n", "uid": "u"}}}},
            {{"metadata": {{"name": "q", "namespace": "n", "uid": "v", "labels": {deep}}}}}]}}"#
    );
    let list = parse(body.as_bytes(), "test").unwrap();
    assert_eq!(&*only(&list).name, "p");
    assert_eq!(list.problems.len(), 1, "{:?}", list.problems);
}

#[test]
fn other_documents_are_errors() {
    let error = |body: &str| parse(body.as_bytes(), "https://10.0.0.7:10250/pods").unwrap_err();
    let text = |body: &str| error(body).to_string();

    assert!(matches!(error(" \n"), KubeletError::Empty { .. }));
    assert_eq!(
        text("Unauthorized"),
        "https://10.0.0.7:10250/pods: not a v1 PodList (the kubelet's /pods): expected an object at line 1, \
         column 1; it begins with \"Unauthorized\""
    );
    let cut = error("{\n  \"items\": [\n    {\"metadata\": {\"na");
    assert!(matches!(cut, KubeletError::Syntax { line: 3, column: 21, .. }), "{cut:?}");
    let after = error("{\"items\": []}\n}");
    assert!(matches!(after, KubeletError::Syntax { line: 2, column: 1, .. }), "{after:?}");
    let wrong = text(r#"{"items": {"metadata": 1}}"#);
    assert!(wrong.contains("line 1, column") && wrong.contains("expected a list"), "{wrong}");
    assert!(text("[]").contains("expected an object"), "{}", text("[]"));
    assert!(text(r#"{"items": [], "items": []}"#).contains("duplicate field `items`"));

    assert_eq!(
        text(
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods is forbidden","code":403}"#
        ),
        "https://10.0.0.7:10250/pods: no `items` in the document: expected a v1 PodList (the kubelet's \
         /pods), found kind `Status`: pods is forbidden"
    );
    assert!(text("{}").ends_with("found an object without `kind`"));
    assert!(text(r#"{"kind": 7, "message": [1]}"#).ends_with("found an object without `kind`"));
}
