//! Events of all types, with the attributes of each type.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::json;

use crate::agent::CLUSTER;
use crate::event::{Event, Output};
use crate::settings::NodeKind;
use crate::sound;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::now_ms;

/// Required members of all events of a type, in addition to `Type`, `Timestamp` and `ClusterName`.
struct Kind {
    name: &'static str,
    sources: &'static [&'static str],
    attributes: &'static [&'static str],
    /// Members of `kubernetes`.
    about: &'static [&'static str],
    /// Metrics.
    figures: &'static [&'static str],
}

const CADVISOR: &[&str] = &["cadvisor"];
const CALCULATED: &[&str] = &["cadvisor", "calculated"];
const POD: &[&str] = &["cadvisor", "pod", "calculated"];
const API: &[&str] = &["apiserver"];
const OF_POD: &[&str] = &["host", "namespace_name", "pod_name", "pod_id"];
const OF_CONTAINER: &[&str] = &["host", "namespace_name", "pod_name", "pod_id", "container_name"];
const WORKLOAD: &[&str] = &["NodeName", "Namespace", "PodName"];
const REPLICAS: &[&str] = &["replicas_desired", "replicas_ready", "status_replicas_available"];

const KINDS: &[Kind] = &[
    Kind {
        name: "Node",
        sources: &["cadvisor", "/proc", "pod", "calculated"],
        attributes: &["NodeName"],
        about: &["host"],
        figures: &[
            "node_cpu_usage_total",
            "node_cpu_utilization",
            "node_memory_working_set",
            "node_memory_utilization",
            "node_cpu_request",
            "node_memory_request",
            "node_cpu_reserved_capacity",
            "node_number_of_running_pods",
            "node_number_of_running_containers",
            "node_network_total_bytes",
            "node_status_condition_ready",
            "node_heartbeat",
        ],
    },
    Kind {
        name: "NodeFS",
        sources: CALCULATED,
        attributes: &["NodeName", "device", "fstype"],
        about: &["host"],
        figures: &["node_filesystem_capacity", "node_filesystem_usage", "node_filesystem_utilization"],
    },
    Kind {
        name: "NodeDiskIO",
        sources: CADVISOR,
        attributes: &["NodeName", "device"],
        about: &["host"],
        figures: &["node_diskio_io_service_bytes_write", "node_diskio_io_serviced_write"],
    },
    Kind {
        name: "NodeNet",
        sources: CALCULATED,
        attributes: &["NodeName", "interface"],
        about: &["host"],
        figures: &["node_interface_network_rx_bytes", "node_interface_network_total_bytes"],
    },
    Kind {
        name: "PodNet",
        sources: CALCULATED,
        attributes: &["NodeName", "Namespace", "PodName", "interface"],
        about: OF_POD,
        figures: &["pod_interface_network_rx_bytes", "pod_interface_network_tx_packets"],
    },
    Kind {
        name: "Container",
        sources: POD,
        attributes: &["NodeName", "Namespace", "PodName", "container_status"],
        about: OF_CONTAINER,
        figures: &["container_memory_working_set", "number_of_container_restarts"],
    },
    Kind {
        name: "ContainerFS",
        sources: CALCULATED,
        attributes: &["NodeName", "Namespace", "PodName", "fstype"],
        about: OF_CONTAINER,
        figures: &["container_filesystem_usage", "container_filesystem_capacity"],
    },
    Kind {
        name: "Cluster",
        sources: API,
        attributes: &["NodeName"],
        about: &[],
        figures: &[
            "cluster_node_count",
            "cluster_failed_node_count",
            "cluster_number_of_running_pods",
            "cluster_heartbeat",
        ],
    },
    Kind {
        name: "ClusterNamespace",
        sources: API,
        attributes: &["NodeName", "Namespace"],
        about: &["namespace_name"],
        figures: &["namespace_number_of_running_pods"],
    },
    Kind {
        name: "ClusterService",
        sources: API,
        attributes: &["NodeName", "Namespace", "Service"],
        about: &["namespace_name", "service_name"],
        figures: &["service_number_of_running_pods"],
    },
    Kind { name: "ClusterDeployment", sources: API, attributes: WORKLOAD, about: &[], figures: REPLICAS },
    Kind { name: "ClusterDaemonSet", sources: API, attributes: WORKLOAD, about: &[], figures: REPLICAS },
    Kind { name: "ClusterStatefulSet", sources: API, attributes: WORKLOAD, about: &[], figures: REPLICAS },
    Kind { name: "ClusterReplicaSet", sources: API, attributes: WORKLOAD, about: &[], figures: REPLICAS },
];

