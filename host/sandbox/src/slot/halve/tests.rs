use insights_sdk::{Builder, Columns};

use super::Parts;

/// A node with pods, each with a container, and the cgroup that has the same uid beside it.
fn batch(pods: u32) -> Columns {
    let mut builder = Builder::new("node", "n1", 1, 1);
    let node = builder.entity("node", "n1", None);
    builder.entity("disk", "sda", Some(node));
    for number in 0..pods {
        let uid = format!("uid-{number}");
        let pod = builder.entity("pod", &uid, Some(node));
        builder.attribute(pod, "pod.uid", &uid);
        let container = builder.entity("container", &format!("{uid}/main"), Some(pod));
        builder.gauge(container, "memory.limit_bytes", f64::from(number));
        let cgroup = builder.entity("cgroup", &format!("kubepods/{uid}"), Some(node));
        builder.attribute(cgroup, "pod.uid", &uid);
        builder.counter(cgroup, "cpu.usage_ns", u64::from(number), None);
        builder.link(pod, node, "runs-on");
    }
    builder.finish()
}

fn contains(columns: &Columns, id: &str) -> bool {
    columns.entities.id.iter().any(|&known| columns.string(known) == id)
}

#[test]
fn parts_are_pods_with_all_that_is_known_of_them() {
    let columns = batch(3);
    let parts = Parts::new(&columns);
    let part = parts.find("pod uid-1").unwrap();
    let without = parts.with(|other| other != part);
    without.check().unwrap();
    assert_eq!(without.entity_count(), columns.entity_count() - 3);
    assert_eq!(without.gauges.value, [0.0, 2.0]);
    assert_eq!(without.counters.current, [0, 2]);
    assert_eq!(without.links.source.len(), 2);
    assert!(!contains(&without, "uid-1/main") && !contains(&without, "kubepods/uid-1"));
    assert!(contains(&without, "uid-2/main") && contains(&without, "sda"));
    assert_eq!(parts.with(|_| true), columns);
}

#[test]
fn each_pod_is_found() {
    let columns = batch(110);
    let parts = Parts::new(&columns);
    for number in [0, 1, 54, 55, 108, 109] {
        let id = format!("uid-{number}/main");
        let mut tries = 0;
        let culprit = parts.culprit(|part| {
            part.check().unwrap();
            tries += 1;
            Some(contains(part, &id))
        });
        assert_eq!(parts.name(culprit.unwrap()), format!("pod uid-{number}"));
        assert!(tries <= 8, "{tries}");
    }
}

#[test]
fn what_always_fails_is_nobodys_fault() {
    let columns = batch(110);
    let mut tries = 0;
    let culprit = Parts::new(&columns).culprit(|_| {
        tries += 1;
        Some(true)
    });
    assert_eq!((culprit, tries), (None, 1));
}

#[test]
fn patience_ends() {
    let columns = batch(110);
    let mut tries = 0;
    let culprit = Parts::new(&columns).culprit(|part| {
        tries += 1;
        (tries < 4).then(|| contains(part, "uid-70/main"))
    });
    assert_eq!((culprit, tries), (None, 4));
}
