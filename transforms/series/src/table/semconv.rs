//! Families of OpenTelemetry's semantic conventions: pods and containers.

mod nodes;
mod workloads;

use super::{NO_LABELS, row};
use crate::family::{Family, Kind, On, Row, Rows, Source};
use crate::value::Value::{self, *};

pub(super) use nodes::FAMILIES as OF_NODES;
pub(super) use workloads::FAMILIES as OF_CLUSTERS;

const POD: &[On] = &[On::Pod];
const CONTAINER: &[On] = &[On::Container];
const NODE: &[On] = &[On::Node];
const CONTAINER_STATE: &[On] = &[On::KubeContainer, On::KubeInitContainer];
const BYTES: &str = "By";
const SECONDS: &str = "s";
const CPUS: &str = "{cpu}";
const INODES: &str = "{inode}";
const PODS: &str = "{pod}";
const NODES: &str = "{node}";

const fn metric(
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    let source = Source::Conventions;
    Family { name, help, unit, kind, source, on, attributes: &[], rows: Rows::Fixed(rows) }
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    metric(Kind::Counter, name, unit, on, rows, help)
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    metric(Kind::Gauge, name, unit, on, rows, help)
}

const fn up_down(
    name: &'static str,
    unit: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    metric(Kind::UpDown, name, unit, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

const CPU_TIME: &[Row] = &[one(Counter("cpu.usage_ns", 1e9))];
const CPU_USAGE: &[Row] = &[one(CpuUsage)];
const MEMORY_USAGE: &[Row] = &[one(Gauge("memory.usage_bytes", 1.0))];
const MEMORY_AVAILABLE: &[Row] = &[one(MemoryAvailable)];
const MEMORY_RSS: &[Row] = &[one(Gauge("memory.rss_bytes", 1.0))];
const WORKING_SET: &[Row] = &[one(WorkingSet)];
const MAJOR: &[(&str, &str)] = &[("system.paging.fault.type", "major")];
const MINOR: &[(&str, &str)] = &[("system.paging.fault.type", "minor")];
const FAULTS: &[Row] = &[
    row(Counter("memory.hierarchical_pgmajfault", 1.0), MAJOR),
    row(CounterDifference("memory.hierarchical_pgfault", "memory.hierarchical_pgmajfault"), MINOR),
];
const RECEIVE: &[(&str, &str)] = &[("network.io.direction", "receive")];
const TRANSMIT: &[(&str, &str)] = &[("network.io.direction", "transmit")];
const NETWORK_IO: &[Row] =
    &[row(Counter("network.rx_bytes", 1.0), RECEIVE), row(Counter("network.tx_bytes", 1.0), TRANSMIT)];
const NETWORK_ERRORS: &[Row] =
    &[row(Counter("network.rx_errors", 1.0), RECEIVE), row(Counter("network.tx_errors", 1.0), TRANSMIT)];
const READ: &[(&str, &str)] = &[("disk.io.direction", "read")];
const WRITE: &[(&str, &str)] = &[("disk.io.direction", "write")];
/// Bytes of a container.
const DISK_IO: &[Row] =
    &[row(Counter("io.read_bytes", 1.0), READ), row(Counter("io.write_bytes", 1.0), WRITE)];
const CAPACITY: &[Row] = &[one(Gauge("fs.capacity_bytes", 1.0))];
const AVAILABLE: &[Row] = &[one(Gauge("fs.available_bytes", 1.0))];
const USED: &[Row] = &[one(Gauge("fs.used_bytes", 1.0))];
const DESIRED: &[Row] = &[one(Gauge("replicas.desired", 1.0))];
const READY: &[Row] = &[one(Gauge("replicas.ready", 1.0))];
const POD_AVAILABLE: &[Row] = &[one(Gauge("replicas.available", 1.0))];

pub(super) static FAMILIES: &[Family<'static>] = &[
    gauge(
        "k8s.pod.uptime",
        SECONDS,
        POD,
        &[one(Age("pod.start_unix_ms"))],
        "Time since the pod has been started.",
    ),
    counter("k8s.pod.cpu.time", SECONDS, POD, CPU_TIME, "CPU time consumed by the pod."),
    gauge("k8s.pod.cpu.usage", CPUS, POD, CPU_USAGE, "CPUs that the pod used, averaged over the interval."),
    up_down("k8s.pod.memory.usage", BYTES, POD, MEMORY_USAGE, "Memory usage of the pod."),
    up_down(
        "k8s.pod.memory.available",
        BYTES,
        POD,
        MEMORY_AVAILABLE,
        "Memory limit of the pod minus its working set.",
    ),
    up_down("k8s.pod.memory.rss", BYTES, POD, MEMORY_RSS, "Anonymous memory of the pod."),
    up_down("k8s.pod.memory.working_set", BYTES, POD, WORKING_SET, "Working set of the pod."),
    counter("k8s.pod.paging.faults", "{fault}", POD, FAULTS, "Page faults of the pod."),
    counter("k8s.pod.network.io", BYTES, &[On::PodInterface], NETWORK_IO, "Network bytes of the pod."),
    counter(
        "k8s.pod.network.errors",
        "{error}",
        &[On::PodInterface],
        NETWORK_ERRORS,
        "Network errors of the pod.",
    ),
    up_down("k8s.pod.volume.capacity", BYTES, &[On::Volume], CAPACITY, "Capacity of the volume."),
    up_down("k8s.pod.volume.available", BYTES, &[On::Volume], AVAILABLE, "Space available in the volume."),
    up_down("k8s.pod.volume.usage", BYTES, &[On::Volume], USED, "Space used in the volume."),
    up_down(
        "k8s.pod.volume.inode.count",
        INODES,
        &[On::Volume],
        &[one(Gauge("fs.inodes", 1.0))],
        "Inodes of the volume.",
    ),
    up_down(
        "k8s.pod.volume.inode.used",
        INODES,
        &[On::Volume],
        &[one(Gauge("fs.inodes_used", 1.0))],
        "Inodes used in the volume.",
    ),
    up_down(
        "k8s.pod.volume.inode.free",
        INODES,
        &[On::Volume],
        &[one(Gauge("fs.inodes_free", 1.0))],
        "Inodes free in the volume.",
    ),
    up_down(
        "k8s.pod.status.phase",
        PODS,
        &[On::KubePod],
        &[
            row(Is("pod.phase", "Pending"), &[("k8s.pod.status.phase", "Pending")]),
            row(Is("pod.phase", "Running"), &[("k8s.pod.status.phase", "Running")]),
            row(Is("pod.phase", "Succeeded"), &[("k8s.pod.status.phase", "Succeeded")]),
            row(Is("pod.phase", "Failed"), &[("k8s.pod.status.phase", "Failed")]),
            row(Is("pod.phase", "Unknown"), &[("k8s.pod.status.phase", "Unknown")]),
        ],
        "Phase of the pod: 1 for the current one.",
    ),
    gauge(
        "container.uptime",
        SECONDS,
        CONTAINER,
        &[one(Age("start.container_unix_ms"))],
        "Time since the container has been started.",
    ),
    counter("container.cpu.time", SECONDS, CONTAINER, CPU_TIME, "CPU time consumed by the container."),
    gauge(
        "container.cpu.usage",
        CPUS,
        CONTAINER,
        CPU_USAGE,
        "CPUs that the container used, averaged over the interval.",
    ),
    up_down("container.memory.usage", BYTES, CONTAINER, MEMORY_USAGE, "Memory usage of the container."),
    up_down(
        "container.memory.available",
        BYTES,
        CONTAINER,
        MEMORY_AVAILABLE,
        "Memory limit of the container minus its working set.",
    ),
    up_down("container.memory.rss", BYTES, CONTAINER, MEMORY_RSS, "Anonymous memory of the container."),
    up_down("container.memory.working_set", BYTES, CONTAINER, WORKING_SET, "Working set of the container."),
    counter("container.paging.faults", "{fault}", CONTAINER, FAULTS, "Page faults of the container."),
    counter("container.disk.io", BYTES, CONTAINER, DISK_IO, "Disk bytes of the container."),
    up_down(
        "container.filesystem.capacity",
        BYTES,
        &[On::ContainerFs],
        CAPACITY,
        "Size of the container's file system.",
    ),
    up_down(
        "container.filesystem.available",
        BYTES,
        &[On::ContainerFs],
        AVAILABLE,
        "Space available in the container's file system.",
    ),
    up_down(
        "container.filesystem.usage",
        BYTES,
        &[On::ContainerFs],
        USED,
        "Space used by the container's writable layer.",
    ),
    up_down(
        "k8s.container.status.state",
        "{container}",
        CONTAINER_STATE,
        &[
            row(Is("container.state", "running"), &[("k8s.container.status.state", "running")]),
            row(Is("container.state", "waiting"), &[("k8s.container.status.state", "waiting")]),
            row(Is("container.state", "terminated"), &[("k8s.container.status.state", "terminated")]),
        ],
        "State of the container: 1 for the current one.",
    ),
    up_down(
        "k8s.container.restart.count",
        "{restart}",
        CONTAINER_STATE,
        &[one(Counter("container.restarts", 1.0))],
        "Number of restarts of the container.",
    ),
    up_down(
        "k8s.container.cpu.request",
        CPUS,
        CONTAINER_STATE,
        &[one(Gauge("container.request_cpu_millicores", 1e3))],
        "CPU request of the container.",
    ),
    up_down(
        "k8s.container.cpu.limit",
        CPUS,
        CONTAINER_STATE,
        &[one(Gauge("container.limit_cpu_millicores", 1e3))],
        "CPU limit of the container.",
    ),
    up_down(
        "k8s.container.memory.request",
        BYTES,
        CONTAINER_STATE,
        &[one(Gauge("container.request_memory_bytes", 1.0))],
        "Memory request of the container.",
    ),
    up_down(
        "k8s.container.memory.limit",
        BYTES,
        CONTAINER_STATE,
        &[one(Gauge("container.limit_memory_bytes", 1.0))],
        "Memory limit of the container.",
    ),
];
