//! Compares cAdvisor's rows of two recorded nodes with the kernel's files of the same moment, through the cgroup reader.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use insightd_collect::{Collector, CounterCache, HostRoot, Settings};
use insightd_exposition::{Format, Limits, Reader};
use insightd_fargate::cadvisor::{NodeIdentity, NodeReader, ReadingLimits};
use insights_batch::{Batch, Builder, Entity};

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes").join(name)
}

fn builder() -> Builder {
    Builder::new("node", "n", 1_795_256_430_000, 60_000)
}

/// Reads both frames with the cgroup reader.
fn of_kernel(recording: &Path) -> Vec<Batch> {
    let settings = Settings { node_name: "n".to_owned(), ..Settings::default() };
    let mut collector = Collector::new(HostRoot::open(recording).unwrap(), settings).unwrap();
    (0..2)
        .map(|frame| {
            collector.select_frame(frame).unwrap();
            let mut builder = builder();
            collector.sample(&mut builder);
            Batch::from_columns(builder.finish())
        })
        .collect()
}

/// Reads both frames from cAdvisor's rows, in chunks.
fn of_cadvisor(recording: &Path) -> Vec<Batch> {
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    ["1", "2"]
        .into_iter()
        .map(|frame| {
            let text = std::fs::read(recording.join(frame).join("kubelet/cadvisor.txt")).unwrap();
            let mut reader = Reader::new(Format::Prometheus, Limits::default());
            let mut node = NodeReader::new(ReadingLimits::default());
            for chunk in text.chunks(1000) {
                reader.push(chunk, &mut |sample| node.sample(sample)).unwrap();
            }
            assert_eq!(reader.finish().unwrap().malformed, 0);
            let reading = node.finish();
            assert_eq!(reading.left_out(), 0);
            let mut builder = builder();
            let identity = NodeIdentity { name: "n", cluster_name: None, compute_type: None };
            reading.emit(&identity, &["lo".to_owned()], &mut counter_cache, &mut builder);
            Batch::from_columns(builder.finish())
        })
        .collect()
}

fn of_role<'b>(batch: &'b Batch, role: &str) -> Vec<Entity<'b>> {
    let cgroups = batch.of_kind("cgroup").into_iter();
    cgroups.filter(|cgroup| cgroup.attribute("cgroup.role") == Some(role)).collect()
}

fn compare(name: &str) {
    let recording = recording(name);
    let (kernel, cadvisor) = (of_kernel(&recording), of_cadvisor(&recording));
    for (kernel, cadvisor) in kernel.iter().zip(&cadvisor) {
        let (found, pods) = (of_role(cadvisor, "pod"), of_role(kernel, "pod"));
        assert!(found.len() >= 5 && found.len() <= pods.len(), "{name}: {} {}", found.len(), pods.len());
        let containers = of_role(cadvisor, "container");
        assert!(containers.len() >= 8, "{name}: {}", containers.len());
        for cgroup in found.into_iter().chain(containers) {
            let id = cgroup.id();
            let same = kernel.find("cgroup", id).unwrap_or_else(|| panic!("{name}: no cgroup {id}"));
            for key in ["cgroup.role", "pod.uid", "pod.qos", "container.id", "container.runtime"] {
                assert_eq!(cgroup.attribute(key), same.attribute(key), "{name}: {id} {key}");
            }
            let parent = |entity: Entity<'_>| entity.parent().map(|parent| parent.id().to_owned());
            assert_eq!(parent(cgroup), parent(same), "{name}: {id}");
            for limit in ["memory.limit_bytes", "cpu.quota_millicores"] {
                assert_eq!(cgroup.gauge(limit), same.gauge(limit), "{name}: {id} {limit}");
            }
            compare_interfaces(name, cgroup, same);
        }
    }
    // All rows of the first frame were recorded before the files of the second.
    let mut compared = 0;
    for cgroup in cadvisor[0].of_kind("cgroup") {
        let Some(later) = kernel[1].find("cgroup", cgroup.id()) else { continue };
        for counter in ["cpu.usage_ns", "memory.hierarchical_pgfault", "cpu.periods", "io.write_bytes"] {
            if let Some((earlier, later)) = cgroup.counter(counter).zip(later.counter(counter)) {
                assert!(earlier.current <= later.current, "{name}: {} {counter}", cgroup.id());
                compared += 1;
            }
        }
    }
    assert!(compared >= 20, "{name}: {compared} counters");
    let rates = of_role(&cadvisor[1], "container");
    let rates = rates.iter().filter_map(|cgroup| cgroup.counter("cpu.usage_ns")?.rate(1000.0)).count();
    assert!(rates >= 8, "{name}: {rates} rates");
}

/// Of a pod in the network of the node, cAdvisor reports the node's interfaces.
fn compare_interfaces(name: &str, cgroup: Entity<'_>, same: Entity<'_>) {
    let interfaces = |entity: Entity<'_>| {
        let mut names: Vec<String> =
            entity.children_of_kind("interface").iter().map(|interface| interface.id().to_owned()).collect();
        names.sort();
        names
    };
    let (found, expected) = (interfaces(cgroup), interfaces(same));
    if same.attribute("network.host").is_none() && !found.is_empty() && !expected.is_empty() {
        assert_eq!(found, expected, "{name}: {}", cgroup.id());
    }
}

#[test]
fn rows_of_a_node_with_cgroup_v2_equal_its_files() {
    compare("v2-systemd");
}

#[test]
fn rows_of_a_node_with_cgroup_v1_equal_its_files() {
    compare("v1-cgroupfs");
}
