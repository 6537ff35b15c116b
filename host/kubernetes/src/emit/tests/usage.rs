//! Tests of usage that only the kubelet reports.

use insightd_collect::CounterCache;
use insights_batch::{Batch, Builder};
use serde_json::json;

use super::{SECOND, counter_cache};
use crate::{Emitter, pods, summary};

/// Emits a pod with containers `a` (its cgroup has used something), `b` (its cgroup is empty), `c` (without a cgroup) and
/// `d` (waiting, with the statistics of its previous run).
fn sample(time: &str, cpu_ns: u64, counter_cache: &mut CounterCache) -> Batch {
    let status = |name: &str, state: &str| json!({"name": name, "containerID": format!("containerd://id-{name}"), "state": {state: {}}});
    let pods = json!({"items": [{
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "status": {"phase": "Running", "containerStatuses": [
            status("a", "running"), status("b", "running"), status("c", "running"), status("d", "waiting")]}
    }]});
    let stats = |name: &str| {
        json!({"name": name,
            "cpu": {"time": time, "usageNanoCores": 80_000_000, "usageCoreNanoSeconds": cpu_ns},
            "memory": {"time": time, "usageBytes": 41_000_000, "workingSetBytes": 30_000_000, "rssBytes": -1}})
    };
    let all = ["a", "b", "c", "d"].map(stats);
    let summary = json!({"pods": [{"podRef": {"uid": "u"}, "containers": all, "cpu": {"usageNanoCores": 7}, "memory": {}}]});
    let pods = pods::parse(pods.to_string().as_bytes(), "test").unwrap();
    let summary = summary::parse(summary.to_string().as_bytes(), "test").unwrap();

    let mut builder = Builder::new("node", "node-a", 0, 60_000);
    let node = builder.entity("node", "node-a", None);
    for (role, id, cpu) in [("pod", "", 9), ("container", "id-a", 8), ("container", "id-b", 0)] {
        let cgroup = builder.entity("cgroup", id, Some(node));
        builder.attribute(cgroup, "cgroup.role", role);
        builder.attribute(cgroup, "pod.uid", "u");
        if role == "container" {
            builder.attribute(cgroup, "container.id", id);
        }
        builder.counter(cgroup, "cpu.usage_ns", cpu, None);
        builder.gauge(cgroup, "memory.usage_bytes", cpu as f64);
    }
    Emitter::new().emit(&pods, Some(&summary), node, counter_cache, SECOND, &mut builder);
    Batch::from_columns(builder.finish())
}

#[test]
fn usage_of_the_kubelet_is_used_if_the_cgroup_has_none() {
    let mut counter_cache = counter_cache();
    sample("2026-01-01T00:00:00Z", 5_000_000_000, &mut counter_cache);
    let batch = sample("2026-01-01T00:00:20Z", 7_000_000_000, &mut counter_cache);
    let points = |id: &str| {
        let entity = batch.find("container", id).unwrap();
        let mut gauges = entity.gauges();
        gauges.sort_by_key(|(name, _)| *name);
        (entity.counter("cpu.usage_ns"), gauges)
    };
    for id in ["u/b", "u/c"] {
        let (cpu, gauges) = points(id);
        let cpu = cpu.unwrap();
        let expected = (7_000_000_000, Some(5_000_000_000), 20 * SECOND);
        assert_eq!((cpu.current, cpu.previous, cpu.elapsed_ns), expected, "by the runtime's own time");
        assert_eq!(
            gauges,
            [
                ("cpu.usage_nanocores", 80_000_000.0),
                ("memory.usage_bytes", 41_000_000.0),
                ("memory.working_set_bytes", 30_000_000.0)
            ]
        );
    }
    for id in ["u/a", "u/d"] {
        assert_eq!(points(id), (None, vec![]), "{id}: measured by the kernel, or not running");
    }
    assert!(batch.find("pod", "u").unwrap().gauges().is_empty(), "its cgroup has used something");
}

