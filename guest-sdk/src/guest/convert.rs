//! Conversions between the records of the bindings and the types of the SDK. Columns are moved, not copied.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insights_batch::{Columns, Payloads, columns, for_each_column};

use super::types;
use crate::about::About;

macro_rules! conversions {
    ($(
        $(#[$doc:meta])*
        $record:ident: $Record:ident {
            $($(#[$about:meta])* $column:ident: $type:ty = $role:ident $name:literal,)*
        }
    )*) => {
        pub(super) fn columns(batch: types::Batch) -> Columns {
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

        pub(super) fn batch(columns: Columns) -> types::Batch {
            types::Batch {
                scope: columns.scope,
                scope_id: columns.scope_id,
                time_unix_ms: columns.time_unix_ms,
                interval_ms: columns.interval_ms,
                text: columns.text,
                string_ends: columns.string_ends,
                $($record: types::$Record { $($column: columns.$record.$column,)* },)*
            }
        }
    };
}

for_each_column!(conversions);

pub(super) fn description(about: About) -> types::Description {
    types::Description {
        name: about.name.to_string(),
        version: about.version.to_string(),
        config_schema: about.config_schema.to_string(),
        reads: owned(about.reads),
        writes: owned(about.writes),
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
