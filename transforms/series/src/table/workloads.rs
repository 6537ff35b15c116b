//! Families of kube-state-metrics: nodes, namespaces and workloads of a cluster.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Rows, Source};
use crate::value::Value::{self, Gauge, Is, One};

const CLUSTER_NODE: &[On] = &[On::ClusterNode];
const ONE: &[Row] = &[one(One)];
/// Pods that exist.
const REPLICAS: &[Row] = &[one(Gauge("status.replicas", 1.0))];

const fn gauge(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Gauge, Source::StateMetrics, name, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

pub(super) static FAMILIES: &[Family<'static>] = &[
    gauge("kube_node_info", CLUSTER_NODE, ONE, "Information about a node of the cluster."),
    Family {
        rows: Rows::Conditions { kind: "condition", status: "status" },
        ..gauge(
            "kube_node_status_condition",
            CLUSTER_NODE,
            &[],
            "Condition of a node of the cluster: 1 for the current state.",
        )
    },
    gauge(
        "kube_namespace_status_phase",
        &[On::Namespace],
        &[
            row(Is("status.phase", "Active"), &[("phase", "Active")]),
            row(Is("status.phase", "Terminating"), &[("phase", "Terminating")]),
        ],
        "Phase of a namespace: 1 for the current one.",
    ),
    gauge(
        "kube_deployment_spec_replicas",
        &[On::Deployment],
        &[one(Gauge("replicas.desired", 1.0))],
        "Number of desired pods of a deployment.",
    ),
    gauge(
        "kube_deployment_status_replicas",
        &[On::Deployment],
        REPLICAS,
        "Number of replicas of a deployment.",
    ),
    gauge(
        "kube_deployment_status_replicas_ready",
        &[On::Deployment],
        &[one(Gauge("replicas.ready", 1.0))],
        "Number of ready replicas of a deployment.",
    ),
    gauge(
        "kube_deployment_status_replicas_available",
        &[On::Deployment],
        &[one(Gauge("replicas.available", 1.0))],
        "Number of available replicas of a deployment.",
    ),
    gauge(
        "kube_deployment_status_replicas_unavailable",
        &[On::Deployment],
        &[one(Gauge("replicas.unavailable", 1.0))],
        "Number of unavailable replicas of a deployment.",
    ),
    gauge(
        "kube_daemonset_status_desired_number_scheduled",
        &[On::DaemonSet],
        &[one(Gauge("replicas.desired", 1.0))],
        "Number of nodes that should run the daemon pod.",
    ),
    gauge(
        "kube_daemonset_status_current_number_scheduled",
        &[On::DaemonSet],
        &[one(Gauge("replicas.scheduled", 1.0))],
        "Number of nodes that run the daemon pod and should.",
    ),
    gauge(
        "kube_daemonset_status_number_ready",
        &[On::DaemonSet],
        &[one(Gauge("replicas.ready", 1.0))],
        "Number of nodes whose daemon pod is ready.",
    ),
    gauge(
        "kube_daemonset_status_number_available",
        &[On::DaemonSet],
        &[one(Gauge("replicas.available", 1.0))],
        "Number of nodes whose daemon pod is available.",
    ),
    gauge(
        "kube_daemonset_status_number_unavailable",
        &[On::DaemonSet],
        &[one(Gauge("replicas.unavailable", 1.0))],
        "Number of nodes that should run the daemon pod and have none available.",
    ),
    gauge(
        "kube_statefulset_replicas",
        &[On::StatefulSet],
        &[one(Gauge("replicas.desired", 1.0))],
        "Number of desired pods of a stateful set.",
    ),
    gauge(
        "kube_statefulset_status_replicas",
        &[On::StatefulSet],
        REPLICAS,
        "Number of replicas of a stateful set.",
    ),
    gauge(
        "kube_statefulset_status_replicas_ready",
        &[On::StatefulSet],
        &[one(Gauge("replicas.ready", 1.0))],
        "Number of ready replicas of a stateful set.",
    ),
    gauge(
        "kube_statefulset_status_replicas_available",
        &[On::StatefulSet],
        &[one(Gauge("replicas.available", 1.0))],
        "Number of available replicas of a stateful set.",
    ),
    gauge(
        "kube_replicaset_spec_replicas",
        &[On::ReplicaSet],
        &[one(Gauge("replicas.desired", 1.0))],
        "Number of desired pods of a replica set without owner.",
    ),
    gauge(
        "kube_replicaset_status_replicas",
        &[On::ReplicaSet],
        REPLICAS,
        "Number of replicas of a replica set without owner.",
    ),
    gauge(
        "kube_replicaset_status_ready_replicas",
        &[On::ReplicaSet],
        &[one(Gauge("replicas.ready", 1.0))],
        "Number of ready replicas of a replica set without owner.",
    ),
];
