//! Readable JSON form of batches.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use insights_batch::columns::{Attributes, Counters, Entities, Gauges};
use insights_batch::{Batch, Builder, Columns};
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
        ("{".into(), "line 1, column 2: expected a key in double quotes"),
        (r#"{"scope":"s","id":"i"}"#.into(), "missing key `time_unix_ms`"),
        (r#"{"scope":1}"#.into(), "scope: expected a string, found a number"),
        (
            r#"{"scope":"s","id":"i","time_unix_ms":1,"entity":[]}"#.into(),
            "entity: unknown key; known here: scope, id, time_unix_ms, interval_ms, entities",
        ),
        (entity(r#"{"kind":"k"}"#), "entities[0].children[0]: missing key `id`"),
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
            "entities[0].children[0].links[0]: the target is entity 2 of kind \"k\" and id \"i\", \
             but the batch has 1",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(Columns::from_json(&text).unwrap_err().to_string(), message, "{text}");
    }
}

/// Returns columns with two root entities. Strings: 0 `k`, 1 `a`, 2 `b`, 3 `a` again.
fn with_a_doubled_text() -> Columns {
    Columns {
        scope: "node".into(),
        scope_id: "n1".into(),
        text: "kaba".into(),
        string_ends: vec![1, 2, 3, 4],
        entities: Entities { kind: vec![0, 0], id: vec![1, 2], parent: vec![u32::MAX; 2] },
        ..Columns::default()
    }
}

/// Writes `columns` as text and reads it back, checking that a second round trip changes nothing.
fn through_text(columns: &Columns) -> Batch {
    columns.check().unwrap();
    let text = columns.to_json();
    let read = Columns::from_json(&text).unwrap();
    read.check().unwrap();
    assert_eq!(read.to_json(), text);
    assert_eq!(Columns::from_json(&columns.to_json_line()).unwrap(), read);
    Batch::from_columns(read)
}

#[test]
fn of_two_rows_with_one_name_the_last_is_written() {
    let columns = Columns {
        attributes: Attributes { entity: vec![0, 0, 1, 0], key: vec![1, 2, 1, 1], value: vec![1, 2, 2, 0] },
        gauges: Gauges { entity: vec![0, 1, 0], name: vec![1, 1, 1], value: vec![1.0, 2.0, 3.0] },
        counters: Counters {
            entity: vec![0, 0],
            name: vec![2, 2],
            current: vec![9, 7],
            previous: vec![8, 0],
            elapsed_ns: vec![5, 0],
        },
        ..with_a_doubled_text()
    };
    let read = through_text(&columns);
    let [first, second] = read.entities()[..] else { panic!("two entities") };
    assert_eq!(first.attributes(), [("a", "k"), ("b", "b")]);
    assert_eq!(second.attributes(), [("a", "b")]);
    assert_eq!((first.gauges(), second.gauges()), (vec![("a", 3.0)], vec![("a", 2.0)]));
    let counter = first.counter("b").unwrap();
    assert_eq!((first.counters().len(), counter.current, counter.previous), (1, 7, None));
}

#[test]
fn a_text_under_two_ids_is_one_name() {
    let columns = Columns {
        attributes: Attributes { entity: vec![0, 0], key: vec![3, 1], value: vec![0, 2] },
        // The row of the second id stands between two rows of the first.
        gauges: Gauges { entity: vec![0, 0, 0, 1], name: vec![1, 3, 1, 3], value: vec![1.0, 2.0, 3.0, 4.0] },
        counters: Counters {
            entity: vec![1, 1],
            name: vec![1, 3],
            current: vec![9, 7],
            previous: vec![0, 6],
            elapsed_ns: vec![0, 5],
        },
        ..with_a_doubled_text()
    };
    let read = through_text(&columns);
    let [first, second] = read.entities()[..] else { panic!("two entities") };
    assert_eq!(first.attributes(), [("a", "b")]);
    assert_eq!((first.gauges(), second.gauges()), (vec![("a", 3.0)], vec![("a", 4.0)]));
    let counter = second.counter("a").unwrap();
    assert_eq!((second.counters().len(), counter.current, counter.previous), (1, 7, Some(6)));
}

#[test]
fn rows_outside_of_the_table_are_left_out() {
    let columns = Columns {
        attributes: Attributes { entity: vec![0, 0], key: vec![9, 1], value: vec![0, 0] },
        gauges: Gauges { entity: vec![0, 7], name: vec![u32::MAX, 1], value: vec![1.0, 2.0] },
        ..with_a_doubled_text()
    };
    assert!(columns.check().is_err());
    let read = Batch::from_columns(Columns::from_json(&columns.to_json()).unwrap());
    assert_eq!(read.entities()[0].attributes(), [("a", "k")]);
    assert!(read.entities().iter().all(|entity| entity.gauges().is_empty()));
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
        // Rows that were read are in text order already, so the batch codec returns identical columns.
        prop_assert_eq!(Batch::from_columns(read.clone()).into_columns(), read);
    }
}
