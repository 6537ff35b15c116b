//! Workloads and namespaces of a cluster.

use super::*;

const JOB: &[On] = &[On::Job];

pub(in crate::table) static FAMILIES: &[Family<'static>] = &[
    up_down(
        "k8s.deployment.pod.desired",
        PODS,
        &[On::Deployment],
        DESIRED,
        "Desired pods of the deployment.",
    ),
    up_down(
        "k8s.deployment.pod.available",
        PODS,
        &[On::Deployment],
        POD_AVAILABLE,
        "Available pods of the deployment.",
    ),
    up_down(
        "k8s.replicaset.pod.desired",
        PODS,
        &[On::ReplicaSet],
        DESIRED,
        "Desired pods of the replica set.",
    ),
    up_down(
        "k8s.replicaset.pod.available",
        PODS,
        &[On::ReplicaSet],
        POD_AVAILABLE,
        "Available pods of the replica set.",
    ),
    up_down(
        "k8s.statefulset.pod.desired",
        PODS,
        &[On::StatefulSet],
        DESIRED,
        "Desired pods of the stateful set.",
    ),
    up_down("k8s.statefulset.pod.ready", PODS, &[On::StatefulSet], READY, "Ready pods of the stateful set."),
    up_down(
        "k8s.daemonset.node.desired_scheduled",
        NODES,
        &[On::DaemonSet],
        DESIRED,
        "Nodes that should run the daemon pod.",
    ),
    up_down(
        "k8s.daemonset.node.current_scheduled",
        NODES,
        &[On::DaemonSet],
        &[one(Gauge("replicas.scheduled", 1.0))],
        "Nodes that run the daemon pod and should.",
    ),
    up_down("k8s.daemonset.node.ready", NODES, &[On::DaemonSet], READY, "Nodes whose daemon pod is ready."),
    up_down(
        "k8s.job.pod.active",
        PODS,
        JOB,
        &[one(Gauge("job.active", 1.0))],
        "Pending and running pods of the job.",
    ),
    up_down(
        "k8s.job.pod.failed",
        PODS,
        JOB,
        &[one(Gauge("job.failed", 1.0))],
        "Pods of the job that reached the phase Failed.",
    ),
    up_down(
        "k8s.job.pod.successful",
        PODS,
        JOB,
        &[one(Gauge("job.succeeded", 1.0))],
        "Pods of the job that reached the phase Succeeded.",
    ),
    up_down(
        "k8s.job.pod.desired_successful",
        PODS,
        JOB,
        &[one(Gauge("job.completions", 1.0))],
        "Pods of the job that should succeed.",
    ),
    up_down(
        "k8s.job.pod.max_parallel",
        PODS,
        JOB,
        &[one(Gauge("job.parallelism", 1.0))],
        "Largest number of pods of the job at a time.",
    ),
    up_down(
        "k8s.cronjob.job.active",
        "{job}",
        &[On::CronJob],
        &[one(Gauge("cronjob.active", 1.0))],
        "Jobs of the cron job that have not ended.",
    ),
    up_down(
        "k8s.namespace.phase",
        "{namespace}",
        &[On::Namespace],
        &[
            row(Is("status.phase", "Active"), &[("k8s.namespace.phase", "active")]),
            row(Is("status.phase", "Terminating"), &[("k8s.namespace.phase", "terminating")]),
        ],
        "Phase of the namespace: 1 for the current one.",
    ),
];
