//! Conversions between the records of the bindings and the types of the SDK. Columns are moved, not copied.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::types;
use crate::about::About;
use crate::columns::{Attributes, Columns, Counters, Entities, Gauges, Links};
use crate::payloads::Payloads;

pub(super) fn columns(batch: types::Batch) -> Columns {
    let types::Batch { entities, attributes, gauges, counters, links, .. } = batch;
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

pub(super) fn description(about: About) -> types::Description {
    types::Description {
        name: about.name.to_string(),
        version: about.version.to_string(),
        config_schema: about.config_schema.to_string(),
        reads: owned(about.reads),
        writes: owned(about.writes),
    }
}

pub(super) fn batch(columns: Columns) -> types::Batch {
    let Columns { entities, attributes, gauges, counters, links, .. } = columns;
    types::Batch {
        scope: columns.scope,
        scope_id: columns.scope_id,
        time_unix_ms: columns.time_unix_ms,
        interval_ms: columns.interval_ms,
        text: columns.text,
        string_ends: columns.string_ends,
        entities: types::Entities { kind: entities.kind, id: entities.id, parent: entities.parent },
        attributes: types::Attributes {
            entity: attributes.entity,
            key: attributes.key,
            value: attributes.value,
        },
        gauges: types::Gauges { entity: gauges.entity, name: gauges.name, value: gauges.value },
        counters: types::Counters {
            entity: counters.entity,
            name: counters.name,
            current: counters.current,
            previous: counters.previous,
            elapsed_ns: counters.elapsed_ns,
        },
        links: types::Links { source: links.source, target: links.target, role: links.role },
    }
}

pub(super) fn payloads(payloads: Payloads) -> types::Payloads {
    types::Payloads {
        content_type: payloads.content_type,
        routes: payloads.routes,
        route: payloads.route,
        time_unix_ms: payloads.time_unix_ms,
        ends: payloads.ends,
        body: payloads.body,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}
