//! Slicing of a batch for formatters, which bounds their memory regardless of the size of the batch.

use std::borrow::Cow;

use insights_batch::Columns;
use insights_batch::columns::{Attributes, Counters, Entities, Gauges, Links, NO_PARENT, Renumber};

/// Maximum number of entities in a slice, descriptors not counted.
pub(crate) const MAX_ENTITIES: usize = 512;
/// Maximum number of values in a slice of several entities, those of descriptors not counted. A formatter may write some 300 bytes for
/// each.
pub(crate) const MAX_VALUES: usize = 4096;
/// Kind of the descriptors, which are part of every slice.
pub(crate) const DESCRIPTOR: &str = "metric";

/// Slice number of a descriptor, which belongs to all slices.
const EVERY: u32 = u32::MAX;

/// Returns the slices of `columns` in order. A batch that fits, even an empty one, is its own only slice and is not copied.
pub(crate) fn slices(columns: &Columns) -> impl Iterator<Item = Cow<'_, Columns>> {
    let (slice_of, count) = assign(columns);
    let whole = (count <= 1).then_some(Cow::Borrowed(columns));
    let mut cutter = if count <= 1 { None } else { Some(Cutter::new(columns, slice_of, count)) };
    let parts = (0..if cutter.is_some() { count } else { 0 }).filter_map(move |slice| {
        let cutter = cutter.as_mut()?;
        Some(Cow::Owned(cutter.cut(slice)))
    });
    whole.into_iter().chain(parts)
}

/// Returns the slice number of each entity, and the number of slices.
fn assign(columns: &Columns) -> (Vec<u32>, u32) {
    let mut values = vec![0_usize; columns.entities.kind.len()];
    for &entity in columns.gauges.entity.iter().chain(&columns.counters.entity) {
        if let Some(values) = values.get_mut(entity as usize) {
            *values += 1;
        }
    }
    let (mut slice, mut entities_in, mut values_in) = (0, 0, 0);
    let slice_of = columns.entities.kind.iter().zip(values).map(|(&kind, values)| {
        if columns.string(kind) == DESCRIPTOR {
            return EVERY;
        }
        if entities_in == MAX_ENTITIES || (entities_in > 0 && values_in + values > MAX_VALUES) {
            (slice, entities_in, values_in) = (slice + 1, 0, 0);
        }
        entities_in += 1;
        values_in += values;
        slice
    });
    let slice_of = slice_of.collect();
    (slice_of, if entities_in == 0 { 0 } else { slice + 1 })
}

/// Rows of one table, sorted by slice.
struct Rows {
    rows: Vec<u32>,
    /// Start of each slice in `rows`; the descriptors' rows are last.
    starts: Vec<u32>,
}

impl Rows {
    /// Sorts a table's rows by the slice of their entity with a stable counting sort: the last value of a key stays last.
    fn new(entity: &[u32], slice_of: &[u32], count: u32) -> Self {
        let group =
            |&entity: &u32| slice_of.get(entity as usize).map_or(count, |&slice| slice.min(count)) as usize;
        let mut starts = vec![0_u32; count as usize + 2];
        for entity in entity {
            starts[group(entity) + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; entity.len()];
        for (row, entity) in entity.iter().enumerate() {
            let place = &mut next[group(entity)];
            rows[*place as usize] = row as u32;
            *place += 1;
        }
        Self { rows, starts }
    }

    /// Returns the rows of the descriptors, then those of `slice`.
    fn of(&self, slice: u32) -> impl Iterator<Item = usize> {
        let group = |group: usize| &self.rows[self.starts[group] as usize..self.starts[group + 1] as usize];
        let descriptors = group(self.starts.len() - 2);
        descriptors.iter().chain(group(slice as usize)).map(|&row| row as usize)
    }
}

struct Cutter<'a> {
    columns: &'a Columns,
    entities: Rows,
    attributes: Rows,
    gauges: Rows,
    counters: Rows,
    links: Rows,
    /// New index of each entity, valid if `slice_of` is the slice being cut or `EVERY`.
    entity_index: Vec<u32>,
    slice_of: Vec<u32>,
    /// New id of each string, and the slice for which it is valid.
    strings: Vec<(u32, u32)>,
}

impl<'a> Cutter<'a> {
    fn new(columns: &'a Columns, slice_of: Vec<u32>, count: u32) -> Self {
        let rows = |entity: &[u32]| Rows::new(entity, &slice_of, count);
        let all: Vec<u32> = (0..columns.entities.kind.len() as u32).collect();
        Self {
            columns,
            entities: rows(&all),
            attributes: rows(&columns.attributes.entity),
            gauges: rows(&columns.gauges.entity),
            counters: rows(&columns.counters.entity),
            links: rows(&columns.links.source),
            entity_index: vec![NO_PARENT; slice_of.len()],
            slice_of,
            strings: vec![(0, EVERY); columns.string_ends.len()],
        }
    }

    fn cut(&mut self, slice: u32) -> Columns {
        let columns = self.columns;
        for (index, row) in self.entities.of(slice).enumerate() {
            self.entity_index[row] = index as u32;
        }
        let mut ids = Ids {
            columns,
            slice,
            slice_of: &self.slice_of,
            entity_index: &self.entity_index,
            strings: &mut self.strings,
            text: String::new(),
            string_ends: Vec::new(),
        };
        let mut entities = Entities::default();
        entities.extend_rows(&columns.entities, self.entities.of(slice), &mut ids);
        // Descriptors come first here, so a parent that preceded its child in the batch may now follow it.
        for (own, parent) in entities.parent.iter_mut().enumerate() {
            if *parent as usize >= own {
                *parent = NO_PARENT;
            }
        }
        let mut attributes = Attributes::default();
        attributes.extend_rows(&columns.attributes, self.attributes.of(slice), &mut ids);
        let mut gauges = Gauges::default();
        gauges.extend_rows(&columns.gauges, self.gauges.of(slice), &mut ids);
        let mut counters = Counters::default();
        counters.extend_rows(&columns.counters, self.counters.of(slice), &mut ids);
        let mut links = Links::default();
        links.extend_rows(&columns.links, self.links.of(slice), &mut ids);
        Columns {
            scope: columns.scope.clone(),
            scope_id: columns.scope_id.clone(),
            time_unix_ms: columns.time_unix_ms,
            interval_ms: columns.interval_ms,
            text: ids.text,
            string_ends: ids.string_ends,
            entities,
            attributes,
            gauges,
            counters,
            links,
        }
    }
}

/// Ids of one slice. Copies each string that the slice uses once; drops links that leave the slice.
struct Ids<'a> {
    columns: &'a Columns,
    slice: u32,
    slice_of: &'a [u32],
    entity_index: &'a [u32],
    strings: &'a mut [(u32, u32)],
    text: String,
    string_ends: Vec<u32>,
}

impl Renumber for Ids<'_> {
    fn string(&mut self, id: u32) -> Option<u32> {
        let Some(known) = self.strings.get_mut(id as usize) else { return Some(0) };
        if known.1 != self.slice {
            self.text.push_str(self.columns.string(id));
            self.string_ends.push(self.text.len() as u32);
            *known = (self.string_ends.len() as u32 - 1, self.slice);
        }
        Some(known.0)
    }

    fn entity(&mut self, index: u32) -> Option<u32> {
        let slice = *self.slice_of.get(index as usize)?;
        (slice == self.slice || slice == EVERY).then(|| self.entity_index[index as usize])
    }

    fn parent(&mut self, index: u32) -> Option<u32> {
        Some(self.entity(index).unwrap_or(NO_PARENT))
    }
}

#[cfg(test)]
mod tests;
