//! From the edited batch back to columns.

use alloc::vec;
use alloc::vec::Vec;

use super::{Batch, Table};
use crate::columns::{Columns, NO_PARENT};

impl Batch {
    /// The batch as it goes back to the host. Removed entities are left out, with links to and from them; parents come
    /// before their children. String ids stay what they were, so the table may hold strings that nothing uses any more.
    pub fn into_columns(self) -> Columns {
        let tree = self.tree.into_inner();
        let order = tree.order();
        let mut position = vec![NO_PARENT; tree.len()];
        for (at, &entity) in order.iter().enumerate() {
            position[entity as usize] = at as u32;
        }
        let (attributes, links) = (self.attributes.into_inner(), self.links.into_inner());
        let (gauges, counters) = (self.gauges.into_inner(), self.counters.into_inner());

        let mut columns = Columns {
            scope: self.scope,
            scope_id: self.scope_id,
            time_unix_ms: self.time_unix_ms,
            interval_ms: self.interval_ms,
            ..Columns::default()
        };
        (columns.text, columns.string_ends) = self.strings.into_columns();
        columns.entities.reserve(order.len());
        columns.attributes.reserve(attributes.capacity());
        columns.gauges.reserve(gauges.capacity());
        columns.counters.reserve(counters.capacity());
        for (at, &entity) in order.iter().enumerate() {
            let at = at as u32;
            let node = tree.node(entity);
            columns.entities.kind.push(node.kind);
            columns.entities.id.push(node.id);
            columns.entities.parent.push(position.get(node.parent as usize).copied().unwrap_or(NO_PARENT));
            let Columns { attributes: texts, gauges: figures, counters: readings, .. } = &mut columns;
            copy(&attributes, entity, at, &mut texts.entity, &mut texts.key, |value| texts.value.push(value));
            copy(&gauges, entity, at, &mut figures.entity, &mut figures.name, |value| {
                figures.value.push(value)
            });
            copy(&counters, entity, at, &mut readings.entity, &mut readings.name, |counter| {
                let (previous, elapsed_ns) = counter.row();
                readings.current.push(counter.current);
                readings.previous.push(previous);
                readings.elapsed_ns.push(elapsed_ns);
            });
            for (role, target) in links.iter(entity) {
                let target = position[target as usize];
                if target != NO_PARENT {
                    columns.links.source.push(at);
                    columns.links.target.push(target);
                    columns.links.role.push(role);
                }
            }
        }
        columns
    }
}

fn copy<V: Copy>(
    table: &Table<V>,
    entity: u32,
    at: u32,
    entities: &mut Vec<u32>,
    names: &mut Vec<u32>,
    mut push: impl FnMut(V),
) {
    for (name, value) in table.iter(entity) {
        entities.push(at);
        names.push(name);
        push(value);
    }
}
