//! Removal of entities from a batch.

use insights_sdk::Columns;
use insights_sdk::columns::NO_PARENT;

/// Returns the batch with only those entities for which `keep` is true. A child of a removed entity must be removed too; links
/// to or from a removed entity are dropped. The string table stays unchanged.
pub(crate) fn subset(columns: &Columns, keep: &[bool]) -> Columns {
    let kept = |entity: u32| keep.get(entity as usize).copied().unwrap_or(false);
    let mut index = vec![NO_PARENT; keep.len()];
    let mut next = 0;
    for (entity, &keep) in keep.iter().enumerate() {
        if keep {
            index[entity] = next;
            next += 1;
        }
    }
    let renumber = |entity: u32| index.get(entity as usize).copied().unwrap_or(NO_PARENT);

    let Columns { entities, attributes, gauges, counters, links, .. } = columns;
    let all: Vec<u32> = (0..entities.kind.len() as u32).collect();
    let mut out = Columns {
        scope: columns.scope.clone(),
        scope_id: columns.scope_id.clone(),
        time_unix_ms: columns.time_unix_ms,
        interval_ms: columns.interval_ms,
        text: columns.text.clone(),
        string_ends: columns.string_ends.clone(),
        ..Columns::default()
    };
    out.entities.kind = pick(&all, &entities.kind, kept);
    out.entities.id = pick(&all, &entities.id, kept);
    out.entities.parent = pick(&all, &entities.parent, kept).into_iter().map(renumber).collect();
    let owner =
        |entity: &[u32]| -> Vec<u32> { pick(entity, entity, kept).into_iter().map(renumber).collect() };
    out.attributes.entity = owner(&attributes.entity);
    out.attributes.key = pick(&attributes.entity, &attributes.key, kept);
    out.attributes.value = pick(&attributes.entity, &attributes.value, kept);
    out.gauges.entity = owner(&gauges.entity);
    out.gauges.name = pick(&gauges.entity, &gauges.name, kept);
    out.gauges.value = pick(&gauges.entity, &gauges.value, kept);
    out.counters.entity = owner(&counters.entity);
    out.counters.name = pick(&counters.entity, &counters.name, kept);
    out.counters.current = pick(&counters.entity, &counters.current, kept);
    out.counters.previous = pick(&counters.entity, &counters.previous, kept);
    out.counters.elapsed_ns = pick(&counters.entity, &counters.elapsed_ns, kept);
    for ((&source, &target), &role) in links.source.iter().zip(&links.target).zip(&links.role) {
        if kept(source) && kept(target) {
            out.links.source.push(renumber(source));
            out.links.target.push(renumber(target));
            out.links.role.push(role);
        }
    }
    out
}

/// Returns the values of rows whose entity is kept.
fn pick<T: Copy>(entity: &[u32], values: &[T], kept: impl Fn(u32) -> bool) -> Vec<T> {
    entity.iter().zip(values).filter(|&(&entity, _)| kept(entity)).map(|(_, &value)| value).collect()
}
