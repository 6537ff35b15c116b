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
