//! Batch editing through the public API.

use insights_batch::{Batch, Builder, Counter, Unit};

fn node_with_pod() -> Batch {
    let mut builder = Builder::new("node", "n1", 1_000, 60_000);
    let node = builder.entity("node", "n1", None);
    builder.attribute(node, "node.name", "n1");
    let cgroup = builder.entity("cgroup", "/kubepods/pod1", Some(node));
    builder.gauge(cgroup, "memory.usage_bytes", 10.0);
    builder.counter(cgroup, "cpu.usage_ns", 900, Some((300, 1_000_000)));
    let interface = builder.entity("interface", "eth0", Some(cgroup));
    builder.counter(interface, "network.rx_bytes", 7, None);
    let pod = builder.entity("pod", "1", Some(node));
    builder.attribute(pod, "pod.name", "web");
    let workload = builder.entity("workload", "ReplicaSet/default/web", Some(node));
    builder.link(pod, workload, "owned-by");
    Batch::from_columns(builder.finish())
}

#[test]
fn joins_a_cgroup_into_its_pod() {
    let batch = node_with_pod();
    let pod = batch.find("pod", "1").unwrap();
    let cgroup = batch.find("cgroup", "/kubepods/pod1").unwrap();
    cgroup.move_points_to(pod);
    for interface in cgroup.children_of_kind("interface") {
        interface.set_parent(Some(pod));
    }
    cgroup.remove();

    let columns = batch.into_columns();
    columns.check().unwrap();
    let batch = Batch::from_columns(columns);
    let pod = batch.find("pod", "1").unwrap();
    assert_eq!(pod.gauge("memory.usage_bytes"), Some(10.0));
    assert_eq!(pod.counter("cpu.usage_ns"), Some(Counter::pair(900, 300, 1_000_000)));
    assert_eq!(pod.links("owned-by")[0].id(), "ReplicaSet/default/web");
    assert_eq!(pod.children_of_kind("interface")[0].parent(), Some(pod));
    assert_eq!(batch.find("cgroup", "/kubepods/pod1"), None);
    assert_eq!(batch.entities().len(), 4);
}

#[test]
fn publishing_describes_the_figure_once() {
    let batch = node_with_pod();
    let pod = batch.find("pod", "1").unwrap();
    pod.publish("pod_x", 1.0, Unit::BytesPerSecond);
    batch.find("node", "n1").unwrap().publish("pod_x", 2.0, Unit::BytesPerSecond);
    pod.publish("pod_nan", f64::NAN, Unit::Percent);
    let descriptors = batch.of_kind("metric");
    assert_eq!(descriptors.len(), 1);
    assert_eq!((descriptors[0].id(), descriptors[0].attribute("unit")), ("pod_x", Some("Bytes/Second")));
    assert_eq!(pod.gauge("pod_nan"), None);
    assert_eq!((batch.unit("pod_x"), batch.unit("pod_nan")), (Unit::BytesPerSecond, Unit::None));
}

#[test]
fn a_renamed_figure_keeps_its_unit() {
    let batch = node_with_pod();
    let pod = batch.find("pod", "1").unwrap();
    pod.publish("a", 1.0, Unit::Bytes);
    pod.publish("b", 1.0, Unit::Percent);
    assert!(pod.rename_gauge("a", "c"));
    assert!(pod.rename_gauge("b", "c"));
    assert!(!pod.rename_gauge("b", "d"));
    let unit = |name: &str| batch.find("metric", name).and_then(|metric| metric.attribute("unit"));
    assert_eq!((unit("a"), unit("c"), unit("d")), (Some("Bytes"), Some("Bytes"), None));
}

#[test]
fn a_descriptor_that_was_removed_comes_back() {
    let batch = node_with_pod();
    let pod = batch.find("pod", "1").unwrap();
    pod.publish("a", 1.0, Unit::Bytes);
    batch.find("metric", "a").unwrap().remove();
    assert_eq!(batch.find("metric", "a"), None);
    pod.publish("a", 1.0, Unit::Bytes);
    assert_eq!(batch.of_kind("metric").len(), 1);
}

#[test]
fn an_entity_does_not_become_a_part_of_itself() {
    let batch = node_with_pod();
    let cgroup = batch.find("cgroup", "/kubepods/pod1").unwrap();
    let interface = batch.find("interface", "eth0").unwrap();
    let (_, lines) = insights_batch::log::capture(|| cgroup.set_parent(Some(interface)));
    assert_eq!(lines[0].1, "cgroup /kubepods/pod1 cannot be moved below itself; call ignored");
    assert_eq!(cgroup.parent(), batch.find("node", "n1"));
}

#[test]
fn a_closure_may_edit_the_entity_whose_points_it_judges() {
    let batch = node_with_pod();
    let cgroup = batch.find("cgroup", "/kubepods/pod1").unwrap();
    cgroup.retain_points(|name| {
        cgroup.set_gauge("seen", 1.0);
        name == "cpu.usage_ns"
    });
    assert_eq!(cgroup.gauges(), [("seen", 1.0)]);
    assert_eq!(cgroup.counters().len(), 1);
}

#[test]
fn entities_of_another_batch_are_refused() {
    let (batch, other) = (node_with_pod(), node_with_pod());
    let (pod, stranger) = (batch.find("pod", "1").unwrap(), other.add("x", "y", None));
    let (_, lines) = insights_batch::log::capture(|| {
        pod.set_parent(Some(stranger));
        pod.link(stranger, "on");
        pod.move_points_to(stranger);
        assert_eq!(batch.add("z", "z", Some(stranger)).parent(), None);
    });
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!((pod.parent(), pod.links("on")), (batch.find("node", "n1"), vec![]));
}
