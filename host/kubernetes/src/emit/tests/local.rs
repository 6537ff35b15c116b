//! Tests of the facts from the API server: this node, its services and the owners of its Jobs.

use std::sync::Arc;

use insights_batch::{Batch, Builder};
use serde_json::json;

use super::{SECOND, counter_cache, sorted};
use crate::emit::{Emitter, Facts};
use crate::facts::{ConditionStatus, LocalState, NodeFacts, Service, Services};
use crate::pods::{self, Owner, PodList};

type NamedSelector<'t> = (&'t str, &'t str, &'t [(&'t str, &'t str)]);

fn local(services: &[NamedSelector<'_>], jobs: &[(&str, &str, &str)]) -> LocalState {
    let services = services
        .iter()
        .filter_map(|(namespace, name, selector)| Service::new(namespace, name, selector.iter().copied()));
    let owner = |kind: &str, name: &str| Owner { kind: kind.into(), name: name.into() };
    LocalState {
        node: None,
        services: Arc::new(Services::new(services.collect())),
        jobs: Arc::new(jobs.iter().map(|(key, kind, name)| ((*key).into(), owner(kind, name))).collect()),
    }
}

fn with_local(pods: Option<&PodList>, local: &LocalState) -> Batch {
    let mut builder = Builder::new("node", "node-a", 1_735_790_400_000, 60_000);
    let node = builder.entity("node", "node-a", None);
    let facts = Facts { pods, summary: None, local: Some(local) };
    Emitter::new().emit_facts(&facts, node, &mut counter_cache(), SECOND, &mut builder);
    let columns = builder.finish();
    columns.check().unwrap();
    Batch::from_columns(columns)
}

fn links(batch: &Batch, kind: &str, id: &str, role: &str) -> Vec<String> {
    batch.find(kind, id).unwrap().links(role).into_iter().map(|entity| entity.id().to_owned()).collect()
}

#[test]
fn node_facts_are_emitted_without_pods() {
    let facts = NodeFacts {
        conditions: vec![
            ("Ready".into(), ConditionStatus::True),
            ("DiskPressure".into(), ConditionStatus::False),
            ("team.example/Odd".into(), ConditionStatus::Unknown),
        ],
        capacity_pods: Some(110),
        allocatable_pods: None,
        ..NodeFacts::default()
    };
    let local = LocalState { node: Some(Arc::new(facts)), ..LocalState::default() };
    let batch = with_local(None, &local);
    assert_eq!(
        sorted(batch.find("node", "node-a").unwrap().gauges()),
        [
            ("node.capacity_pods", 110.0),
            ("node.condition.DiskPressure", 0.0),
            ("node.condition.Ready", 1.0),
            ("node.condition.team.example/Odd", -1.0),
        ]
    );
    let nothing = with_local(None, &LocalState::default());
    assert!(nothing.find("node", "node-a").unwrap().gauges().is_empty());
}

#[test]
fn services_are_linked_to_the_pods_they_select() {
    let pod = |namespace: &str, name: &str, app: &str, phase: &str| {
        json!({
            "metadata": {"name": name, "namespace": namespace, "uid": name, "labels": {"app": app, "tier": "front"}},
            "status": {"phase": phase}
        })
    };
    let body = json!({"items": [
        pod("shop", "w1", "web", "Running"),
        pod("shop", "w2", "web", "Succeeded"),
        pod("shop", "d1", "db", "Pending"),
        pod("other", "o1", "web", "Running"),
    ]});
    let pods = pods::parse(body.to_string().as_bytes(), "test").unwrap();
    let local = local(
        &[
            ("shop", "web", &[("app", "web")]),
            ("shop", "front", &[("tier", "front")]),
            ("shop", "none", &[("app", "nobody")]),
            ("shop", "bare", &[]),
            ("alone", "web", &[("app", "web")]),
            ("other", "web", &[("app", "web"), ("tier", "front")]),
        ],
        &[],
    );
    let batch = with_local(Some(&pods), &local);
    let services: Vec<_> =
        batch.of_kind("service").into_iter().map(|service| service.id().to_owned()).collect();
    assert_eq!(services, ["other/web", "shop/front", "shop/web"]);
    assert_eq!(links(&batch, "pod", "w1", "endpoint-of"), ["shop/front", "shop/web"]);
    assert_eq!(links(&batch, "pod", "d1", "endpoint-of"), ["shop/front"]);
    assert_eq!(links(&batch, "pod", "o1", "endpoint-of"), ["other/web"]);
    assert!(links(&batch, "pod", "w2", "endpoint-of").is_empty(), "it has ended");
    let web = batch.find("service", "shop/web").unwrap();
    assert_eq!(sorted(web.attributes()), [("service.name", "web"), ("service.namespace", "shop")]);
    assert!(web.parent() == batch.find("node", "node-a"));
}

#[test]
fn jobs_are_linked_to_their_owners() {
    let pod = |namespace: &str, name: &str, kind: &str, owner: &str| {
        json!({"metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"),
            "ownerReferences": [{"kind": kind, "name": owner}]}})
    };
    let body = json!({"items": [
        pod("n", "a", "Job", "nightly-28472930"),
        pod("n", "b", "Job", "nightly-28472930"),
        pod("n", "c", "Job", "alone"),
        pod("n", "d", "CronJob", "nightly"),
        pod("m", "a", "Job", "nightly-28472930"),
    ]});
    let pods = pods::parse(body.to_string().as_bytes(), "test").unwrap();
    let batch = with_local(
        Some(&pods),
        &local(&[], &[("n/nightly-28472930", "CronJob", "nightly"), ("n/old", "CronJob", "x")]),
    );
    assert_eq!(links(&batch, "workload", "Job/n/nightly-28472930", "owned-by"), ["CronJob/n/nightly"]);
    assert!(links(&batch, "workload", "Job/n/alone", "owned-by").is_empty());
    assert!(links(&batch, "workload", "Job/m/nightly-28472930", "owned-by").is_empty(), "another namespace");
    assert_eq!(links(&batch, "pod", "n-a", "owned-by"), ["Job/n/nightly-28472930"]);
    assert_eq!(
        batch.of_kind("workload").len(),
        4,
        "one CronJob for all references, and none for Jobs without a local pod"
    );
    let cron = batch.find("workload", "CronJob/n/nightly").unwrap();
    assert_eq!(sorted(cron.attributes()), [("workload.kind", "CronJob"), ("workload.name", "nightly")]);
}
