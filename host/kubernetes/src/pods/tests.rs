use serde_json::{Value, json};

use super::{Amounts, Container, Keep, Kind, Pod, PodList, State, Texts, parse, parse_keeping};
use crate::{Cost, KubeletError, Subject};

const PODS: &str = include_str!("../../tests/data/pods.json");

fn read(items: Value) -> PodList {
    parse(json!({"kind": "PodList", "items": items}).to_string().as_bytes(), "test").unwrap()
}

/// A small good pod, changed at one JSON pointer (created where it is missing).
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
fn a_whole_list() {
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
    assert!(web.annotations.is_empty(), "only those asked for");
    let owners: Vec<_> = web.owners.iter().map(|owner| (&*owner.kind, &*owner.name)).collect();
    assert_eq!(owners, [("ReplicaSet", "web-6d5f7c9b8"), ("Shop", "main")]);
    assert_eq!(web.overhead, amounts(250, 120 << 20));
    assert_eq!(web.requests, amounts(1500, None));
    assert_eq!(web.limits, amounts(2000, 1 << 30));

    let kinds: Vec<_> = web.containers.iter().map(|container| (&*container.name, container.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("api", Kind::Main),
            ("log", Kind::Main),
            ("migrate", Kind::Init),
            ("proxy", Kind::Sidecar),
            ("debugger-x", Kind::Ephemeral)
        ]
    );
    let [api, log, migrate, proxy, debugger] = &web.containers[..] else { unreachable!() };
    assert_eq!(
        *api,
        Container {
            name: "api".into(),
            kind: Kind::Main,
            image: Some("registry.example/api:1.2.3".into()),
            runtime: Some("containerd".into()),
            id: Some("bb01".into()),
            state: Some(State::Running),
            last_termination_reason: None,
            restarts: Some(0),
            requests: amounts(200, 192 << 20),
            limits: amounts(400, 384 << 20),
        }
    );
    assert_eq!(log.state, Some(State::Waiting(Some("CrashLoopBackOff".into()))));
    assert_eq!(log.last_termination_reason.as_deref(), Some("OOMKilled"));
    assert_eq!(log.restarts, Some(17));
    assert_eq!((log.requests, log.limits), (amounts(None, None), amounts(None, None)), "absent, not zero");
    assert_eq!(migrate.state, Some(State::Terminated(Some("Completed".into()))));
    assert_eq!(migrate.limits, amounts(1000, 64 << 20));
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
        "no status, no figures"
    );
    assert_eq!(pending.start_unix_ms, None);
}

#[test]
fn annotations_by_key() {
    let keep =
        Keep { annotations: vec!["team.example/cost-centre".into(), "no-such".into()], ..Keep::default() };
    let list = parse_keeping(PODS.as_bytes(), "pods.json", &keep).unwrap();
    assert_eq!(list.pods[2].annotations, boxed(&[("team.example/cost-centre", "4200")]));
    assert!(list.pods[1].annotations.is_empty());
}

#[test]
fn labels_are_bounded_by_dropping_the_largest() {
    let keep = |label_bytes| Keep { label_bytes, ..Keep::default() };
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
        let list = parse_keeping(body.as_bytes(), "test", &keep(bound)).unwrap();
        assert_eq!(only(&list).labels, expected, "{bound}");
        assert_eq!(list.labels_dropped, dropped, "{bound}");
        assert_eq!(list.problems.len(), usize::from(dropped > 0), "{bound}");
    }
    let problem =
        parse_keeping(body.as_bytes(), "test", &keep(2)).unwrap().problems.iter().next().unwrap().to_string();
    assert_eq!(
        problem,
        "pod n/p: metadata.labels: the 3 largest, the labels have more than 2 bytes; the field is left out"
    );
}

#[test]
fn the_default_bound_is_8_kib() {
    let list = read(json!([
        pod_with("/metadata/labels", json!({"k": "v".repeat(8191), "l": ""})),
        {"metadata": {"name": "q", "namespace": "n", "uid": "v", "labels": {"k": "v".repeat(8191)}}}
    ]));
    assert_eq!(list.labels_dropped, 1);
    assert_eq!(list.pods[0].labels, boxed(&[("l", "")]));
    assert_eq!(list.pods[1].labels.len(), 1);
}

#[test]
fn a_field_of_a_wrong_type_costs_that_field() {
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
        "\"12x\" is not a quantity: no such suffix (decimal n u m k M G T P E, binary Ki Mi Gi Ti Pi Ei, exponents e3)",
    );
    assert_eq!(pod.containers[0].requests, amounts(None, 1));

    let pod = expect(
        "/spec/containers/0/resources/requests/memory",
        json!("9Ei"),
        "spec.containers[0].resources.requests.memory",
        "\"9Ei\" is more than 2^63 - 1 bytes",
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
    assert_eq!(pod.containers[0].kind, Kind::Main);

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
}

#[test]
fn several_broken_fields_are_each_named_by_their_own_place() {
    let mut pod = pod_with("/spec/containers/0", json!(1));
    pod["spec"]["containers"][1]["name"] = json!(2);
    pod["status"]["phase"] = json!(3);
    let list = read(json!([pod]));
    let paths: Vec<_> = list.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["spec.containers[0]", "spec.containers[1].name", "status.phase", "spec.containers"]);
    assert_eq!(only(&list).containers.len(), 1, "the one that has a status");
}

#[test]
fn what_makes_a_pod_unusable_costs_that_pod() {
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
            "pod n/p: metadata.uid: absent or empty, and a pod is not to be told from others without it; the pod is left out",
        ]
    );
}