#[test]
fn a_repeated_reading_has_no_previous_value() {
    let mut counter_cache = counter_cache();
    let previous =
        |batch: &Batch| batch.find("container", "u/c").unwrap().counter("cpu.usage_ns").unwrap().previous;
    assert_eq!(previous(&sample("2026-01-01T00:00:00Z", 5, &mut counter_cache)), None);
    assert_eq!(previous(&sample("2026-01-01T00:00:00Z", 5, &mut counter_cache)), None);
    assert_eq!(previous(&sample("2026-01-01T00:01:00Z", 9, &mut counter_cache)), Some(5));
    assert_eq!(previous(&sample("2026-01-01T00:00:30Z", 10, &mut counter_cache)), None, "time went back");
    assert_eq!(previous(&sample("yesterday", 11, &mut counter_cache)), None);
}

/// Emits pods `a` (an interface in its cgroup), `b` (in the node's network, according to the kernel), `c` (neither) and `d`
/// (in the node's network, according to its specification).
fn traffic(time: &str, rx_bytes: u64, counter_cache: &mut CounterCache) -> Batch {
    let pods = ["a", "b", "c", "d"].map(|uid| {
        json!({"metadata": {"name": uid, "namespace": "n", "uid": uid},
            "spec": {"hostNetwork": uid == "d"}, "status": {"phase": "Running"}})
    });
    let stats = ["a", "b", "c", "d"].map(|uid| {
        let interface = |name: &str| json!({"name": name, "rxBytes": rx_bytes, "rxErrors": -1, "txBytes": 7});
        json!({"podRef": {"uid": uid}, "network": {"time": time, "name": "eth0", "rxBytes": 1,
            "interfaces": [interface("eth0"), interface("lo"), interface("net1"), {"rxBytes": 5}]}})
    });
    let pods = pods::parse(json!({"items": pods}).to_string().as_bytes(), "test").unwrap();
    let summary = summary::parse(json!({"pods": stats}).to_string().as_bytes(), "test").unwrap();
    let mut builder = Builder::new("node", "node-a", 0, 60_000);
    let node = builder.entity("node", "node-a", None);
    for uid in ["a", "b", "c"] {
        let cgroup = builder.entity("cgroup", uid, Some(node));
        builder.attribute(cgroup, "cgroup.role", "pod");
        builder.attribute(cgroup, "pod.uid", uid);
        if uid == "a" {
            builder.entity("interface", "eth0", Some(cgroup));
        } else if uid == "b" {
            builder.attribute(cgroup, "network.host", "true");
        }
    }
    Emitter::new().emit(&pods, Some(&summary), node, counter_cache, SECOND, &mut builder);
    Batch::from_columns(builder.finish())
}

#[test]
fn interfaces_of_the_kubelet_are_used_if_no_namespace_was_found() {
    let mut counter_cache = counter_cache();
    traffic("2026-01-01T00:00:00Z", 100, &mut counter_cache);
    let batch = traffic("2026-01-01T00:00:10Z", 400, &mut counter_cache);
    let interfaces = |uid: &str| batch.find("pod", uid).unwrap().children_of_kind("interface");
    for uid in ["a", "b", "d"] {
        assert!(interfaces(uid).is_empty(), "{uid}");
    }
    let names: Vec<_> = interfaces("c").iter().map(|interface| interface.attribute("interface")).collect();
    assert_eq!(names, [Some("eth0"), Some("net1")], "not lo");
    for interface in interfaces("c") {
        let rx = interface.counter("network.rx_bytes").unwrap();
        assert_eq!((rx.current, rx.previous, rx.elapsed_ns), (400, Some(100), 10 * SECOND));
        assert_eq!(interface.counter("network.tx_bytes").unwrap().previous, Some(7));
        assert!(interface.counter("network.rx_errors").is_none(), "negative");
        assert!(interface.counter("network.rx_packets").is_none(), "not reported by the kubelet");
    }
}