/// `Pod` is the only type with events from nodes and from the leader.
const POD_OF_NODE: Kind = Kind {
    name: "Pod",
    sources: POD,
    attributes: &["NodeName", "Namespace", "PodName", "pod_status"],
    about: OF_POD,
    figures: &["pod_number_of_container_restarts", "pod_status_running"],
};
const POD_PENDING: Kind = Kind {
    name: "Pod",
    sources: API,
    attributes: &["Namespace", "PodName", "pod_status"],
    about: &["namespace_name", "pod_name", "pod_id"],
    figures: &["pod_status_pending", "pod_status_running", "pod_status_scheduled"],
};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Quick)?;
    let since = now_ms();
    let output = pod.wait_for_ticks(&bench.settings, since, "Cluster", 3)?;
    sound::no_panic(&output)?;
    sound::no_negative(&output)?;

    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in KINDS {
        let events: Vec<&Event> = output.of_type(kind.name).collect();
        if events.is_empty() {
            if kind.name == "NodeDiskIO" && bench.settings.node == NodeKind::V1 && !counts_disks() {
                println!("  no NodeDiskIO: no disk of this machine was ever read");
                continue;
            }
            bail!("no event of type {}", kind.name);
        }
        counts.insert(kind.name, events.len());
        check_kind(kind, &events)?;
    }
    check_pods(&output)?;
    counts.insert("Pod", output.of_type("Pod").count());
    println!("  events in 3 ticks: {counts:?}");
    Ok(Verdict::Passed)
}

/// Returns true if the kernel counted reads of a disk other than loop devices and RAM disks.
fn counts_disks() -> bool {
    let text = std::fs::read_to_string("/proc/diskstats").unwrap_or_default();
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(2).is_some_and(|name| !name.starts_with("loop") && !name.starts_with("ram"))
            && words.get(3).is_some_and(|reads| *reads != "0")
    })
}

fn check_pods(output: &Output) -> Result<()> {
    let (of_node, pending): (Vec<&Event>, Vec<&Event>) =
        output.of_type("Pod").partition(|event| event.value["Sources"] != json!(API));
    if of_node.is_empty() || pending.is_empty() {
        bail!("{} Pod events of the node, {} of the leader", of_node.len(), pending.len());
    }
    check_kind(&POD_OF_NODE, &of_node)?;
    check_kind(&POD_PENDING, &pending)?;
    for event in pending {
        let wanted =
            [("pod_status_pending", 1.0), ("pod_status_running", 0.0), ("pod_status_scheduled", 0.0)];
        let is_right = wanted.iter().all(|(name, value)| event.figure(name) == Some(*value));
        if event.pod() != "ops/unplaced" || event.text("pod_status") != "Pending" || !is_right {
            bail!("not the pending pod ops/unplaced: {}", event.value);
        }
        if event.value.get("NodeName").is_some() {
            bail!("a pod without a node has a NodeName: {}", event.value);
        }
    }
    Ok(())
}

fn check_kind(kind: &Kind, events: &[&Event]) -> Result<()> {
    for event in events {
        if event.text("ClusterName") != CLUSTER {
            bail!("ClusterName is {:?}: {}", event.text("ClusterName"), event.value);
        }
        if event.value["Sources"] != json!(kind.sources) {
            bail!("Sources differ from {:?}: {}", kind.sources, event.value);
        }
        let mut absent = kind.attributes.iter().filter(|name| event.text(name).is_empty());
        if let Some(name) = absent.next() {
            bail!("{} without {name}: {}", kind.name, event.value);
        }
        if let Some(name) = kind.about.iter().find(|name| event.about(name).is_empty()) {
            bail!("{} without kubernetes.{name}: {}", kind.name, event.value);
        }
    }
    // Each metric has to be on some event: the first reading of a new object has no rate.
    for name in kind.figures {
        if events.iter().all(|event| event.figure(name).is_none()) {
            bail!("no event of type {} has {name}, such as {}", kind.name, events[0].value);
        }
    }
    Ok(())
}