#[test]
fn a_pod_with_no_end_of_broken_fields_is_given_up() {
    let statuses: Vec<Value> = (0..1000).map(|_| json!({"restartCount": "x"})).collect();
    let list = read(json!([
        pod_with("/status/containerStatuses", Value::Array(statuses)),
        {"metadata": {"name": "q", "namespace": "n", "uid": "v"}}
    ]));
    assert_eq!(&*only(&list).name, "q");
    assert_eq!(list.problems.len(), 17);
    assert!(
        list.problems
            .iter()
            .any(|problem| problem.cost == Cost::Pod && problem.message.contains("16 fields"))
    );
}

#[test]
fn problems_are_bounded_but_counted() {
    let list = read(Value::Array(vec![json!(1); 1000]));
    assert_eq!((list.problems.len(), list.problems.iter().count()), (1000, 64));
    let list = read(json!([pod_with("/metadata/labels", json!("x".repeat(1 << 20)))]));
    assert!(list.problems.iter().next().unwrap().to_string().len() < 400);
}

#[test]
fn null_is_absent_everywhere() {
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
fn states() {
    for (state, expected) in [
        (json!({}), State::Waiting(None)),
        (json!({"waiting": {}}), State::Waiting(None)),
        (json!({"waiting": {"reason": ""}}), State::Waiting(None)),
        (json!({"waiting": {"reason": "ErrImagePull"}}), State::Waiting(Some("ErrImagePull".into()))),
        (json!({"running": {}}), State::Running),
        (
            json!({"running": null, "terminated": {"reason": "Error"}}),
            State::Terminated(Some("Error".into())),
        ),
        (json!({"terminated": {"exitCode": 0}}), State::Terminated(None)),
        (json!({"running": {"startedAt": "x"}, "waiting": {"reason": "y"}}), State::Running),
        (
            json!({"waiting": {"reason": "y"}, "terminated": {"reason": "z"}}),
            State::Waiting(Some("y".into())),
        ),
    ] {
        let list =
            read(json!([pod_with("/status/containerStatuses", json!([{"name": "one", "state": state}]))]));
        assert!(list.problems.is_empty());
        assert_eq!(only(&list).containers[0].state, Some(expected), "{state}");
    }
}

#[test]
fn container_ids() {
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
        [("a", Kind::Main, Some(1)), ("left-over", Kind::Main, Some(4)), ("b", Kind::Init, Some(2))]
    );
    assert_eq!(list.problems.len(), 1);
    assert_eq!(
        list.problems.iter().next().unwrap().to_string(),
        "pod n/p: spec.initContainers: another container has the same name \"a\"; the field is left out"
    );
}

#[test]
fn quantities_as_numbers_and_not_set() {
    let resources = json!({"requests": {"cpu": 0.1, "memory": 1024}, "limits": {"cpu": "-1", "memory": "0"}});
    let list = read(json!([pod_with("/spec/containers/0/resources", resources)]));
    let one = &only(&list).containers[0];
    assert!(list.problems.is_empty());
    assert_eq!(one.requests, amounts(100, 1024));
    assert_eq!(one.limits, amounts(None, 0), "negative is not set, an explicit 0 is a value");
}

#[test]
fn two_pods_with_one_uid() {
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
fn keys_that_occur_twice_count_as_in_go() {
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
fn kinds_by_list_and_restart_policy() {
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
fn the_image_is_the_one_of_the_spec() {
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
fn empty_lists() {
    for body in [r#"{"items": []}"#, r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}"#] {
        let list = parse(body.as_bytes(), "test").unwrap();
        assert!(list.pods.is_empty() && list.problems.is_empty());
    }
}

#[test]
fn bytes_that_are_not_utf8_cost_no_pod() {
    let mut body =
        json!({"items": [pod_with("/metadata/labels", json!({"a": "-?-"}))]}).to_string().into_bytes();
    let at = body.iter().position(|&byte| byte == b'?').unwrap();
    body[at] = 0xff;
    let list = parse(&body, "test").unwrap();
    assert_eq!(only(&list).labels, boxed(&[("a", "-\u{fffd}-")]));
}

#[test]
fn a_lone_surrogate_costs_its_pod_where_it_is_read() {
    let body = r#"{"items": [
        {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "\ud800"}}},
        {"metadata": {"name": "q", "namespace": "n", "uid": "v"}, "spec": {"ignored": "\ud800"}}]}"#;
    let list = parse(body.as_bytes(), "test").unwrap();
    assert_eq!(&*only(&list).name, "q");
    assert_eq!(list.problems.len(), 1);
}

#[test]
fn nesting_of_what_is_ignored_does_not_matter() {
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
fn whole_documents_that_are_not_lists() {
    let error = |body: &str| parse(body.as_bytes(), "https://10.0.0.7:10250/pods").unwrap_err();
    let text = |body: &str| error(body).to_string();

    assert!(matches!(error(" \n"), KubeletError::Empty { .. }));
    assert_eq!(
        text("Unauthorized"),
        "https://10.0.0.7:10250/pods: line 1, column 1: expected value, wanted a v1 PodList (the kubelet's /pods); \
         it begins \"Unauthorized\""
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
        "https://10.0.0.7:10250/pods: no `items` in the answer, wanted a v1 PodList (the kubelet's /pods); \
         found kind `Status`: pods is forbidden"
    );
    assert!(text("{}").ends_with("found an object without `kind`"));
    assert!(text(r#"{"kind": 7, "message": [1]}"#).ends_with("found an object without `kind`"));
}
