use std::borrow::Cow;

use insights_batch::columns::NO_PARENT;
use insights_batch::{Builder, Columns};

use super::{MAX_ENTITIES, MAX_VALUES, slices};

/// Builds a node with `count` pods, each with a gauge of its number, and one descriptor in the middle.
fn batch(count: u32) -> Columns {
    let mut builder = Builder::new("node", "n1", 1_000, 60_000);
    let node = builder.entity("node", "n1", None);
    let mut before = node;
    for number in 0..count {
        if number == count / 2 {
            let metric = builder.entity("metric", "pod_number", None);
            builder.attribute(metric, "unit", "Count");
        }
        let pod = builder.entity("pod", &format!("uid-{number}"), Some(node));
        builder.attribute(pod, "name", &format!("pod-{number}"));
        builder.gauge(pod, "pod_number", f64::from(number));
        builder.counter(pod, "restarts", u64::from(number), Some((1, 2)));
        builder.link(pod, before, "after");
        before = pod;
    }
    builder.finish()
}

#[test]
fn what_fits_is_not_copied() {
    let columns = batch(MAX_ENTITIES as u32 - 1);
    let parts: Vec<_> = slices(&columns).collect();
    assert_eq!(parts.len(), 1);
    assert!(matches!(parts[0], Cow::Borrowed(_)));
}

/// Builds pods with that many gauges each.
fn wide(pods: &[usize]) -> Columns {
    let mut builder = Builder::new("node", "n1", 1_000, 60_000);
    for (number, gauges) in pods.iter().enumerate() {
        let pod = builder.entity("pod", &format!("uid-{number}"), None);
        for gauge in 0..*gauges {
            builder.gauge(pod, &format!("gauge_{gauge}"), 1.0);
        }
    }
    builder.finish()
}

#[test]
fn slices_have_a_bounded_number_of_values() {
    let half = MAX_VALUES / 2;
    let values = |pods: &[usize]| slices(&wide(pods)).map(|part| part.gauges.value.len()).collect::<Vec<_>>();
    assert_eq!(values(&[half, half]), [2 * half]);
    assert_eq!(values(&[half, half, 1]), [2 * half, 1]);
    assert_eq!(values(&[half, half + 1]), [half, half + 1]);
    // An entity is never cut.
    assert_eq!(values(&[1, MAX_VALUES + 1, 1]), [1, MAX_VALUES + 1, 1]);
}

#[test]
fn an_empty_batch_is_one_slice() {
    assert_eq!(slices(&Columns::default()).count(), 1);
}

#[test]
fn every_row_is_in_one_slice_and_descriptors_in_all() {
    let count = 3 * MAX_ENTITIES as u32;
    let columns = batch(count);
    columns.check().unwrap();
    let mut pods = Vec::new();
    let mut links = 0;
    for part in slices(&columns) {
        part.check().unwrap();
        assert!(part.entity_count() <= MAX_ENTITIES + 1);
        assert_eq!((part.scope_id.as_str(), part.time_unix_ms, part.interval_ms), ("n1", 1_000, 60_000));
        let entities = &part.entities;
        let metric = (0..part.entity_count()).find(|&e| part.string(entities.kind[e]) == "metric").unwrap();
        let unit = (0..part.attributes.entity.len())
            .find(|&row| part.attributes.entity[row] as usize == metric)
            .map(|row| (part.string(part.attributes.key[row]), part.string(part.attributes.value[row])));
        assert_eq!(unit, Some(("unit", "Count")));
        for row in 0..part.gauges.entity.len() {
            let entity = part.gauges.entity[row] as usize;
            let number = part.gauges.value[row] as u32;
            assert_eq!(part.string(entities.id[entity]), format!("uid-{number}"));
            assert_eq!(part.string(part.gauges.name[row]), "pod_number");
            assert_eq!(part.counters.entity[row] as usize, entity);
            assert_eq!((part.counters.current[row], part.counters.elapsed_ns[row]), (u64::from(number), 2));
            // The node is only in the first slice.
            let parent = entities.parent[entity];
            assert_eq!(parent == NO_PARENT, pods.len() >= MAX_ENTITIES - 1);
            pods.push(number);
        }
        for row in 0..part.links.source.len() {
            let id =
                |entity: u32| part.string(entities.id[entity as usize]).trim_start_matches("uid-").parse();
            let (source, target): (Result<u32, _>, Result<u32, _>) =
                (id(part.links.source[row]), id(part.links.target[row]));
            assert_eq!(source.unwrap().checked_sub(1), target.ok());
            links += 1;
        }
    }
    assert_eq!(pods, (0..count).collect::<Vec<_>>());
    // Links across slice boundaries are dropped: 1 + 3 * 512 entities make four slices.
    assert_eq!(links, count - 3);
}
