use serde_json::{Value, json};

use super::*;
use crate::client::testing::{Request, Response, Server, until};
use crate::pods;

fn settings() -> LocalSettings {
    LocalSettings {
        node_name: "node-a".into(),
        watch_node: true,
        watch_services: true,
        read_jobs: true,
        start_jitter: Duration::ZERO,
    }
}

fn node(ready: &str, pods: &str) -> Value {
    json!({
        "metadata": {"name": "node-a", "resourceVersion": "5", "labels": {"node.kubernetes.io/instance-type": "m5.large"}},
        "spec": {"providerID": "aws:///us-west-2a/i-0123"},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": ready, "reason": "x"},
                {"type": "", "status": "True"}
            ],
            "capacity": {"pods": pods, "cpu": "2"},
            "allocatable": {"pods": "1e2"},
            "images": [{"names": ["a"], "sizeBytes": 5}]
        }
    })
}

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": "6"}, "spec": spec})
}

fn list(items: &[Value]) -> Response {
    Response::ok().send(json!({"metadata": {"resourceVersion": "7"}, "items": items}).to_string())
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

/// Returns pods `NAME:JOB`, each owned by the Job after the colon.
fn owned(pods: &[&str]) -> PodList {
    let items: Vec<Value> = pods
        .iter()
        .map(|text| {
            let (pod, job) = text.split_once(':').unwrap();
            let owners = json!([{"kind": "Job", "name": job}, {"kind": "Shop", "name": "s"}]);
            json!({"metadata": {"name": pod, "namespace": "n", "uid": pod, "ownerReferences": owners}})
        })
        .collect();
    pods::parse(json!({"items": items}).to_string().as_bytes(), "test").unwrap()
}

fn job(owners: Value) -> Response {
    Response::ok().send(
        json!({"kind": "PartialObjectMetadata", "metadata": {"name": "j", "ownerReferences": owners}})
            .to_string(),
    )
}

fn jobs(local: &LocalWatch) -> Vec<String> {
    local.state().jobs.iter().map(|(key, owner)| format!("{key} {}/{}", owner.kind, owner.name)).collect()
}

#[tokio::test]
async fn the_own_node_is_listed_and_watched() {
    let mut watches = 0;
    let server = Server::start(move |_, request: &Request| match request.path.contains("watch=1") {
        false => list(&[node("True", "110")]),
        true => {
            watches += 1;
            match watches {
                1 => Response::ok().send(event("MODIFIED", node("Unknown", "58"))),
                _ => Response::ok().hang(),
            }
        }
    })
    .await;
    let local = LocalWatch::start(
        server.client(),
        LocalSettings { watch_services: false, read_jobs: false, ..settings() },
    );
    assert_eq!(local.statuses().iter().map(|status| status.source()).collect::<Vec<_>>(), ["node"]);
    until(|| local.state().node.as_ref().is_some_and(|node| node.capacity_pods == Some(58))).await;
    let facts = local.state().node.clone().unwrap();
    assert_eq!(
        *facts,
        NodeFacts {
            conditions: vec![
                ("MemoryPressure".into(), ConditionStatus::False),
                ("Ready".into(), ConditionStatus::Unknown)
            ],
            capacity_pods: Some(58),
            allocatable_pods: Some(100),
            instance_type: Some("m5.large".into()),
            provider_id: Some("aws:///us-west-2a/i-0123".into()),
        }
    );
    for path in server.paths() {
        assert!(
            path.starts_with("/api/v1/nodes?") && path.ends_with("&fieldSelector=metadata.name%3Dnode-a"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn services_with_a_selector_are_kept() {
    let web = |selector: Value| service("web", json!({"selector": selector}));
    let server = Server::start(move |number, _| match number {
        0 => list(&[
            web(json!({"app": "web"})),
            service("bare", json!({})),
            service("null", json!({"selector": null})),
            service("elsewhere", json!({"type": "ExternalName", "selector": {"a": "b"}})),
            service("headless", json!({"clusterIP": "None", "selector": {"app": "db"}})),
            json!({"metadata": {"name": "broken"}}),
        ]),
        1 => Response::ok()
            .send(event("MODIFIED", web(json!({"app": "web", "v": "2"}))))
            .send(event("ADDED", service("new", json!({"selector": {"x": "y"}}))))
            .send(event("DELETED", service("headless", json!({"selector": {"app": "db"}}))))
            .send(event("MODIFIED", service("new", json!({})))),
        _ => Response::ok().hang(),
    })
    .await;
    let local = LocalWatch::start(
        server.client(),
        LocalSettings { watch_node: false, read_jobs: false, ..settings() },
    );
    until(|| server.requests().len() == 3).await;
    let state = local.state();
    let services: Vec<String> = state.services.iter().map(|service| format!("{service:?}")).collect();
    assert_eq!(services, [r#"shop/web [("app", "web"), ("v", "2")]"#]);
    assert!(server.paths()[0].starts_with("/api/v1/services?resourceVersion=0"));
}

#[tokio::test]
async fn a_second_list_reuses_the_memory_of_the_first() {
    let server = Server::start(move |number, _| match number {
        1 => Response::ok().send(event("ERROR", json!({"code": 410}))),
        0 | 2 => list(&[service("web", json!({"selector": {"app": "web"}}))]),
        _ => Response::ok().hang(),
    })
    .await;
    let settings = LocalSettings { watch_node: false, read_jobs: false, ..settings() };
    let local = LocalWatch::start(server.client(), settings);
    until(|| local.state().services.iter().count() == 1).await;
    let first = local.state();
    until(|| !Arc::ptr_eq(&first.services, &local.state().services)).await;
    let address = |state: &LocalState| state.services.get("shop", "web").unwrap().name().as_ptr();
    assert_eq!(address(&first), address(&local.state()));
}

#[tokio::test]
async fn a_job_is_requested_once_while_a_local_pod_has_it() {
    let server = Server::start(|_, request: &Request| match request.path.rsplit('/').next() {
        Some("of-cron") => job(json!([
            {"kind": "Other", "name": "o", "controller": false},
            {"kind": "CronJob", "name": "nightly", "controller": true}
        ])),
        Some("alone") => job(json!(null)),
        _ => Response::status(404).send(r#"{"code":404}"#),
    })
    .await;
    let local = LocalWatch::start(
        server.client(),
        LocalSettings { watch_node: false, watch_services: false, ..settings() },
    );
    let seen = owned(&["a:of-cron", "b:alone", "c:gone", "d:of-cron"]);
    local.update_pods(&seen);
    until(|| server.requests().len() == 3).await;
    until(|| jobs(&local) == ["n/of-cron CronJob/nightly"]).await;
    let requests = server.requests();
    assert_eq!(requests[0].path, "/apis/batch/v1/namespaces/n/jobs/alone");
    assert_eq!(
        requests[0].header("accept"),
        Some("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    );

    local.update_pods(&seen);
    local.update_pods(&owned(&["b:alone", "e:new"]));
    assert!(jobs(&local).is_empty(), "no local pod has it");
    until(|| server.requests().len() == 4).await;
    assert!(server.paths()[3].ends_with("/new"), "only the new Job was requested");
    let status = local.statuses().remove(0);
    until(|| status.snapshot().last_success.is_some()).await;
    assert_eq!((status.source(), status.snapshot().errors), ("jobs", 0));
}

#[tokio::test]
async fn a_forbidden_job_does_not_block_the_others() {
    let server = Server::start(|_, request: &Request| match request.path.rsplit('/').next() {
        Some("a") => Response::status(403).send("{}"),
        _ => job(json!([{"kind": "CronJob", "name": "c", "controller": true}])),
    })
    .await;
    let local = LocalWatch::start(
        server.client(),
        LocalSettings { watch_node: false, watch_services: false, ..settings() },
    );
    local.update_pods(&owned(&["1:a", "2:b", "3:c"]));
    let status = local.statuses().remove(0);
    until(|| status.snapshot().errors > 0).await;
    let error = status.snapshot().error.unwrap();
    assert!(
        error.contains("cannot get jobs.batch: permission denied (403): grant `get` on `jobs.batch`"),
        "{error}"
    );
    until(|| jobs(&local) == ["n/b CronJob/c", "n/c CronJob/c"]).await;
}

#[tokio::test]
async fn dropping_the_watch_ends_its_requests() {
    let server = Server::start(|_, _| Response::ok().hang()).await;
    let local = LocalWatch::start(server.client(), settings());
    assert_eq!(local.statuses().len(), 3);
    until(|| server.requests().len() == 2).await;
    let watches: Vec<_> = local.tasks.iter().map(JoinHandle::abort_handle).collect();
    drop(local);
    until(|| watches.iter().all(tokio::task::AbortHandle::is_finished)).await;
}
