//! Removal of entities from a batch.

use insights_batch::Columns;
use insights_batch::columns::{NO_PARENT, Renumber};

/// Returns the batch with only those entities for which `keep` is true. A child of a removed entity must be removed too; links
/// to or from a removed entity are dropped. The string table stays unchanged.
pub(crate) fn subset(columns: &Columns, keep: &[bool]) -> Columns {
    let mut kept = Kept { index: vec![NO_PARENT; keep.len()] };
    let mut next = 0;
    for (entity, &keep) in keep.iter().enumerate() {
        if keep {
            kept.index[entity] = next;
            next += 1;
        }
    }

    // Every field is named: a record that is added to the contract cannot be left out.
    let Columns {
        scope,
        scope_id,
        time_unix_ms,
        interval_ms,
        text,
        string_ends,
        entities,
        attributes,
        gauges,
        counters,
        links,
    } = columns;
    let mut out = Columns {
        scope: scope.clone(),
        scope_id: scope_id.clone(),
        time_unix_ms: *time_unix_ms,
        interval_ms: *interval_ms,
        text: text.clone(),
        string_ends: string_ends.clone(),
        ..Columns::default()
    };
    let all = (0..entities.kind.len()).filter(|&entity| keep.get(entity) == Some(&true));
    out.entities.extend_rows(entities, all, &mut kept);
    out.attributes.extend_rows(attributes, 0..attributes.entity.len(), &mut kept);
    out.gauges.extend_rows(gauges, 0..gauges.entity.len(), &mut kept);
    out.counters.extend_rows(counters, 0..counters.entity.len(), &mut kept);
    out.links.extend_rows(links, 0..links.source.len(), &mut kept);
    out
}

/// Indices of the entities that are kept.
struct Kept {
    /// New index of each entity; [`NO_PARENT`] for a removed one.
    index: Vec<u32>,
}

impl Renumber for Kept {
    fn string(&mut self, id: u32) -> Option<u32> {
        Some(id)
    }

    fn entity(&mut self, index: u32) -> Option<u32> {
        self.index.get(index as usize).copied().filter(|&new| new != NO_PARENT)
    }

    fn parent(&mut self, index: u32) -> Option<u32> {
        Some(self.entity(index).unwrap_or(NO_PARENT))
    }
}
