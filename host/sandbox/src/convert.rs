//! Conversion between the host's columns and the records of the contract: borrowed as parameters, moved out of results.

use insights_batch::{Columns, Limits as SinkLimits, Payloads, columns, for_each_column};

use crate::bindings::insights::transform::types;

/// The parameter types of the bindings under the names of the records.
mod param {
    pub(super) use super::types::{
        AttributesParam as Attributes, CountersParam as Counters, EntitiesParam as Entities,
        GaugesParam as Gauges, LinksParam as Links,
    };
}

macro_rules! conversions {
    ($(
        $(#[$doc:meta])*
        $record:ident: $Record:ident {
            $($(#[$about:meta])* $column:ident: $type:ty = $role:ident $name:literal,)*
        }
    )*) => {
        /// Borrows columns as a parameter.
        pub(crate) fn batch(columns: &Columns) -> types::BatchParam<'_> {
            types::BatchParam {
                scope: &columns.scope,
                scope_id: &columns.scope_id,
                time_unix_ms: columns.time_unix_ms,
                interval_ms: columns.interval_ms,
                text: &columns.text,
                string_ends: &columns.string_ends,
                $($record: param::$Record { $($column: &columns.$record.$column,)* },)*
            }
        }

        /// Moves a result into columns, not validated yet.
        pub(crate) fn columns(batch: types::BatchResult) -> Columns {
            Columns {
                scope: batch.scope,
                scope_id: batch.scope_id,
                time_unix_ms: batch.time_unix_ms,
                interval_ms: batch.interval_ms,
                text: batch.text,
                string_ends: batch.string_ends,
                $($record: columns::$Record { $($column: batch.$record.$column,)* },)*
            }
        }

        /// Returns the approximate size of `columns` in a component's memory in bytes, precise enough to scale limits.
        pub(crate) fn size(columns: &Columns) -> usize {
            let strings = columns.text.len() + size_of_val(&*columns.string_ends);
            strings $($(+ size_of_val(&*columns.$record.$column))*)*
        }
    };
}

for_each_column!(conversions);

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
