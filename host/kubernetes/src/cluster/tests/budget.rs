//! Tests with more objects than there is memory for.

use serde_json::json;

use super::*;
use crate::cluster::nodes::HEALTH_LABEL;

/// With more objects of a kind than fit, those that fit stay, the others are counted, and freed room is used.
#[test]
fn objects_beyond_the_memory_budget_are_left_out_and_counted() {
    fn left_out<K: ObjectTable>(feed: &mut Feed<K>) -> u64 {
        feed.left_out()
    }
    let mut cluster = Cluster::new(0);
    let long = "x".repeat(6 << 20);
    let node =
        |name: &str, health: &str| json!({"metadata": {"name": name, "labels": {HEALTH_LABEL: health}}});
    list(&mut cluster.nodes, &[node("a", &long), node("b", &long), node("c", &long), node("d", "well")]);
    assert_eq!(left_out(&mut cluster.nodes), 1);
    assert_eq!(ids(&cluster.batch(), "node"), ["a", "b", "d"]);
    deleted(&mut cluster.nodes, &node("a", &long));
    applied(&mut cluster.nodes, &node("c", &long));
    assert_eq!((left_out(&mut cluster.nodes), ids(&cluster.batch(), "node")), (0, vec!["b", "c", "d"]));
    applied(&mut cluster.nodes, &node("d", &long));
    assert_eq!((left_out(&mut cluster.nodes), ids(&cluster.batch(), "node")), (1, vec!["b", "c"]));

    let workload = |name: &str| json!({"metadata": {"name": name, "namespace": "n"}});
    let large = [long.clone() + "1", long.clone() + "2", long.clone() + "3"].map(|name| workload(&name));
    list(cluster.workloads_of(WorkloadKind::StatefulSet), &large);
    assert_eq!(left_out(cluster.workloads_of(WorkloadKind::StatefulSet)), 1);
    applied(cluster.workloads_of(WorkloadKind::StatefulSet), &large[0]);
    assert_eq!(left_out(cluster.workloads_of(WorkloadKind::StatefulSet)), 0, "it is known");
    let names = [long.clone() + "1", long.clone() + "2", long.clone() + "3"];
    list(&mut cluster.namespaces, &names.map(|name| json!({"metadata": {"name": name}})));
    assert_eq!(left_out(&mut cluster.namespaces), 1);
    let slice = |uid: &str, service: &str| json!({"metadata": {"uid": uid, "namespace": "n", "labels": {"kubernetes.io/service-name": service}}});
    list(&mut cluster.endpoints, &[slice("1", &long), slice("2", &long), slice("3", &long), slice("4", "s")]);
    assert_eq!(left_out(&mut cluster.endpoints), 1);
    let pod = json!({"metadata": {"uid": "u", "namespace": "n".repeat(254)}});
    list(&mut cluster.running, &[pod]);
    assert_eq!(left_out(&mut cluster.running), 1, "the name is too long for a namespace");
}
