//! Metrics of a cluster: states of DaemonSets and claims, numbers of volumes and Ingresses.

use insights_sdk::{Batch, Entity, Unit};

use crate::names::publish as publish_value;
use crate::options::{Group, Options};

/// `Type` of the events of claims.
const CLAIM: &str = "ClusterPersistentVolumeClaim";

/// `Sources` of the events of claims, JSON.
const SOURCES: &str = r#"["apiserver"]"#;

/// Phases of a claim, and the metric that is 1 in that phase and 0 in the others.
const PHASES: [(&str, &str); 3] = [
    ("Bound", "persistent_volume_claim_status_bound"),
    ("Lost", "persistent_volume_claim_status_lost"),
    ("Pending", "persistent_volume_claim_status_pending"),
];

/// Publishes the metrics of all events of a cluster's batch.
pub(crate) fn publish(options: &Options, batch: &Batch) {
    if options.has(Group::DaemonSets) {
        let names = [
            ("replicas.available", "daemonset_status_number_available"),
            ("replicas.unavailable", "daemonset_status_number_unavailable"),
        ];
        copy(batch, "workload", "ClusterDaemonSet", &names);
    }
    if options.has(Group::PersistentVolumes) {
        copy(batch, "cluster", "Cluster", &[("persistentvolume.count", "persistent_volume_count")]);
    }
    if options.has(Group::Ingresses) {
        copy(batch, "namespace", "ClusterNamespace", &[("ingress.count", "namespace_ingress_count")]);
    }
    if options.has(Group::Claims) {
        let mut clusters = batch.of_kind("cluster").into_iter();
        if let Some(cluster) = clusters.find(|cluster| cluster.attribute("Type") == Some("Cluster")) {
            batch.of_kind("claim").into_iter().for_each(|claim| publish_claim(claim, cluster));
        }
    }
}

/// Publishes raw gauges of the events of a type as they are, as counts.
fn copy(batch: &Batch, kind: &str, event: &str, names: &[(&str, &str)]) {
    for entity in batch.of_kind(kind) {
        if entity.attribute("Type") == Some(event) {
            for &(raw, published) in names {
                publish_value(entity, batch.name(published), entity.gauge(raw), Unit::Count);
            }
        }
    }
}

/// Turns a claim into an event. It counts as one, so that the sum over claims is their number.
fn publish_claim(claim: Entity<'_>, cluster: Entity<'_>) {
    for key in ["ClusterName", "NodeName"] {
        if let Some(value) = cluster.attribute(key) {
            claim.set_attribute(key, value);
        }
    }
    claim.set_attribute("Type", CLAIM);
    claim.set_attribute("Sources", SOURCES);
    if let Some(name) = claim.attribute("claim.name") {
        claim.set_attribute("PersistentVolumeClaimName", name);
    }
    if let Some(namespace) = claim.attribute("claim.namespace") {
        claim.set_attribute("Namespace", namespace);
        claim.set_attribute("namespace.name", namespace);
    }
    claim.publish("persistent_volume_claim_count", 1.0, Unit::Count);
    if let Some(phase) = claim.attribute("claim.phase") {
        for (known, name) in PHASES {
            claim.publish(name, if phase == known { 1.0 } else { 0.0 }, Unit::Count);
        }
    }
}
