//! The batch used by the benchmarks.

use insights_batch::{Builder, Columns, EntityId};

const PODS: u32 = 110;
const CONTAINERS: u32 = 3;

/// Builds a node with 110 pods of three containers each, as the host passes it to the first stage.
pub(crate) fn raw() -> Columns {
    let mut builder = Builder::new("node", "ip-10-0-0-1", 1_700_000_000_000, 60_000);
    let node = builder.entity("node", "ip-10-0-0-1", None);
    for (key, value) in [("node.name", "ip-10-0-0-1"), ("orchestrator", "eks"), ("cgroup.version", "2")] {
        builder.attribute(node, key, value);
    }
    builder.gauge(node, "node.cpu_count", 8.0);
    builder.gauge(node, "node.memory_total_bytes", 32e9);
    add_values(&mut builder, node, 1);
    for number in 0..PODS {
        pod(&mut builder, node, number);
    }
    builder.finish()
}

fn pod(builder: &mut Builder, node: EntityId, number: u32) {
    let uid = format!("0a1b2c3d-0000-4000-8000-{number:012x}");
    let name = format!("web-5d4f8c7b9-{number:05x}");
    let pod = builder.entity("pod", &uid, Some(node));
    for (key, value) in [
        ("pod.uid", &*uid),
        ("pod.name", &name),
        ("pod.namespace", "default"),
        ("pod.phase", "Running"),
        ("pod.qos", "burstable"),
        ("label.app", "web"),
        ("label.pod-template-hash", "5d4f8c7b9"),
    ] {
        builder.attribute(pod, key, value);
    }
    let owner = builder.entity("workload", "ReplicaSet/default/web-5d4f8c7b9", Some(node));
    builder.attribute(owner, "workload.kind", "ReplicaSet");
    builder.attribute(owner, "workload.name", "web-5d4f8c7b9");
    builder.link(pod, owner, "owned-by");
    let path = format!("kubepods/burstable/pod{uid}");
    let cgroup = builder.entity("cgroup", &path, Some(node));
    for (key, value) in [("cgroup.role", "pod"), ("pod.uid", &*uid), ("pod.qos", "burstable")] {
        builder.attribute(cgroup, key, value);
    }
    add_values(builder, cgroup, number);
    let interface = builder.entity("interface", "eth0", Some(cgroup));
    builder.attribute(interface, "interface", "eth0");
    for direction in ["rx", "tx"] {
        for what in ["bytes", "packets", "errors", "dropped"] {
            count(builder, interface, &format!("network.{direction}_{what}"), number);
        }
    }
    for index in 0..CONTAINERS {
        let id = format!("{:064x}", number * CONTAINERS + index);
        let name = format!("container-{index}");
        let container = builder.entity("container", &format!("{uid}/{name}"), Some(pod));
        for (key, value) in [
            ("container.name", &*name),
            ("container.id", &id),
            ("container.runtime", "containerd"),
            ("container.kind", "main"),
            ("container.state", "running"),
        ] {
            builder.attribute(container, key, value);
        }
        builder.gauge(container, "container.request_cpu_millicores", 100.0);
        builder.gauge(container, "container.limit_cpu_millicores", 500.0);
        builder.gauge(container, "container.request_memory_bytes", 1e8);
        builder.gauge(container, "container.limit_memory_bytes", 5e8);
        count(builder, container, "container.restarts", number % 3);
        let cgroup = builder.entity("cgroup", &format!("{path}/cri-containerd-{id}"), Some(cgroup));
        for (key, value) in [
            ("cgroup.role", "container"),
            ("pod.uid", &*uid),
            ("container.id", &id),
            ("container.runtime", "containerd"),
        ] {
            builder.attribute(cgroup, key, value);
        }
        add_values(builder, cgroup, number + index);
    }
}

/// Adds the values of a cgroup.
fn add_values(builder: &mut Builder, entity: EntityId, seed: u32) {
    for name in [
        "cpu.usage_ns",
        "cpu.user_ns",
        "cpu.system_ns",
        "cpu.periods",
        "cpu.throttled_periods",
        "cpu.throttled_ns",
        "memory.pgfault",
        "memory.pgmajfault",
        "memory.hierarchical_pgfault",
        "memory.hierarchical_pgmajfault",
        "io.read_bytes",
        "io.write_bytes",
        "io.reads",
        "io.writes",
        "psi.cpu.some_us",
        "psi.memory.some_us",
        "psi.io.some_us",
    ] {
        count(builder, entity, name, seed);
    }
    for name in [
        "memory.usage_bytes",
        "memory.cache_bytes",
        "memory.rss_bytes",
        "memory.max_usage_bytes",
        "memory.swap_bytes",
        "memory.mapped_file_bytes",
        "memory.inactive_file_bytes",
        "memory.limit_bytes",
        "cpu.quota_millicores",
        "pids.current",
    ] {
        builder.gauge(entity, name, f64::from(seed) * 12_345.5 + 1e6);
    }
}

fn count(builder: &mut Builder, entity: EntityId, name: &str, seed: u32) {
    let previous = u64::from(seed) * 1_000_003;
    builder.counter(entity, name, previous + 987_654, Some((previous, 60_000_000_000)));
}
