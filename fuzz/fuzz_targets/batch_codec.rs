//! Columns with any content: checked, converted to a batch and back, and to JSON and back.
#![no_main]

use std::collections::{HashMap, HashSet};

use insights_batch::{Batch, Columns, columns, for_each_column};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(columns) = Columns::from_json(text)
    {
        columns.check().expect("a parsed batch keeps the contract");
        survive(columns);
    }
    let Ok(columns) = columns(&mut Unstructured::new(input)) else { return };
    if columns.check().is_ok() {
        survive(columns);
    } else {
        // Callers must not do this, but it must not crash the process.
        let batch = Batch::from_columns(columns);
        for entity in batch.entities() {
            let _ =
                (entity.attributes(), entity.gauges(), entity.counters(), entity.children(), entity.parent());
        }
    }
});

/// Valid columns remain valid after each conversion.
fn survive(columns: Columns) {
    let text = columns.to_json();
    let read = Columns::from_json(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    read.check().expect("a written batch can be read");
    assert_eq!(read.to_json(), text);
    assert_eq!(read.entity_count(), columns.entity_count());
    assert_eq!(read.links.role.len(), columns.links.role.len());
    assert_eq!(said(&read), said(&columns), "{text}");
    assert_eq!(Batch::from_columns(read.clone()).into_columns(), read);

    let texts_are_unique = {
        let texts: HashSet<&str> =
            (0..columns.string_ends.len()).map(|id| columns.string(id as u32)).collect();
        texts.len() == columns.string_ends.len()
    };
    let edited = Batch::from_columns(columns).into_columns();
    edited.check().expect("an unedited batch keeps the contract");
    assert_eq!(edited.entity_count(), read.entity_count());
    // A batch merges two ids of one text into one name and may return their rows in another order.
    let rewritten = edited.to_json();
    match texts_are_unique {
        true => assert_eq!(rewritten, text),
        false => assert!(Columns::from_json(&rewritten).is_ok(), "{rewritten}"),
    }

    let batch = Batch::from_columns(edited);
    for (at, entity) in batch.entities().into_iter().enumerate() {
        match at % 4 {
            0 => entity.set_attribute("added", "value"),
            1 => entity.remove(),
            2 => entity.set_gauge("added", 1.0),
            _ => entity.set_parent(None),
        }
    }
    batch.into_columns().check().expect("an edited batch keeps the contract");
}

/// Returns the last row of each name of each entity, independent of the order of the entities.
fn said(columns: &Columns) -> Vec<(&str, &str, &str, String)> {
    let mut last = HashMap::new();
    let Columns { attributes, gauges, counters, .. } = columns;
    for (row, (&entity, &key)) in attributes.entity.iter().zip(&attributes.key).enumerate() {
        let value = columns.string(attributes.value[row]);
        last.insert((entity, 'a', columns.string(key)), format!("{value:?}"));
    }
    for (row, (&entity, &name)) in gauges.entity.iter().zip(&gauges.name).enumerate() {
        last.insert((entity, 'g', columns.string(name)), format!("{:?}", gauges.value[row]));
    }
    for (row, (&entity, &name)) in counters.entity.iter().zip(&counters.name).enumerate() {
        let previous =
            (counters.elapsed_ns[row] > 0).then(|| (counters.previous[row], counters.elapsed_ns[row]));
        last.insert((entity, 'c', columns.string(name)), format!("{} {previous:?}", counters.current[row]));
    }
    let entities = &columns.entities;
    let mut said: Vec<_> = last
        .into_iter()
        .map(|((entity, table, name), value)| {
            let (kind, id) = (entities.kind[entity as usize], entities.id[entity as usize]);
            (columns.string(kind), columns.string(id), name, format!("{table} {value}"))
        })
        .collect();
    said.sort();
    said
}

/// Generates columns with small indices, so that many of the batches are well-formed.
fn columns(input: &mut Unstructured<'_>) -> Result<Columns> {
    let mut columns = Columns {
        scope: "node".into(),
        time_unix_ms: input.arbitrary()?,
        interval_ms: input.arbitrary()?,
        ..Columns::default()
    };
    for _ in 0..input.int_in_range(0..=8)? {
        let text: &str = input.arbitrary()?;
        columns.text.push_str(&text.chars().take(8).collect::<String>());
        columns.string_ends.push(columns.text.len() as u32);
    }
    if input.ratio(1, 16)? {
        columns.string_ends.push(input.arbitrary()?);
    }
    let mut values =
        Values { strings: columns.string_ends.len() as u32, entities: input.int_in_range(0..=6)?, input };
    macro_rules! fill {
        ($(
            $(#[$doc:meta])*
            $record:ident: $Record:ident {
                $($(#[$about:meta])* $column:ident: $type:ty = $role:ident $name:literal,)*
            }
        )*) => {
            $(
                let rows = values.rows(stringify!($record))?;
                columns.$record = columns::$Record { $($column: values.$role(rows)?,)* };
            )*
        };
    }
    for_each_column!(fill);
    Ok(columns)
}

/// Generates the values of columns by role: small indices, most of them within bounds.
struct Values<'a, 'b> {
    input: &'a mut Unstructured<'b>,
    strings: u32,
    entities: u32,
}

impl<'b> Values<'_, 'b> {
    fn rows(&mut self, record: &str) -> Result<usize> {
        if record == "entities" { Ok(self.entities as usize) } else { self.input.int_in_range(0..=12) }
    }

    fn string(&mut self, rows: usize) -> Result<Vec<u32>> {
        self.indices(rows, self.strings)
    }

    fn entity(&mut self, rows: usize) -> Result<Vec<u32>> {
        self.indices(rows, self.entities)
    }

    fn parent(&mut self, rows: usize) -> Result<Vec<u32>> {
        let input = &mut *self.input;
        let parent =
            |at| Ok(if at == 0 || input.arbitrary()? { u32::MAX } else { input.int_in_range(0..=at)? });
        (0..rows as u32).map(parent).collect()
    }

    fn number<T: Arbitrary<'b>>(&mut self, rows: usize) -> Result<Vec<T>> {
        (0..rows).map(|_| self.input.arbitrary()).collect()
    }

    fn indices(&mut self, rows: usize, bound: u32) -> Result<Vec<u32>> {
        let mut indices = Vec::new();
        for _ in 0..rows {
            let wild = bound == 0 || self.input.ratio(1, 64)?;
            let index =
                if wild { self.input.arbitrary()? } else { self.input.int_in_range(0..=bound - 1)? };
            indices.push(index);
        }
        if self.input.ratio(1, 128)? {
            indices.pop();
        }
        Ok(indices)
    }
}
