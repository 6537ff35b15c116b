//! Metrics of cluster events, compared with the API server's objects.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::differences;
use crate::cluster;
use crate::event::Event;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};

/// Values by `TYPE|NAMESPACE|NAME|METRIC`.
type Figures = BTreeMap<String, f64>;

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Quick)?;
    let settings = bench.settings.clone();
    let limit = settings.interval() * 12 * settings.patience();
    // Crashing pods change the objects: a tick counts only if the API server returns the same before and after it.
    let compared = until(limit, "a tick without changes", || {
        let before = expected()?;
        let output = pod.wait_for_ticks(&settings, now_ms(), "Cluster", 2)?;
        let after = expected()?;
        if before != after {
            return Ok(Err("objects changed".to_owned()));
        }
        let Some((_, events)) = output.ticks().pop_last() else { return Ok(Err("no tick".to_owned())) };
        let ours = published(&events);
        let differences = differences(&before, &ours);
        Ok(if differences.is_empty() { Ok(before.len()) } else { Err(differences) })
    })?;
    if compared < 30 {
        bail!("only {compared} metrics were compared");
    }
    let facts = super::jobs::compare(&pod, &settings)?;
    println!("  {compared} metrics of the cluster and {facts} facts on request are equal");
    Ok(Verdict::Passed)
}

fn published(events: &[&Event]) -> Figures {
    let mut figures = Figures::new();
    for event in events {
        let name = match event.kind() {
            "Cluster" | "ClusterNamespace" => "",
            "ClusterService" => event.text("Service"),
            "ClusterDeployment" | "ClusterDaemonSet" | "ClusterStatefulSet" | "ClusterReplicaSet" => {
                event.text("PodName")
            }
            _ => continue,
        };
        let counted = |figure: &str| {
            figure.contains("number_of") || figure.contains("node_count") || figure.contains("replicas")
        };
        for (figure, value) in event.figures().filter(|(figure, _)| counted(figure)) {
            figures.insert(format!("{}|{}|{name}|{figure}", event.kind(), event.text("Namespace")), value);
        }
    }
    figures
}

fn expected() -> Result<Figures> {
    let mut figures = Figures::new();
    let mut put = |kind: &str, namespace: &str, name: &str, figure: &str, value: u64| {
        figures.insert(format!("{kind}|{namespace}|{name}|{figure}"), value as f64);
    };
    let nodes = cluster::list(&["nodes"])?;
    let failed = nodes.iter().filter(|node| is_failed(node)).count();
    put("Cluster", "", "", "cluster_node_count", nodes.len() as u64);
    put("Cluster", "", "", "cluster_failed_node_count", failed as u64);

    let pods = cluster::list(&["pods", "-A"])?;
    let running = |namespace: Option<&str>| {
        let pods = pods.iter().filter(|pod| pod["status"]["phase"] == "Running");
        pods.filter(|pod| namespace.is_none_or(|name| pod["metadata"]["namespace"] == name)).count() as u64
    };
    put("Cluster", "", "", "cluster_number_of_running_pods", running(None));
    for namespace in cluster::list(&["namespaces"])? {
        let name = text(&namespace, "name");
        put("ClusterNamespace", name, "", "namespace_number_of_running_pods", running(Some(name)));
    }
    let slices = cluster::list(&["endpointslices", "-A"])?;
    for service in cluster::list(&["services", "-A"])? {
        let (namespace, name) = (text(&service, "namespace"), text(&service, "name"));
        put(
            "ClusterService",
            namespace,
            name,
            "service_number_of_running_pods",
            ready_pods(&slices, namespace, name),
        );
    }
    for (kind, resource) in [
        ("Deployment", "deployments"),
        ("DaemonSet", "daemonsets"),
        ("StatefulSet", "statefulsets"),
        ("ReplicaSet", "replicasets"),
    ] {
        for object in cluster::list(&[resource, "-A"])? {
            if kind == "ReplicaSet" && object["metadata"].get("ownerReferences").is_some() {
                continue;
            }
            let (namespace, name) = (text(&object, "namespace"), text(&object, "name"));
            let status = |key: &str| object["status"][key].as_u64().unwrap_or(0);
            let kind_of_event = format!("Cluster{kind}");
            let mut put = |figure: &str, value: u64| put(&kind_of_event, namespace, name, figure, value);
            if kind == "DaemonSet" {
                put("replicas_desired", status("desiredNumberScheduled"));
                put("replicas_ready", status("numberReady"));
                put("status_replicas_available", status("numberAvailable"));
                put("status_replicas_unavailable", status("numberUnavailable"));
                continue;
            }
            put("replicas_desired", object["spec"]["replicas"].as_u64().unwrap_or(1));
            put("replicas_ready", status("readyReplicas"));
            put("status_replicas_available", status("availableReplicas"));
            if kind == "Deployment" {
                put("status_replicas_unavailable", status("unavailableReplicas"));
            }
        }
    }
    Ok(figures)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or("")
}

fn is_failed(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| match condition["type"].as_str() {
        Some("MemoryPressure" | "DiskPressure" | "PIDPressure" | "NetworkUnavailable") => {
            condition["status"] != "False"
        }
        Some("Ready") => condition["status"] != "True",
        _ => false,
    })
}

/// Counts the distinct pods over all slices of a service whose endpoints are not marked unready.
fn ready_pods(slices: &[Value], namespace: &str, service: &str) -> u64 {
    let of_service = slices.iter().filter(|slice| {
        text(slice, "namespace") == namespace
            && slice["metadata"]["labels"]["kubernetes.io/service-name"] == service
    });
    let endpoints = of_service.filter_map(|slice| slice["endpoints"].as_array()).flatten();
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false);
    let mut pods: Vec<&str> = ready
        .filter(|e| e["targetRef"]["kind"] == "Pod")
        .filter_map(|e| e["targetRef"]["name"].as_str())
        .collect();
    pods.sort_unstable();
    pods.dedup();
    pods.len() as u64
}
