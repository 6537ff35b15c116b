//! Conversion of the edited batch back to columns.

use alloc::vec;
use alloc::vec::Vec;

use super::{Batch, Table};
use crate::columns::{Columns, NO_PARENT};

impl Batch {
    /// Converts the batch to the columns that the host receives. Removed entities and the links from and to them are left
    /// out; parents come before their children. String ids do not change, so the table may hold unused strings.
    pub fn into_columns(self) -> Columns {
        let tree = self.tree.into_inner();
        let order = tree.order();
        let mut position = vec![NO_PARENT; tree.len()];
        for (at, &entity) in order.iter().enumerate() {
            position[entity as usize] = at as u32;
        }
        let mut columns = Columns {
            scope: self.scope,
            scope_id: self.scope_id,
            time_unix_ms: self.time_unix_ms,
            interval_ms: self.interval_ms,
            ..Columns::default()
        };
        (columns.text, columns.string_ends) = self.strings.into_columns();
        columns.entities.reserve(order.len());
        for &entity in &order {
            let node = tree.node(entity);
            columns.entities.kind.push(node.kind);
            columns.entities.id.push(node.id);
            columns.entities.parent.push(position.get(node.parent as usize).copied().unwrap_or(NO_PARENT));
        }
        // One table at a time: each is freed before the next is copied.
        let Columns { attributes: texts, gauges: values, counters: readings, links, .. } = &mut columns;
        let table = self.attributes.into_inner();
        texts.reserve(table.capacity());
        copy(table, &order, &mut texts.entity, &mut texts.key, |value| texts.value.push(value));
        let table = self.gauges.into_inner();
        values.reserve(table.capacity());
        copy(table, &order, &mut values.entity, &mut values.name, |value| values.value.push(value));
        let table = self.counters.into_inner();
        readings.reserve(table.capacity());
        copy(table, &order, &mut readings.entity, &mut readings.name, |counter| {
            let (previous, elapsed_ns) = counter.row();
            readings.current.push(counter.current);
            readings.previous.push(previous);
            readings.elapsed_ns.push(elapsed_ns);
        });
        let table = self.links.into_inner();
        for (at, &entity) in order.iter().enumerate() {
            for (role, target) in table.iter(entity) {
                let target = position[target as usize];
                if target != NO_PARENT {
                    links.source.push(at as u32);
                    links.target.push(target);
                    links.role.push(role);
                }
            }
        }
        columns
    }
}

/// Appends the rows of all entities in `order`, then frees the table.
fn copy<V: Copy>(
    table: Table<V>,
    order: &[u32],
    entities: &mut Vec<u32>,
    names: &mut Vec<u32>,
    mut push: impl FnMut(V),
) {
    for (at, &entity) in order.iter().enumerate() {
        for (name, value) in table.iter(entity) {
            entities.push(at as u32);
            names.push(name);
            push(value);
        }
    }
}
