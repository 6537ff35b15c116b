//! Writer for the readable form of batches.

use std::collections::HashMap;

use crate::batch::Batch;
use crate::columns::Columns;
use crate::entity::Entity;
use crate::json;

/// Deepest indentation level. Deeper levels keep it, so that a hostile chain of parents does not cause quadratic output.
const DEEPEST_INDENT: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) indented: bool,
    /// Sorts names, links and siblings, so that equivalent batches have the same text.
    pub(super) sorted: bool,
}

pub(super) fn write(columns: &Columns, style: Style) -> String {
    let batch = Batch::from_columns(with_one_id_a_name(columns));
    let order = document_order(&batch, style);
    let occurrences = occurrences(&order);
    let mut writer = Writer { out: Vec::new(), style, depth: 0, first: true };
    writer.open(b'{');
    writer.text_field("scope", batch.scope());
    writer.text_field("id", batch.scope_id());
    writer.whole_field("time_unix_ms", batch.time_unix_ms());
    writer.whole_field("interval_ms", batch.interval_ms());
    writer.key("entities");
    writer.open(b'[');
    // Not recursive: the other side chooses the depth of a batch.
    let mut open = 0;
    for (at, &(entity, depth)) in order.iter().enumerate() {
        while open > depth {
            writer.close(b']');
            writer.close(b'}');
            open -= 1;
        }
        writer.item();
        writer.open(b'{');
        write_entity(&mut writer, entity, &occurrences);
        if order.get(at + 1).is_some_and(|&(_, next)| next > depth) {
            writer.key("children");
            writer.open(b'[');
            open += 1;
        } else {
            writer.close(b'}');
        }
    }
    for _ in 0..open {
        writer.close(b']');
        writer.close(b'}');
    }
    writer.close(b']');
    writer.close(b'}');
    if style.indented {
        writer.out.push(b'\n');
    }
    String::from_utf8_lossy(&writer.out).into_owned()
}

/// Gives each name a single string id. A batch detects duplicate rows by the ids of their names, but a table from the
/// other side may hold one text under several ids, and a JSON object holds each key once.
fn with_one_id_a_name(columns: &Columns) -> Columns {
    let mut columns = columns.clone();
    let mut first_of = HashMap::new();
    let ids = 0..columns.string_ends.len() as u32;
    let first: Vec<u32> = ids.map(|id| *first_of.entry(columns.string(id)).or_insert(id)).collect();
    for names in [&mut columns.attributes.key, &mut columns.gauges.name, &mut columns.counters.name] {
        for name in names {
            // An id outside of the table is kept; its row is left out later.
            *name = first.get(*name as usize).copied().unwrap_or(*name);
        }
    }
    columns
}

/// Returns the entities with their depth, each before its children.
fn document_order(batch: &Batch, style: Style) -> Vec<(Entity<'_>, usize)> {
    let roots = batch.entities().into_iter().filter(|entity| entity.parent().is_none()).collect();
    let mut pending: Vec<_> = last_first(roots, style).map(|entity| (entity, 0)).collect();
    let mut order = Vec::new();
    while let Some((entity, depth)) = pending.pop() {
        order.push((entity, depth));
        pending.extend(last_first(entity.children(), style).map(|child| (child, depth + 1)));
    }
    order
}

fn last_first(mut siblings: Vec<Entity<'_>>, style: Style) -> impl Iterator<Item = Entity<'_>> {
    if style.sorted {
        siblings.sort_by(|a, b| (a.kind(), a.id()).cmp(&(b.kind(), b.id())));
    }
    siblings.into_iter().rev()
}

/// Returns, per entity index, its position among the entities of the same kind and id in text order, from 1.
fn occurrences(order: &[(Entity<'_>, usize)]) -> HashMap<u32, u64> {
    let mut seen: HashMap<(&str, &str), u64> = HashMap::new();
    let mut count = |entity: Entity<'_>, kind, id| {
        let seen = seen.entry((kind, id)).or_default();
        *seen += 1;
        (entity.index(), *seen)
    };
    order.iter().map(|(entity, _)| count(*entity, entity.kind(), entity.id())).collect()
}

fn write_entity(writer: &mut Writer, entity: Entity<'_>, occurrences: &HashMap<u32, u64>) {
    writer.text_field("kind", entity.kind());
    writer.text_field("id", entity.id());
    writer.fields("attributes", entity.attributes(), |writer, value| {
        json::write_string(&mut writer.out, value)
    });
    writer.fields("gauges", entity.gauges(), |writer, value| json::write_number(&mut writer.out, value));
    writer.fields("counters", entity.counters(), |writer, counter| {
        let mut readings = vec![counter.current];
        readings
            .extend(counter.previous.map(|previous| [previous, counter.elapsed_ns]).into_iter().flatten());
        writer.out.push(b'[');
        for (at, &reading) in readings.iter().enumerate() {
            if at > 0 {
                writer.out.extend_from_slice(if writer.style.indented { b", " } else { b"," });
            }
            json::write_integer(&mut writer.out, reading);
        }
        writer.out.push(b']');
    });
    let mut links = entity.all_links();
    if writer.style.sorted {
        links.sort_by_key(|(role, target)| (*role, target.kind(), target.id()));
    }
    if !links.is_empty() {
        writer.key("links");
        writer.open(b'[');
        for (role, target) in links {
            writer.item();
            writer.on_one_line(|writer| {
                writer.open(b'{');
                writer.text_field("role", role);
                writer.text_field("kind", target.kind());
                writer.text_field("id", target.id());
                if let Some(&nth) = occurrences.get(&target.index()).filter(|&&nth| nth > 1) {
                    writer.whole_field("nth", nth);
                }
                writer.close(b'}');
            });
        }
        writer.close(b']');
    }
}

struct Writer {
    out: Vec<u8>,
    style: Style,
    depth: usize,
    /// True while the open list or object is empty.
    first: bool,
}

impl Writer {
    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.first = true;
    }

    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        if !self.first {
            self.new_line();
        }
        self.out.push(bracket);
        self.first = false;
    }

    /// Begins an element of a list or a key of an object.
    fn item(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.new_line();
        self.first = false;
    }

    fn key(&mut self, key: &str) {
        self.item();
        json::write_string(&mut self.out, key);
        self.out.extend_from_slice(if self.style.indented { b": " } else { b":" });
    }

    fn text_field(&mut self, key: &str, value: &str) {
        self.key(key);
        json::write_string(&mut self.out, value);
    }

    fn whole_field(&mut self, key: &str, value: u64) {
        self.key(key);
        json::write_integer(&mut self.out, value);
    }

    fn fields<V>(&mut self, key: &str, mut rows: Vec<(&str, V)>, write: impl Fn(&mut Self, V)) {
        if rows.is_empty() {
            return;
        }
        if self.style.sorted {
            rows.sort_by_key(|(name, _)| *name);
        }
        self.key(key);
        self.open(b'{');
        for (name, value) in rows {
            self.key(name);
            write(self, value);
        }
        self.close(b'}');
    }

    fn on_one_line(&mut self, write: impl FnOnce(&mut Self)) {
        let indented = std::mem::replace(&mut self.style.indented, false);
        write(self);
        self.style.indented = indented;
    }

    fn new_line(&mut self) {
        if self.style.indented {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth.min(DEEPEST_INDENT), b' ');
        }
    }
}
