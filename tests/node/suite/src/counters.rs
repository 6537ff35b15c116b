//! Mapping of cAdvisor's counters to the agent's, and of samples to their subjects.

use insightd_tests::cadvisor::{Sample, container_id};

use crate::event::Event;

/// A family of counters.
pub(crate) struct Counter {
    pub(crate) family: &'static str,
    /// Labels that a sample must have.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// Raw name of the agent's counter.
    pub(crate) ours: &'static str,
    /// Factor from cAdvisor's value to the agent's.
    pub(crate) scale: f64,
}

const fn counter(family: &'static str, ours: &'static str, scale: f64) -> Counter {
    Counter { family, labels: &[], ours, scale }
}

const fn faults(labels: &'static [(&'static str, &'static str)], ours: &'static str) -> Counter {
    Counter { family: "container_memory_failures_total", labels, ours, scale: 1.0 }
}

/// tests/recorder/README.md lists the files behind each family.
pub(crate) const COUNTERS: &[Counter] = &[
    Counter {
        family: "container_cpu_usage_seconds_total",
        labels: &[("cpu", "total")],
        ours: "cpu.usage_ns",
        scale: 1e9,
    },
    counter("container_cpu_user_seconds_total", "cpu.user_ns", 1e9),
    counter("container_cpu_system_seconds_total", "cpu.system_ns", 1e9),
    counter("container_cpu_cfs_periods_total", "cpu.periods", 1.0),
    counter("container_cpu_cfs_throttled_periods_total", "cpu.throttled_periods", 1.0),
    counter("container_cpu_cfs_throttled_seconds_total", "cpu.throttled_ns", 1e9),
    faults(&[("failure_type", "pgfault"), ("scope", "container")], "memory.pgfault"),
    faults(&[("failure_type", "pgmajfault"), ("scope", "container")], "memory.pgmajfault"),
    counter("container_memory_failcnt", "memory.failcnt", 1.0),
    counter("container_network_receive_bytes_total", "network.rx_bytes", 1.0),
    counter("container_network_receive_packets_total", "network.rx_packets", 1.0),
    counter("container_network_receive_errors_total", "network.rx_errors", 1.0),
    counter("container_network_receive_packets_dropped_total", "network.rx_dropped", 1.0),
    counter("container_network_transmit_bytes_total", "network.tx_bytes", 1.0),
    counter("container_network_transmit_packets_total", "network.tx_packets", 1.0),
    counter("container_network_transmit_errors_total", "network.tx_errors", 1.0),
    counter("container_network_transmit_packets_dropped_total", "network.tx_dropped", 1.0),
    counter("container_fs_reads_bytes_total", "io.read_bytes", 1.0),
    counter("container_fs_writes_bytes_total", "io.write_bytes", 1.0),
    counter("container_fs_reads_total", "io.reads", 1.0),
    counter("container_fs_writes_total", "io.writes", 1.0),
    counter("container_pressure_cpu_waiting_seconds_total", "psi.cpu.some_us", 1e6),
    counter("container_pressure_memory_waiting_seconds_total", "psi.memory.some_us", 1e6),
    counter("container_pressure_io_waiting_seconds_total", "psi.io.some_us", 1e6),
];

impl Counter {
    pub(crate) fn is(&self, sample: &Sample) -> bool {
        sample.name == self.family && self.labels.iter().all(|(key, value)| sample.label(key) == *value)
    }
}

/// Returns the subject of a sample as a key, or `None` if the agent has no event for it: sandboxes, groups of pods.
pub(crate) fn subject(sample: &Sample) -> Option<String> {
    let cgroup = sample.label("id");
    let (namespace, pod, container) =
        (sample.label("namespace"), sample.label("pod"), sample.label("container"));
    let interface = sample.label("interface");
    let is_disk = sample.name.starts_with("container_fs_")
        && sample.name.ends_with("_total")
        && !sample.name.contains("inodes");
    if sample.name.starts_with("machine_") {
        return Some("Node".to_owned());
    }
    if cgroup == "/" {
        if !interface.is_empty() {
            return Some(format!("NodeNet {interface}"));
        }
        return Some(match sample.name.strip_prefix("container_fs_") {
            Some(_) if is_disk => format!("NodeDiskIO {}", sample.label("device")),
            Some(_) => format!("NodeFS {}", sample.label("device")),
            None => "Node".to_owned(),
        });
    }
    if pod.is_empty() {
        return None;
    }
    if !interface.is_empty() {
        return Some(format!("PodNet {namespace}/{pod} {interface}"));
    }
    match container_id(cgroup) {
        Some(id) if !container.is_empty() && container != "POD" => Some(format!("Container {id}")),
        Some(_) => None,
        None => Some(format!("Pod {namespace}/{pod}")),
    }
}

/// Returns the subject of an event, in the same form.
pub(crate) fn subject_of(event: &Event) -> String {
    match event.kind() {
        kind @ ("NodeNet" | "PodNet") if kind == "NodeNet" => format!("{kind} {}", event.text("interface")),
        kind @ "PodNet" => format!("{kind} {} {}", event.pod(), event.text("interface")),
        kind @ ("NodeDiskIO" | "NodeFS") => format!("{kind} {}", event.text("device")),
        kind @ ("Container" | "ContainerFS") => format!("{kind} {}", event.container_id()),
        kind @ "Pod" => format!("{kind} {}", event.pod()),
        kind => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use insightd_tests::cadvisor::parse;

    use super::*;

    fn about(line: &str) -> Option<String> {
        subject(&parse(line)[0])
    }

    #[test]
    fn samples_are_about_things() {
        let id = "a".repeat(64);
        let labels = "namespace=\"shop\",pod=\"web-1\"";
        let systemd = format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope");
        assert_eq!(about("container_memory_rss{id=\"/\"} 1"), Some("Node".to_owned()));
        assert_eq!(
            about(&format!("container_memory_rss{{id=\"{systemd}\",container=\"httpd\",{labels}}} 1")),
            Some(format!("Container {id}"))
        );
        assert_eq!(
            about(&format!("container_memory_rss{{id=\"/kubepods/pod1/{id}\",container=\"\",{labels}}} 1")),
            None
        );
        assert_eq!(
            about(&format!("container_memory_rss{{id=\"/kubepods/pod1\",container=\"\",{labels}}} 1")),
            Some("Pod shop/web-1".to_owned())
        );
        assert_eq!(
            about(&format!(
                "container_network_receive_bytes_total{{id=\"/kubepods/pod1/{id}\",interface=\"eth0\",{labels}}} 1"
            )),
            Some("PodNet shop/web-1 eth0".to_owned())
        );
        assert_eq!(
            about("container_fs_reads_total{device=\"/dev/vda\",id=\"/\"} 1"),
            Some("NodeDiskIO /dev/vda".to_owned())
        );
        assert_eq!(about("container_memory_rss{id=\"/kubepods\"} 1"), None);
    }
}
