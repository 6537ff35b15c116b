//! Nodes and their devices.

use super::*;

const UPTIME: &[Row] = &[one(Age("start.boot_unix_ms"))];
const DISK: &[On] = &[On::NodeDisk];

pub(in crate::table) static FAMILIES: &[Family<'static>] = &[
    gauge("k8s.node.uptime", SECONDS, NODE, UPTIME, "Time since the node has been started."),
    counter("k8s.node.cpu.time", SECONDS, NODE, CPU_TIME, "CPU time consumed by the node."),
    gauge(
        "k8s.node.cpu.usage",
        CPUS,
        NODE,
        CPU_USAGE,
        "CPUs that the node used, averaged over the interval.",
    ),
    up_down("k8s.node.memory.usage", BYTES, NODE, MEMORY_USAGE, "Memory usage of the node."),
    up_down("k8s.node.memory.rss", BYTES, NODE, MEMORY_RSS, "Anonymous memory of the node."),
    up_down("k8s.node.memory.working_set", BYTES, NODE, WORKING_SET, "Working set of the node."),
    counter("k8s.node.paging.faults", "{fault}", NODE, FAULTS, "Page faults of the node."),
    up_down(
        "k8s.node.pod.allocatable",
        PODS,
        &[On::KubeNode],
        &[one(Gauge("node.allocatable_pods", 1.0))],
        "Pods that the node accepts.",
    ),
    Family {
        rows: Rows::Conditions { kind: "k8s.node.condition.type", status: "k8s.node.condition.status" },
        ..up_down(
            "k8s.node.condition.status",
            NODES,
            &[On::ClusterNode],
            &[],
            "Condition of a node of the cluster: 1 for the current state.",
        )
    },
    gauge("system.uptime", SECONDS, NODE, UPTIME, "Time since the system has been started."),
    up_down(
        "system.cpu.logical.count",
        CPUS,
        NODE,
        &[one(Gauge("node.cpu_count", 1.0))],
        "Number of logical CPUs.",
    ),
    counter(
        "system.cpu.time",
        SECONDS,
        NODE,
        &[
            row(Counter("cputime.user_ns", 1e9), &[("cpu.mode", "user")]),
            row(Counter("cputime.nice_ns", 1e9), &[("cpu.mode", "nice")]),
            row(Counter("cputime.system_ns", 1e9), &[("cpu.mode", "system")]),
            row(Counter("cputime.idle_ns", 1e9), &[("cpu.mode", "idle")]),
            row(Counter("cputime.iowait_ns", 1e9), &[("cpu.mode", "iowait")]),
            row(CounterSum("cputime.irq_ns", "cputime.softirq_ns", 1e9), &[("cpu.mode", "interrupt")]),
            row(Counter("cputime.steal_ns", 1e9), &[("cpu.mode", "steal")]),
        ],
        "Time of all CPUs by mode.",
    ),
    up_down(
        "system.memory.limit",
        BYTES,
        NODE,
        &[one(Gauge("node.memory_total_bytes", 1.0))],
        "Memory of the machine.",
    ),
    up_down(
        "system.memory.usage",
        BYTES,
        NODE,
        &[
            row(
                Remainder(
                    "meminfo.MemTotal_bytes",
                    &["meminfo.MemFree_bytes", "meminfo.Buffers_bytes", "meminfo.Cached_bytes"],
                ),
                &[("system.memory.state", "used")],
            ),
            row(Gauge("meminfo.MemFree_bytes", 1.0), &[("system.memory.state", "free")]),
            row(Gauge("meminfo.Buffers_bytes", 1.0), &[("system.memory.state", "buffers")]),
            row(Gauge("meminfo.Cached_bytes", 1.0), &[("system.memory.state", "cached")]),
        ],
        "Memory of the machine by state.",
    ),
    up_down(
        "system.memory.linux.available",
        BYTES,
        NODE,
        &[one(Gauge("node.memory_available_bytes", 1.0))],
        "Memory available to new programs without swapping.",
    ),
    up_down(
        "system.memory.linux.shared",
        BYTES,
        NODE,
        &[one(Gauge("meminfo.Shmem_bytes", 1.0))],
        "Shared memory in use.",
    ),
    up_down(
        "system.memory.linux.slab.usage",
        BYTES,
        NODE,
        &[
            row(
                Gauge("meminfo.SReclaimable_bytes", 1.0),
                &[("system.memory.linux.slab.state", "reclaimable")],
            ),
            row(
                Gauge("meminfo.SUnreclaim_bytes", 1.0),
                &[("system.memory.linux.slab.state", "unreclaimable")],
            ),
        ],
        "Memory of the kernel's slab caches.",
    ),
    up_down(
        "system.paging.usage",
        BYTES,
        NODE,
        &[
            row(
                Difference("meminfo.SwapTotal_bytes", "meminfo.SwapFree_bytes"),
                &[("system.paging.state", "used")],
            ),
            row(Gauge("meminfo.SwapFree_bytes", 1.0), &[("system.paging.state", "free")]),
        ],
        "Swap space by state.",
    ),
    counter(
        "system.disk.io",
        BYTES,
        DISK,
        &[
            row(CounterElse("diskstats.read_bytes", "io.read_bytes", 1.0), READ),
            row(CounterElse("diskstats.write_bytes", "io.write_bytes", 1.0), WRITE),
        ],
        "Disk bytes transferred.",
    ),
    counter(
        "system.disk.operations",
        "{operation}",
        DISK,
        &[
            row(CounterElse("diskstats.reads_completed", "io.reads", 1.0), READ),
            row(CounterElse("diskstats.writes_completed", "io.writes", 1.0), WRITE),
        ],
        "Disk operations.",
    ),
    counter(
        "system.disk.io_time",
        SECONDS,
        DISK,
        &[one(Counter("diskstats.io_time_ms", 1e3))],
        "Time with I/O in progress.",
    ),
    counter(
        "system.disk.operation_time",
        SECONDS,
        DISK,
        &[
            row(Counter("diskstats.read_time_ms", 1e3), READ),
            row(Counter("diskstats.write_time_ms", 1e3), WRITE),
        ],
        "Sum of the times of all operations.",
    ),
    counter(
        "system.disk.merged",
        "{operation}",
        DISK,
        &[
            row(Counter("diskstats.reads_merged", 1.0), READ),
            row(Counter("diskstats.writes_merged", 1.0), WRITE),
        ],
        "Operations merged with another one.",
    ),
    up_down("system.filesystem.limit", BYTES, &[On::NodeFs], CAPACITY, "Size of the file system."),
    up_down(
        "system.filesystem.usage",
        BYTES,
        &[On::NodeFs],
        &[
            row(Difference("fs.capacity_bytes", "fs.free_bytes"), &[("system.filesystem.state", "used")]),
            row(Gauge("fs.available_bytes", 1.0), &[("system.filesystem.state", "free")]),
            row(
                Difference("fs.free_bytes", "fs.available_bytes"),
                &[("system.filesystem.state", "reserved")],
            ),
        ],
        "Space of the file system by state.",
    ),
    counter("system.network.io", BYTES, &[On::NodeInterface], NETWORK_IO, "Bytes received and transmitted."),
    counter(
        "system.network.packet.count",
        "{packet}",
        &[On::NodeInterface],
        &[
            row(Counter("network.rx_packets", 1.0), RECEIVE),
            row(Counter("network.tx_packets", 1.0), TRANSMIT),
        ],
        "Packets received and transmitted.",
    ),
    counter(
        "system.network.packet.dropped",
        "{packet}",
        &[On::NodeInterface],
        &[
            row(Counter("network.rx_dropped", 1.0), RECEIVE),
            row(Counter("network.tx_dropped", 1.0), TRANSMIT),
        ],
        "Packets dropped.",
    ),
    counter("system.network.errors", "{error}", &[On::NodeInterface], NETWORK_ERRORS, "Network errors."),
];
