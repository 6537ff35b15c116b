mod bounds;
mod broken;
mod resize;

use serde_json::{Value, json};

use super::{
    Amounts, Container, ContainerKind, ContainerState, MetadataFilter, Pod, PodList, Texts, parse, parse_with,
};

const PODS: &str = include_str!("../../tests/data/pods.json");

fn read(items: Value) -> PodList {
    parse(json!({"kind": "PodList", "items": items}).to_string().as_bytes(), "test").unwrap()
}

/// Returns a small valid pod, changed at one JSON pointer (created if it is missing).
fn pod_with(pointer: &str, value: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "1", "b.c/d": "2"}},
        "spec": {"containers": [
            {"name": "one", "resources": {"requests": {"cpu": "1", "memory": "1"}}},
            {"name": "two"}
        ]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "one", "restartCount": 1}]}
    });
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = pod.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => other[key.replace("~1", "/")] = value,
    }
    pod
}

fn only(list: &PodList) -> &Pod {
    assert_eq!(list.pods.len(), 1, "{:?}", list.problems);
    &list.pods[0]
}

fn boxed(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect()
}

fn amounts(cpu_millicores: impl Into<Option<u64>>, memory_bytes: impl Into<Option<u64>>) -> Amounts {
    Amounts { cpu_millicores: cpu_millicores.into(), memory_bytes: memory_bytes.into() }
}

#[test]
fn a_complete_list_is_parsed() {
    let list = parse(PODS.as_bytes(), "pods.json").unwrap();
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    let names: Vec<_> = list.pods.iter().map(|pod| &*pod.name).collect();
    assert_eq!(
        names,
        ["batch-29200000-5zq4w", "kube-apiserver-node-a", "web-6d5f7c9b8-q2x7k"],
        "by namespace, name"
    );

    let web = &list.pods[2];
    assert_eq!((&*web.namespace, &*web.uid), ("shop", "3c1a9b52-6f0e-4d7a-9a43-5f2b8f0c7d11"));
    assert_eq!(web.phase.as_deref(), Some("Running"));
    assert_eq!(web.qos.as_deref(), Some("Burstable"));
    assert_eq!(web.ip.as_deref(), Some("10.1.2.3"));
    assert_eq!(web.start_unix_ms, Some(1_735_787_045_000));
    assert!(!web.host_network);
    assert_eq!(web.config_hash, None);
    assert_eq!(web.conditions, boxed(&[("PodReadyToStartContainers", "True"), ("Ready", "False")]));
    assert_eq!(
        web.labels,
        boxed(&[
            ("app", "web"),
            ("app.kubernetes.io/part-of", "shop \"one\""),
            ("pod-template-hash", "6d5f7c9b8")
        ])
    );
    assert!(web.annotations.is_empty(), "only requested ones");
    let owners: Vec<_> = web.owners.iter().map(|owner| (&*owner.kind, &*owner.name)).collect();
    assert_eq!(owners, [("ReplicaSet", "web-6d5f7c9b8"), ("Shop", "main")]);
    assert_eq!(web.overhead, amounts(250, 120 << 20));
    assert_eq!(web.requests, amounts(1500, None));
    assert_eq!(web.limits, amounts(2000, 1 << 30));

    let kinds: Vec<_> = web.containers.iter().map(|container| (&*container.name, container.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("api", ContainerKind::Main),
            ("log", ContainerKind::Main),
            ("migrate", ContainerKind::Init),
            ("proxy", ContainerKind::Sidecar),
            ("debugger-x", ContainerKind::Ephemeral)
        ]
    );
    let [api, log, migrate, proxy, debugger] = &web.containers[..] else { unreachable!() };
    assert_eq!(
        *api,
        Container {
            name: "api".into(),
            kind: ContainerKind::Main,
            image: Some("registry.example/api:1.2.3".into()),
            runtime: Some("containerd".into()),
            id: Some("bb01".into()),
            state: Some(ContainerState::Running),
            started_unix_ms: Some(1_735_787_048_000),
            last_termination_reason: None,
            restarts: Some(0),
            requests: amounts(200, 192 << 20),
            limits: amounts(400, 384 << 20),
            ephemeral_storage_limit_bytes: Some(2 << 30),
        }
    );
    assert_eq!(log.state, Some(ContainerState::Waiting(Some("CrashLoopBackOff".into()))));
    assert_eq!(log.last_termination_reason.as_deref(), Some("OOMKilled"));
    assert_eq!(log.restarts, Some(17));
    assert_eq!((log.requests, log.limits), (amounts(None, None), amounts(None, None)), "absent, not zero");
    assert_eq!(migrate.state, Some(ContainerState::Terminated(Some("Completed".into()))));
    assert_eq!(migrate.limits, amounts(1000, 64 << 20));
    assert_eq!(migrate.ephemeral_storage_limit_bytes, None);
    assert_eq!((log.started_unix_ms, migrate.started_unix_ms), (None, None), "they do not run");
    assert_eq!(proxy.id.as_deref(), Some("aa02"));
    assert_eq!((debugger.runtime.as_deref(), debugger.id.as_deref()), (Some("cri-o"), Some("cc01")));

    let fixed = &list.pods[1];
    assert_eq!(fixed.config_hash.as_deref(), Some("f1e2d3c4b5a697887960514233241506"));
    assert!(fixed.host_network);
    assert_eq!(fixed.containers[0].last_termination_reason.as_deref(), Some("Error"), "also while it runs");

    let pending = &list.pods[0];
    let container = &pending.containers[0];
    assert_eq!(
        (&container.state, container.restarts, &container.id),
        (&None, None, &None),
        "no status, no values"
    );
    assert_eq!(pending.start_unix_ms, None);
}

