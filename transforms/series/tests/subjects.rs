//! Objects of a batch.

use insightd_series::{On, PROMETHEUS, Selection, Series};
use insights_sdk::{Batch, Counter, Settings, log};

fn selection(config: &str) -> Selection {
    Selection::read(&mut Settings::parse(config).expect("an object"), &[]).with_labels_on_points()
}

fn pod(batch: &Batch, uid: &str) {
    let pod = batch.add("pod", uid, None);
    for (key, value) in [("pod.uid", uid), ("pod.name", "db-0"), ("pod.namespace", "shop")] {
        pod.set_attribute(key, value);
    }
}

/// Of two pods with one name, the one that runs has the usage, whatever the order.
#[test]
fn a_pod_that_has_ended_does_not_hide_the_next_one() {
    for running in ["u1", "u2"] {
        let batch = Batch::new("node", "n", 1, 1);
        pod(&batch, "u1");
        pod(&batch, "u2");
        let entity = batch.find("pod", running).expect("the pod");
        entity.set_counter("cpu.usage_ns", Counter::first(5));
        let series = Series::new(&batch, &PROMETHEUS, &selection("{}"));
        let pods: Vec<_> = series.subjects().iter().filter(|subject| subject.on == On::Pod).collect();
        assert_eq!(pods.len(), 1);
        assert_eq!(pods[0].entity.id(), running);
        let ((), lines) = log::capture(|| series.report());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].1.starts_with("1 objects left out"), "{lines:?}");
    }
}

#[test]
fn labels_of_a_pod_are_bounded_and_counted() {
    let batch = Batch::new("node", "n", 1, 1);
    pod(&batch, "u1");
    let entity = batch.find("pod", "u1").expect("the pod");
    for number in 0..1000 {
        entity.set_attribute(&format!("label.k{number:04}"), "v");
    }
    entity.set_attribute("label.pod-template-hash", "x");
    let series = Series::new(&batch, &PROMETHEUS, &selection(r#"{"labels": ["*"]}"#));
    for subject in series.subjects() {
        let count = subject.labels.len() + subject.pod_labels.len();
        assert!((50..=64).contains(&count), "{count} labels");
        assert_eq!(subject.pod_labels[0].key, "k0000");
    }
    let left: usize = series.subjects().iter().map(|subject| 1000 - subject.pod_labels.len()).sum();
    let ((), lines) = log::capture(|| series.report());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].1.starts_with(&format!("{left} pod labels left out")), "{lines:?}");
}

#[test]
fn namespaces_are_selected() {
    let batch = Batch::new("node", "n", 1, 1);
    pod(&batch, "u1");
    let subjects = |config| Series::new(&batch, &PROMETHEUS, &selection(config)).subjects().len();
    assert_eq!(subjects("{}"), 2);
    assert_eq!(subjects(r#"{"namespaces": ["sh*"]}"#), 2);
    assert_eq!(subjects(r#"{"namespaces": ["other"]}"#), 0);
}

/// The metrics that a transform published on the agent of a node are those of the node, without labels of their own.
#[test]
fn the_agent_has_published_metrics() {
    let batch = Batch::new("node", "n", 1, 1);
    let node = batch.add("node", "n", None);
    let agent = batch.add("agent", "n", Some(node));
    agent.set_gauge("agent_events_lost", 15.0);
    agent.set_gauge("insightd.backlog_events", 3.0);
    let series = Series::new(&batch, &PROMETHEUS, &selection(r#"{"published": ["agent_*"]}"#));
    let of_agent = |name: &str| name.starts_with("agent_") || name.starts_with("insightd");
    let families: Vec<_> = series.families().iter().filter(|family| of_agent(family.name)).collect();
    assert_eq!(families.iter().map(|family| family.name).collect::<Vec<_>>(), ["agent_events_lost"]);
    let subject = series.subjects().iter().find(|subject| subject.on == On::Agent).expect("the agent");
    let mut values = Vec::new();
    series.points(families[0], subject, &mut |point| {
        point.labels(&mut |key, value| panic!("{key}={value}"));
        values.push(point.value);
    });
    assert_eq!(values, [15.0]);
}
