//! Conversion between the host's columns and the records of the contract: borrowed as parameters, moved out of results.

use insights_sdk::columns::{Attributes, Columns, Counters, Entities, Gauges, Links};
use insights_sdk::{Limits as SinkLimits, Payloads};

use crate::bindings::insights::transform::types;

/// Borrows columns as a parameter.
pub(crate) fn batch(columns: &Columns) -> types::BatchParam<'_> {
    let Columns { entities, attributes, gauges, counters, links, .. } = columns;
    types::BatchParam {
        scope: &columns.scope,
        scope_id: &columns.scope_id,
        time_unix_ms: columns.time_unix_ms,
        interval_ms: columns.interval_ms,
        text: &columns.text,
        string_ends: &columns.string_ends,
        entities: types::EntitiesParam { kind: &entities.kind, id: &entities.id, parent: &entities.parent },
        attributes: types::AttributesParam {
            entity: &attributes.entity,
            key: &attributes.key,
            value: &attributes.value,
        },
        gauges: types::GaugesParam { entity: &gauges.entity, name: &gauges.name, value: &gauges.value },
        counters: types::CountersParam {
            entity: &counters.entity,
            name: &counters.name,
            current: &counters.current,
            previous: &counters.previous,
            elapsed_ns: &counters.elapsed_ns,
        },
        links: types::LinksParam { source: &links.source, target: &links.target, role: &links.role },
    }
}

/// Moves a result into columns, not validated yet.
pub(crate) fn columns(batch: types::BatchResult) -> Columns {
    let types::BatchResult { entities, attributes, gauges, counters, links, .. } = batch;
    Columns {
        scope: batch.scope,
        scope_id: batch.scope_id,
        time_unix_ms: batch.time_unix_ms,
        interval_ms: batch.interval_ms,
        text: batch.text,
        string_ends: batch.string_ends,
        entities: Entities { kind: entities.kind, id: entities.id, parent: entities.parent },
        attributes: Attributes { entity: attributes.entity, key: attributes.key, value: attributes.value },
        gauges: Gauges { entity: gauges.entity, name: gauges.name, value: gauges.value },
        counters: Counters {
            entity: counters.entity,
            name: counters.name,
            current: counters.current,
            previous: counters.previous,
            elapsed_ns: counters.elapsed_ns,
        },
        links: Links { source: links.source, target: links.target, role: links.role },
    }
}

/// Converts the sink's limits to a parameter.
pub(crate) fn limits(limits: SinkLimits) -> types::Limits {
    types::Limits { max_event_bytes: limits.max_event_bytes }
}

/// Moves a result into payloads, not validated yet.
pub(crate) fn payloads(payloads: types::Payloads) -> Payloads {
    Payloads {
        content_type: payloads.content_type,
        routes: payloads.routes,
        route: payloads.route,
        time_unix_ms: payloads.time_unix_ms,
        ends: payloads.ends,
        body: payloads.body,
    }
}

/// Returns the approximate size of `columns` in a component's memory in bytes, precise enough to scale limits.
pub(crate) fn size(columns: &Columns) -> usize {
    let words = columns.string_ends.len()
        + 3 * columns.entities.kind.len()
        + 3 * columns.attributes.entity.len()
        + 4 * columns.gauges.entity.len()
        + 8 * columns.counters.entity.len()
        + 3 * columns.links.source.len();
    columns.text.len() + 4 * words
}