#[test]
fn requested_annotations_are_kept() {
    let filter = MetadataFilter {
        annotations: vec!["team.example/cost-centre".into(), "no-such".into()],
        ..MetadataFilter::default()
    };
    let list = parse_with(PODS.as_bytes(), "pods.json", &filter).unwrap();
    assert_eq!(list.pods[2].annotations, boxed(&[("team.example/cost-centre", "4200")]));
    assert!(list.pods[1].annotations.is_empty());
}

#[test]
fn the_largest_labels_beyond_the_limit_are_dropped() {
    let filter = |label_bytes| MetadataFilter { label_bytes, ..MetadataFilter::default() };
    let pod = pod_with("/metadata/labels", json!({"a": "12345", "b": "123", "c": "123", "d": "1"}));
    let body = json!({"items": [pod]}).to_string();
    for (bound, expected, dropped) in [
        (16, boxed(&[("a", "12345"), ("b", "123"), ("c", "123"), ("d", "1")]), 0),
        (15, boxed(&[("b", "123"), ("c", "123"), ("d", "1")]), 1),
        (10, boxed(&[("b", "123"), ("c", "123"), ("d", "1")]), 1),
        (9, boxed(&[("b", "123"), ("d", "1")]), 2),
        (2, boxed(&[("d", "1")]), 3),
        (1, boxed(&[]), 4),
    ] {
        let list = parse_with(body.as_bytes(), "test", &filter(bound)).unwrap();
        assert_eq!(only(&list).labels, expected, "{bound}");
        assert_eq!(left_out(&list), if dropped > 0 { vec![("p", dropped, 0)] } else { vec![] }, "{bound}");
        assert!(list.problems.is_empty(), "dropped labels are not a problem");
    }
}

fn left_out(list: &PodList) -> Vec<(&str, u32, u32)> {
    let of_pod = |pod: &Pod| (pod.labels_left_out, pod.annotations_left_out);
    let cut = list.pods.iter().filter(|pod| of_pod(pod) != (0, 0));
    cut.map(|pod| (&*pod.name, pod.labels_left_out, pod.annotations_left_out)).collect()
}

