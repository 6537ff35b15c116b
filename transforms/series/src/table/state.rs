//! Families of kube-state-metrics: pods, their containers, and what a node knows of itself.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Source, Text};
use crate::value::Value::{self, *};

const POD: &[On] = &[On::KubePod];
const CONTAINER: &[On] = &[On::KubeContainer];
const INIT_CONTAINER: &[On] = &[On::KubeInitContainer];
const NODE: &[On] = &[On::KubeNode];

const fn gauge(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Gauge, Source::StateMetrics, name, on, rows, help)
}

const fn counter(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Counter, Source::StateMetrics, name, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

const ONE: &[Row] = &[one(One)];
const RUNNING: &[Row] = &[one(Is("container.state", "running"))];
const WAITING: &[Row] = &[one(Is("container.state", "waiting"))];
const TERMINATED: &[Row] = &[one(Is("container.state", "terminated"))];
const WAITING_REASON: &[Row] = &[one(IfReason("container.state", "waiting", "container.state.reason"))];
const TERMINATED_REASON: &[Row] = &[one(IfReason("container.state", "terminated", "container.state.reason"))];
const LAST_REASON: &[Row] = &[one(IfSet("container.last_termination_reason"))];
const RESTARTS: &[Row] = &[one(Counter("container.restarts", 1.0))];
const CORE: &[(&str, &str)] = &[("resource", "cpu"), ("unit", "core")];
const BYTE: &[(&str, &str)] = &[("resource", "memory"), ("unit", "byte")];
const REQUESTS: &[Row] = &[
    row(Gauge("container.request_cpu_millicores", 1e3), CORE),
    row(Gauge("container.request_memory_bytes", 1.0), BYTE),
];
const LIMITS: &[Row] = &[
    row(Gauge("container.limit_cpu_millicores", 1e3), CORE),
    row(Gauge("container.limit_memory_bytes", 1.0), BYTE),
];
const PODS: &[(&str, &str)] = &[("resource", "pods"), ("unit", "integer")];
/// The kubelet reads CPUs and memory for the Node object from the machine as well.
const CAPACITY: &[Row] = &[
    row(GaugeIf("node.cpu_count", "node.capacity_pods"), CORE),
    row(GaugeIf("node.memory_total_bytes", "node.capacity_pods"), BYTE),
    row(Gauge("node.capacity_pods", 1.0), PODS),
];
const ON_NODE: &[(&str, Text)] = &[("node", Text::Node)];
const REASON: &[(&str, Text)] = &[("reason", Text::Attribute("container.state.reason"))];
const LAST: &[(&str, Text)] = &[("reason", Text::Attribute("container.last_termination_reason"))];
const IMAGE: &[(&str, Text)] =
    &[("image_spec", Text::Attribute("container.image")), ("container_id", Text::ContainerId)];

pub(super) static FAMILIES: &[Family<'static>] = &[
    gauge("kube_pod_info", POD, ONE, "Information about a pod.").with(&[
        ("host_network", Text::Attribute("pod.host_network")),
        ("node", Text::Node),
        ("pod_ip", Text::Attribute("pod.ip")),
    ]),
    gauge(
        "kube_pod_start_time",
        POD,
        &[one(Gauge("pod.start_unix_ms", 1e3))],
        "Start time of a pod, in seconds since the Unix epoch.",
    ),
    gauge(
        "kube_pod_status_phase",
        POD,
        &[
            row(Is("pod.phase", "Pending"), &[("phase", "Pending")]),
            row(Is("pod.phase", "Succeeded"), &[("phase", "Succeeded")]),
            row(Is("pod.phase", "Failed"), &[("phase", "Failed")]),
            row(Is("pod.phase", "Unknown"), &[("phase", "Unknown")]),
            row(Is("pod.phase", "Running"), &[("phase", "Running")]),
        ],
        "Phase of a pod: 1 for the current one.",
    ),
    gauge(
        "kube_pod_status_ready",
        POD,
        &[
            row(Is("pod.condition.Ready", "True"), &[("condition", "true")]),
            row(Is("pod.condition.Ready", "False"), &[("condition", "false")]),
            row(Is("pod.condition.Ready", "Unknown"), &[("condition", "unknown")]),
        ],
        "State of the condition Ready of a pod.",
    ),
    gauge(
        "kube_pod_status_scheduled",
        POD,
        &[
            row(Is("pod.condition.PodScheduled", "True"), &[("condition", "true")]),
            row(Is("pod.condition.PodScheduled", "False"), &[("condition", "false")]),
            row(Is("pod.condition.PodScheduled", "Unknown"), &[("condition", "unknown")]),
        ],
        "State of the condition PodScheduled of a pod.",
    ),
    gauge(
        "kube_pod_overhead_cpu_cores",
        POD,
        &[one(Gauge("pod.overhead_cpu_millicores", 1e3))],
        "CPU overhead of a pod's runtime class, in cores.",
    ),
    gauge(
        "kube_pod_overhead_memory_bytes",
        POD,
        &[one(Gauge("pod.overhead_memory_bytes", 1.0))],
        "Memory overhead of a pod's runtime class.",
    ),
    gauge("kube_pod_container_info", CONTAINER, ONE, "Information about a container.").with(IMAGE),
    gauge("kube_pod_container_status_running", CONTAINER, RUNNING, "1 if the container is running."),
    gauge("kube_pod_container_status_waiting", CONTAINER, WAITING, "1 if the container is waiting."),
    gauge(
        "kube_pod_container_status_waiting_reason",
        CONTAINER,
        WAITING_REASON,
        "Reason why the container is waiting.",
    )
    .with(REASON),
    gauge("kube_pod_container_status_terminated", CONTAINER, TERMINATED, "1 if the container has ended."),
    gauge(
        "kube_pod_container_status_terminated_reason",
        CONTAINER,
        TERMINATED_REASON,
        "Reason why the container has ended.",
    )
    .with(REASON),
    gauge(
        "kube_pod_container_status_last_terminated_reason",
        CONTAINER,
        LAST_REASON,
        "Reason why the container ended the last time.",
    )
    .with(LAST),
    counter(
        "kube_pod_container_status_restarts_total",
        CONTAINER,
        RESTARTS,
        "Number of restarts of the container.",
    ),
    gauge(
        "kube_pod_container_resource_requests",
        CONTAINER,
        REQUESTS,
        "Resources that the container requests.",
    )
    .with(ON_NODE),
    gauge("kube_pod_container_resource_limits", CONTAINER, LIMITS, "Resource limits of the container.")
        .with(ON_NODE),
    gauge("kube_pod_init_container_info", INIT_CONTAINER, ONE, "Information about an init container.")
        .with(IMAGE),
    gauge(
        "kube_pod_init_container_status_running",
        INIT_CONTAINER,
        RUNNING,
        "1 if the init container is running.",
    ),
    gauge(
        "kube_pod_init_container_status_waiting",
        INIT_CONTAINER,
        WAITING,
        "1 if the init container is waiting.",
    ),
    gauge(
        "kube_pod_init_container_status_waiting_reason",
        INIT_CONTAINER,
        WAITING_REASON,
        "Reason why the init container is waiting.",
    )
    .with(REASON),
    gauge(
        "kube_pod_init_container_status_terminated",
        INIT_CONTAINER,
        TERMINATED,
        "1 if the init container has ended.",
    ),
    gauge(
        "kube_pod_init_container_status_terminated_reason",
        INIT_CONTAINER,
        TERMINATED_REASON,
        "Reason why the init container has ended.",
    )
    .with(REASON),
    gauge(
        "kube_pod_init_container_status_last_terminated_reason",
        INIT_CONTAINER,
        LAST_REASON,
        "Reason why the init container ended the last time.",
    )
    .with(LAST),
    counter(
        "kube_pod_init_container_status_restarts_total",
        INIT_CONTAINER,
        RESTARTS,
        "Number of restarts of the init container.",
    ),
    gauge(
        "kube_pod_init_container_resource_requests",
        INIT_CONTAINER,
        REQUESTS,
        "Resources that the init container requests.",
    )
    .with(ON_NODE),
    gauge(
        "kube_pod_init_container_resource_limits",
        INIT_CONTAINER,
        LIMITS,
        "Resource limits of the init container.",
    )
    .with(ON_NODE),
    gauge("kube_node_status_capacity", NODE, CAPACITY, "Capacity of the node."),
    gauge(
        "kube_node_status_allocatable",
        NODE,
        &[row(Gauge("node.allocatable_pods", 1.0), PODS)],
        "Resources of the node that are available to pods.",
    ),
];
