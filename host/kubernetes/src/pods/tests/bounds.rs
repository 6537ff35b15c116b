//! Tests of lists with more pods than fit.

use serde_json::json;

use super::read;
use crate::pods::{MetadataFilter, PodReader};

/// Returns one pod of a list as text: a tree of the whole list would be far larger than the memory under test.
fn pod(number: usize, phase: &str, padding: usize) -> String {
    json!({
        "metadata": {"name": format!("p{number:05}"), "namespace": "n", "uid": format!("u{number}"),
                     "labels": {"a": "x".repeat(padding)}},
        "status": {"phase": phase}
    })
    .to_string()
}

fn names(pods: impl Iterator<Item = String>, filter: &MetadataFilter) -> (Vec<String>, u64) {
    let mut reader = PodReader::new("test", filter);
    reader.push(b"{\"items\":[").unwrap();
    for (index, pod) in pods.enumerate() {
        if index > 0 {
            reader.push(b",").unwrap();
        }
        reader.push(pod.as_bytes()).unwrap();
    }
    reader.push(b"]}").unwrap();
    let list = reader.finish().unwrap();
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    (list.pods.iter().map(|pod| pod.name.to_string()).collect(), list.left_out)
}

#[test]
fn pods_beyond_the_bound_are_left_out_independent_of_their_order() {
    let filter = MetadataFilter::default();
    let running = |number| pod(number, "Running", 0);
    let expected: Vec<String> = (0..2500).map(|number| format!("p{number:05}")).collect();
    assert_eq!(names((0..4000).map(running), &filter), (expected.clone(), 1500));
    assert_eq!(names((0..4000).rev().map(running), &filter), (expected.clone(), 1500));
    assert_eq!(names((0..2500).map(running), &filter), (expected, 0));
}

#[test]
fn pods_that_ended_are_left_out_first() {
    let phase = |number: usize| ["Succeeded", "Failed", "Running", "Pending"][number % 4];
    let (names, left_out) =
        names((0..4800).map(|number| pod(number, phase(number), 0)), &MetadataFilter::default());
    assert_eq!((names.len(), left_out), (2500, 2300));
    let alive = names.iter().filter(|name| name[1..].parse::<usize>().unwrap() % 4 > 1).count();
    assert_eq!(alive, 2400);
}

#[test]
fn memory_and_the_number_of_parsed_pods_are_bounded() {
    let filter = MetadataFilter { label_bytes: 64 << 10, ..MetadataFilter::default() };
    let (kept, left_out) = names((0..400).map(|number| pod(number, "Running", 50_000)), &filter);
    // 8 MiB: 167 times 50,000 bytes, and fewer with the other memory of a pod.
    assert!((150..=167).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.len() as u64 + left_out, 400);
    let (kept, left_out) =
        names((0..20_000).map(|number| pod(number, "Failed", 0)), &MetadataFilter::default());
    assert_eq!((kept.len(), left_out), (2500, 17_500));
}

#[test]
fn the_first_of_two_pods_with_the_same_uid_is_kept() {
    let pod = |name: &str| json!({"metadata": {"name": name, "namespace": "n", "uid": "u"}});
    let list = read(json!([pod("b"), pod("a")]));
    assert_eq!((&*list.pods[0].name, list.pods.len(), list.problems.len()), ("a", 1, 1));
}

#[test]
fn owners_and_conditions_beyond_the_bound_are_left_out() {
    let owners: Vec<_> =
        (0..100).map(|number| json!({"kind": "Job", "name": format!("j{number}")})).collect();
    let conditions: Vec<_> =
        (0..100).map(|number| json!({"type": format!("c{number}"), "status": "True"})).collect();
    let list = read(json!([{
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "ownerReferences": owners},
        "status": {"conditions": conditions}
    }]));
    let pod = &list.pods[0];
    assert_eq!((pod.owners.len(), pod.conditions.len()), (64, 64));
    assert_eq!((&*pod.owners[63].name, &*pod.conditions[63].0), ("j63", "c63"));
}
