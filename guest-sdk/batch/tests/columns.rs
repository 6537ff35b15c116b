//! Validation of columns from the other side of the boundary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use insights_batch::columns::{Attributes, Columns, Counters, Entities, Gauges, Links};
use insights_batch::{Batch, Builder};
use proptest::collection::vec;
use proptest::prelude::*;

/// Generates mostly small indices, so that some are within bounds, and sometimes the ends of the range.
fn index() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..6u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn rows() -> impl Strategy<Value = Vec<u32>> {
    vec(index(), 0..6)
}

fn any_columns() -> impl Strategy<Value = Columns> {
    let strings = (prop_oneof!["[a-zé]{0,8}", Just(String::from("éé"))], rows());
    let wide = || vec(prop_oneof![Just(0), any::<u64>()], 0..6);
    let entities = (rows(), rows(), rows());
    let attributes = (rows(), rows(), rows());
    let gauges = (rows(), rows(), vec(any::<f64>(), 0..6));
    let counters = (rows(), rows(), wide(), wide(), wide());
    let links = (rows(), rows(), rows());
    (strings, entities, attributes, gauges, counters, links).prop_map(
        |((text, string_ends), e, a, g, c, l)| Columns {
            text,
            string_ends,
            entities: Entities { kind: e.0, id: e.1, parent: e.2 },
            attributes: Attributes { entity: a.0, key: a.1, value: a.2 },
            gauges: Gauges { entity: g.0, name: g.1, value: g.2 },
            counters: Counters { entity: c.0, name: c.1, current: c.2, previous: c.3, elapsed_ns: c.4 },
            links: Links { source: l.0, target: l.1, role: l.2 },
            ..Columns::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_columns_make_the_check_or_the_batch_panic(columns in any_columns()) {
        let verdict = columns.check();
        for id in 0..8 {
            let _ = columns.string(id);
        }
        let json = columns.to_json();
        let batch = Batch::from_columns(columns.clone());
        for entity in batch.entities() {
            let _ = (entity.kind(), entity.id(), entity.attributes(), entity.gauges(), entity.counters());
            let _ = (entity.parent(), entity.children(), entity.links("a"), entity.linked_from("a"));
        }
        let _ = batch.find("a", "b");
        let again = batch.into_columns();
        if verdict.is_ok() {
            prop_assert!(again.check().is_ok(), "{:?}", again.check());
            prop_assert_eq!(Columns::from_json(&json).unwrap().to_json(), json);
        }
    }
}

fn small() -> Columns {
    let mut builder = Builder::new("node", "n1", 1, 60_000);
    let node = builder.entity("node", "n1", None);
    let pod = builder.entity("pod", "ü", Some(node));
    builder.attribute(pod, "pod.name", "web");
    builder.gauge(pod, "memory.usage_bytes", 1.0);
    builder.counter(pod, "cpu.usage_ns", 5, Some((3, 1_000)));
    builder.link(pod, node, "on");
    builder.finish()
}

/// A function that damages valid columns, and the expected message.
type Damage = (fn(&mut Columns), &'static str);

#[test]
fn each_broken_rule_is_named_with_column_and_row() {
    assert_eq!(small().check(), Ok(()));
    let cases: &[Damage] = &[
        (|c| c.string_ends[1] = 3, "column string-ends, row 1: 3 is less than the previous end 4"),
        (|c| c.text.push('x'), "column string-ends: the last end is 54, but the text has 55 bytes"),
        (
            |c| c.string_ends[3] -= 1,
            "column string-ends, row 3: 10 is not a character boundary of the text of 54 bytes",
        ),
        (|c| c.entities.id.push(0), "column entities.id: 3 rows, but the other columns have 2"),
        (
            |c| c.entities.kind[1] = 99,
            "column entities.kind, row 1: index 99 is out of range: there are 9 strings",
        ),
        (
            |c| c.entities.parent[0] = 0,
            "column entities.parent, row 0: parent 0 does not come before its child",
        ),
        (
            |c| c.attributes.value[0] = 9,
            "column attributes.value, row 0: index 9 is out of range: there are 9 strings",
        ),
        (
            |c| c.gauges.entity[0] = 2,
            "column gauges.entity, row 0: index 2 is out of range: there are 2 entities",
        ),
        (
            |c| c.gauges.value[0] = f64::NAN,
            "column gauges.value, row 0: memory.usage_bytes is NaN, not a finite number",
        ),
        (
            |c| c.gauges.value[0] = f64::NEG_INFINITY,
            "column gauges.value, row 0: memory.usage_bytes is infinite, not a finite number",
        ),
        (
            |c| c.counters.elapsed_ns.clear(),
            "column counters.elapsed-ns: 0 rows, but the other columns have 1",
        ),
        (|c| c.links.role[0] = 10, "column links.role, row 0: index 10 is out of range: there are 9 strings"),
    ];
    for (damage, message) in cases {
        let mut columns = small();
        damage(&mut columns);
        assert_eq!(columns.check().unwrap_err().to_string(), *message);
    }
}

#[test]
fn of_two_rows_with_one_name_the_last_counts() {
    let mut builder = Builder::new("node", "n1", 1, 60_000);
    let (a, b) = (builder.entity("x", "a", None), builder.entity("x", "b", None));
    for (entity, value) in [(a, 1.0), (b, 2.0), (a, 3.0), (a, 4.0), (b, 5.0)] {
        builder.gauge(entity, "g", value);
        builder.attribute(entity, "k", &value.to_string());
    }
    let batch = Batch::from_columns(builder.finish());
    for (id, gauge, text) in [("a", 4.0, "4"), ("b", 5.0, "5")] {
        let entity = batch.find("x", id).unwrap();
        assert_eq!(entity.gauges(), [("g", gauge)]);
        assert_eq!(entity.attributes(), [("k", text)]);
    }
}

#[test]
fn builder_goes_on_with_a_batch() {
    let mut builder = Builder::from_columns(small());
    let strings = builder.columns().string_ends.len();
    let service = builder.entity("pod", "web", None);
    builder.gauge(service, "memory.usage_bytes", f64::INFINITY);
    assert_eq!(builder.columns().string_ends.len(), strings, "all of these strings were there");
    assert_eq!(service.index(), 2);
    assert_eq!(builder.finish().point_count(), 2);
}