#[test]
fn the_largest_annotations_beyond_the_limit_are_dropped() {
    let filter = MetadataFilter {
        annotations: vec!["a".into(), "b".into()],
        annotation_bytes: 4,
        ..MetadataFilter::default()
    };
    let pod = pod_with("/metadata/annotations", json!({"a": "12345", "b": "123", "c": "1"}));
    let list = parse_with(json!({"items": [pod]}).to_string().as_bytes(), "test", &filter).unwrap();
    assert_eq!(only(&list).annotations, boxed(&[("b", "123")]));
    assert_eq!(left_out(&list), [("p", 0, 1)]);
}

#[test]
fn the_default_label_limit_is_8_kib() {
    let list = read(json!([
        pod_with("/metadata/labels", json!({"k": "v".repeat(8191), "l": ""})),
        {"metadata": {"name": "q", "namespace": "n", "uid": "v", "labels": {"k": "v".repeat(8191)}}}
    ]));
    assert_eq!(left_out(&list), [("p", 1, 0)]);
    assert_eq!(list.pods[0].labels, boxed(&[("l", "")]));
    assert_eq!(list.pods[1].labels.len(), 1);
}

#[test]
fn container_states_are_parsed() {
    for (state, expected) in [
        (json!({}), ContainerState::Waiting(None)),
        (json!({"waiting": {}}), ContainerState::Waiting(None)),
        (json!({"waiting": {"reason": ""}}), ContainerState::Waiting(None)),
        (
            json!({"waiting": {"reason": "ErrImagePull"}}),
            ContainerState::Waiting(Some("ErrImagePull".into())),
        ),
        (json!({"running": {}}), ContainerState::Running),
        (json!({"running": {"startedAt": null}}), ContainerState::Running),
        (
            json!({"running": null, "terminated": {"reason": "Error"}}),
            ContainerState::Terminated(Some("Error".into())),
        ),
        (json!({"terminated": {"exitCode": 0}}), ContainerState::Terminated(None)),
        (
            json!({"running": {"startedAt": "2025-01-02T03:04:07Z"}, "waiting": {"reason": "y"}}),
            ContainerState::Running,
        ),
        (
            json!({"waiting": {"reason": "y"}, "terminated": {"reason": "z"}}),
            ContainerState::Waiting(Some("y".into())),
        ),
    ] {
        let list =
            read(json!([pod_with("/status/containerStatuses", json!([{"name": "one", "state": state}]))]));
        assert!(list.problems.is_empty());
        assert_eq!(only(&list).containers[0].state, Some(expected), "{state}");
    }
}

#[test]
fn container_ids_are_split_into_runtime_and_id() {
    for (text, runtime, id) in [
        ("containerd://ab12", Some("containerd"), Some("ab12")),
        ("cri-o://ab12", Some("cri-o"), Some("ab12")),
        ("docker://ab12", Some("docker"), Some("ab12")),
        ("ab12", None, Some("ab12")),
        ("://ab12", None, Some("ab12")),
        ("containerd://", Some("containerd"), None),
        ("", None, None),
    ] {
        let list = read(json!([pod_with(
            "/status/containerStatuses",
            json!([{"name": "two", "containerID": text}])
        )]));
        let two = &only(&list).containers[1];
        assert_eq!((two.runtime.as_deref(), two.id.as_deref()), (runtime, id), "{text}");
    }
}

#[test]
fn a_status_belongs_to_the_container_of_its_kind() {
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "b"}, {"name": "a"}]},
        "status": {
            "containerStatuses": [{"name": "a", "restartCount": 1}, {"name": "left-over", "restartCount": 4}],
            "initContainerStatuses": [{"name": "a", "restartCount": 9}, {"name": "b", "restartCount": 2}]
        }
    }]));
    let pod = only(&list);
    let seen: Vec<_> = pod.containers.iter().map(|c| (&*c.name, c.kind, c.restarts)).collect();
    assert_eq!(
        seen,
        [
            ("a", ContainerKind::Main, Some(1)),
            ("left-over", ContainerKind::Main, Some(4)),
            ("b", ContainerKind::Init, Some(2))
        ]
    );
    assert_eq!(list.problems.len(), 1);
    assert_eq!(
        list.problems.iter().next().unwrap().to_string(),
        "pod n/p: spec.initContainers: another container has the same name \"a\"; the field is left out"
    );
}

