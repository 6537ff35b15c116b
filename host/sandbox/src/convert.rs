//! Between the host's columns and the records of the contract. Into a component nothing is copied, out of it columns move.

use insights_sdk::columns::{Attributes, Columns, Counters, Entities, Gauges, Links};
use insights_sdk::{Limits as SinkLimits, Payloads};

use crate::bindings::insights::transform::types;

/// Columns as a parameter.
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

/// Columns from a result, not checked yet.
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

/// What the sink can take, as a parameter.
pub(crate) fn limits(limits: SinkLimits) -> types::Limits {
    types::Limits { max_event_bytes: limits.max_event_bytes }
}

/// Payloads from a result, not checked yet.
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

/// Bytes that `columns` take in a component's memory, near enough to scale limits by.
pub(crate) fn size(columns: &Columns) -> usize {
    let words = columns.string_ends.len()
        + 3 * columns.entities.kind.len()
        + 3 * columns.attributes.entity.len()
        + 4 * columns.gauges.entity.len()
        + 8 * columns.counters.entity.len()
        + 3 * columns.links.source.len();
    columns.text.len() + 4 * words
}
