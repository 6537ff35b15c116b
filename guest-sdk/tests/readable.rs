//! Batches as JSON.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use insights_sdk::{Batch, Builder, Columns};
use proptest::prelude::*;

const TEXT: &str = r#"{
  "scope": "node",
  "id": "n1",
  "time_unix_ms": 1700000000000,
  "interval_ms": 60000,
  "entities": [
    {
      "kind": "node",
      "id": "n1",
      "attributes": {
        "node.name": "n1"
      },
      "gauges": {
        "node.cpu_count": 2,
        "x": 0.000001
      },
      "counters": {
        "cpu.usage_ns": [18446744073709551615, 300, 60000000000],
        "memory.pgfault": [7]
      },
      "children": [
        {
          "kind": "interface",
          "id": "eth0"
        },
        {
          "kind": "pod",
          "id": "u1",
          "links": [
            {"role":"owned-by","kind":"workload","id":"w"},
            {"role":"uses","kind":"interface","id":"eth0","nth":2}
          ],
          "children": [
            {
              "kind": "interface",
              "id": "eth0"
            }
          ]
        },
        {
          "kind": "workload",
          "id": "w"
        }
      ]
    },
    {
      "kind": "metric",
      "id": "m",
      "attributes": {
        "unit": "Bytes"
      }
    }
  ]
}
"#;

#[test]
fn a_batch_is_written_as_it_was_read() {
    let columns = Columns::from_json(TEXT).unwrap();
    columns.check().unwrap();
    assert_eq!(columns.to_json(), TEXT);
    let line = columns.to_json_line();
    assert_eq!(line.lines().count(), 1);
    assert_eq!(Columns::from_json(&line).unwrap(), columns);

    let batch = Batch::from_columns(columns);
    let pod = batch.find("pod", "u1").unwrap();
    assert_eq!(pod.links("uses")[0].parent(), Some(pod));
    let counter = batch.find("node", "n1").unwrap().counter("memory.pgfault").unwrap();
    assert_eq!((counter.current, counter.previous), (7, None));
}

#[test]
fn faults_are_named_with_their_path() {
    let entity = |entity: &str| {
        format!(
            r#"{{"scope":"s","id":"i","time_unix_ms":1,"entities":[{{"kind":"k","id":"i","children":[{entity}]}}]}}"#
        )
    };
    let cases = [
        ("[]".into(), "expected an object, found a list"),
        ("{".into(), "line 1, column 2: a key in double quotes expected"),
        (r#"{"scope":"s","id":"i"}"#.into(), "the key `time_unix_ms` is missing"),
        (r#"{"scope":1}"#.into(), "scope: expected a string, found a number"),
        (
            r#"{"scope":"s","id":"i","time_unix_ms":1,"entity":[]}"#.into(),
            "entity: unknown key; known here: scope, id, time_unix_ms, interval_ms, entities",
        ),
        (entity(r#"{"kind":"k"}"#), "entities[0].children[0]: the key `id` is missing"),
        (
            entity(r#"{"kind":"k","id":"j","gauges":{"cpu.x":"1"}}"#),
            "entities[0].children[0].gauges[\"cpu.x\"]: expected a number, found a string",
        ),
        (
            entity(r#"{"kind":"k","id":"j","counters":{"c":[1,2]}}"#),
            "entities[0].children[0].counters[\"c\"]: expected [current] or [current, previous, elapsed_ns], \
             whole numbers of at least 0",
        ),
        (
            entity(r#"{"kind":"k","id":"j","counters":{"c":[1,2,0]}}"#),
            "entities[0].children[0].counters[\"c\"]: elapsed_ns is 0; without a previous reading write [current]",
        ),
        (
            entity(r#"{"kind":"k","id":"j","links":[{"role":"r","kind":"k","id":"i","nth":2}]}"#),
            "entities[0].children[0].links[0]: entity 2 of kind \"k\" and id \"i\" is wanted as the target, \
             the batch has 1",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(Columns::from_json(&text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn a_hostile_chain_of_parents_is_written_without_deep_recursion() {
    let mut builder = Builder::new("node", "n", 1, 1);
    let mut parent = None;
    for at in 0..100_000 {
        parent = Some(builder.entity("x", &at.to_string(), parent));
    }
    let text = builder.finish().to_json();
    assert!(text.len() < 100_000 * 1_000, "{} bytes", text.len());
    assert!(Columns::from_json(&text).unwrap_err().to_string().contains("nested deeper"));
}

prop_compose! {
    fn batch()(
        parents in proptest::collection::vec(proptest::option::of(0..1000usize), 0..12),
        ids in proptest::collection::vec("[a-c]", 12),
        attributes in proptest::collection::vec((0..12usize, any::<String>(), any::<String>()), 0..12),
        gauges in proptest::collection::vec((0..12usize, "[a-e]", any::<f64>()), 0..20),
        counters in proptest::collection::vec(
            (0..12usize, "[a-e]", any::<u64>(), proptest::option::of((any::<u64>(), 1..u64::MAX))), 0..20),
        links in proptest::collection::vec((0..12usize, 0..12usize), 0..6),
        time in any::<u64>(),
    ) -> Columns {
        let mut builder = Builder::new("node", "n", time, 60_000);
        let mut entities = Vec::new();
        for (at, parent) in parents.iter().enumerate() {
            let parent = parent.filter(|_| at > 0).map(|parent| entities[parent % at]);
            entities.push(builder.entity(if at % 2 == 0 { "even" } else { "odd" }, &ids[at], parent));
        }
        let at = |index: usize| entities.get(index).copied();
        for (entity, key, value) in &attributes {
            if let Some(entity) = at(*entity) { builder.attribute(entity, key, value); }
        }
        for (entity, name, value) in &gauges {
            if let Some(entity) = at(*entity) { builder.gauge(entity, name, *value); }
        }
        for (entity, name, current, previous) in &counters {
            if let Some(entity) = at(*entity) { builder.counter(entity, name, *current, *previous); }
        }
        for (source, target) in &links {
            if let (Some(source), Some(target)) = (at(*source), at(*target)) { builder.link(source, target, "r"); }
        }
        builder.finish()
    }
}

proptest! {
    #[test]
    fn a_batch_says_the_same_after_a_round_trip(columns in batch()) {
        let text = columns.to_json();
        let read = Columns::from_json(&text).unwrap();
        prop_assert!(read.check().is_ok());
        prop_assert_eq!(read.to_json(), text.as_str());
        prop_assert_eq!(read.entity_count(), columns.entity_count());
        prop_assert_eq!(read.links.role.len(), columns.links.role.len());
        prop_assert_eq!(Columns::from_json(&columns.to_json_line()).unwrap(), read.clone());
        let serde: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde["time_unix_ms"].as_u64(), Some(columns.time_unix_ms));
        // What was read is in the order of the text already, so the codec gives the very same columns.
        prop_assert_eq!(Batch::from_columns(read.clone()).into_columns(), read);
    }
}