#[test]
fn quantities_may_be_numbers_and_negative_ones_are_absent() {
    let resources = json!({"requests": {"cpu": 0.1, "memory": 1024}, "limits": {"cpu": "-1", "memory": "0"}});
    let list = read(json!([pod_with("/spec/containers/0/resources", resources)]));
    let one = &only(&list).containers[0];
    assert!(list.problems.is_empty());
    assert_eq!(one.requests, amounts(100, 1024));
    assert_eq!(one.limits, amounts(None, 0), "negative is not set, an explicit 0 is a value");
}

#[test]
fn the_second_pod_with_the_same_uid_is_left_out() {
    let list = read(json!([
        {"metadata": {"name": "b", "namespace": "n", "uid": "u"}},
        {"metadata": {"name": "a", "namespace": "n", "uid": "u"}},
        {"metadata": {"name": "a", "namespace": "n", "uid": "v"}}
    ]));
    let seen: Vec<_> = list.pods.iter().map(|pod| (&*pod.name, &*pod.uid)).collect();
    assert_eq!(seen, [("a", "u"), ("a", "v")]);
    assert_eq!(
        list.problems.iter().next().unwrap().to_string(),
        "pod n/b: metadata.uid: another pod of the list has the same uid \"u\"; the pod is left out"
    );
}

#[test]
fn the_last_of_duplicate_keys_is_used_as_in_go() {
    let read = |body: &str| {
        let list = parse(body.as_bytes(), "test").unwrap();
        assert!(list.problems.is_empty(), "{:?}", list.problems);
        only(&list).clone()
    };
    let labels = r#"{"items": [{"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "1", "b": "2", "a": "3"}}}]}"#;
    assert_eq!(read(labels).labels, boxed(&[("a", "3"), ("b", "2")]));
    let names = r#"{"items": [{"metadata": {"name": "x", "name": "p", "namespace": "n", "uid": "u"}}]}"#;
    assert_eq!(&*read(names).name, "p");
}

#[test]
fn container_kinds_follow_list_and_restart_policy() {
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {
            "containers": [{"name": "a", "restartPolicy": "Always"}],
            "initContainers": [{"name": "b", "restartPolicy": "Always"}, {"name": "c", "restartPolicy": "Never"}, {"name": "d"}],
            "ephemeralContainers": [{"name": "e", "restartPolicy": "Always"}]
        }
    }]));
    let kinds: Vec<_> = only(&list).containers.iter().map(|container| container.kind.as_str()).collect();
    assert_eq!(kinds, ["main", "sidecar", "init", "init", "ephemeral"]);
}

#[test]
fn the_image_of_the_specification_is_preferred() {
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": [{"name": "a", "image": "repo/a:1"}, {"name": "b", "image": ""}, {"name": "c"}]},
        "status": {"containerStatuses": [
            {"name": "a", "image": "sha256:00"}, {"name": "b", "image": "sha256:01"}, {"name": "c", "image": ""}]}
    }]));
    let images: Vec<_> = only(&list).containers.iter().map(|container| container.image.as_deref()).collect();
    assert_eq!(images, [Some("repo/a:1"), Some("sha256:01"), None]);
}

#[test]
fn empty_lists_are_accepted() {
    for body in [r#"{"items": []}"#, r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#] {
        let list = parse(body.as_bytes(), "test").unwrap();
        assert!(list.pods.is_empty() && list.problems.is_empty());
    }
}
