//! The `/status` document: JSON that `insightd status` prints for people.

use insightd_pipeline::Sha256;
use insightd_state::{SpaceStats, Stats, StorageMode};
use serde_json::{Value, json};

use super::registry::StatusRegistry;
use super::stats::{ComponentStats, SlotVersion};
use crate::sinks::ServedPage;

/// Returns the document. `rollout`, `state` and `components` are null until they are known; `pages` are those of
/// Prometheus sinks.
///
/// The keys `place` and `set_aside` are deprecated: `slot` and `quarantined` have replaced them.
pub(super) fn to_json(registry: &StatusRegistry) -> Value {
    let (stats, _) = registry.stats();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "last_tick_unix_ms": stats.as_ref().map(|stats| stats.time_unix_ms),
        "rollout": registry.rollout().map(|rollout| rollout.status()),
        "state": stats.as_ref().and_then(|stats| stats.state.as_ref()).map(state),
        "pages": registry.pages().iter().map(|(sink, served)| page(sink, served)).collect::<Vec<_>>(),
        "components": stats.map(|stats| stats.components.iter().map(component).collect::<Vec<_>>()),
    })
}

fn page(sink: &str, served: &ServedPage) -> Value {
    json!({
        "sink": sink,
        "listen": served.listen().to_string(),
        "series": served.series(),
        "bytes": served.bytes(),
        "scrapes": served.scrapes(),
    })
}

fn state(stats: &Stats) -> Value {
    let space = |space: &SpaceStats| {
        json!({
            "transform": space.id.transform,
            "scope": space.id.scope,
            "keys": space.keys,
            "bytes": space.bytes,
            "since_unix_ms": space.since_ms,
            "written_unix_ms": space.written_ms,
        })
    };
    let error = match &stats.mode {
        StorageMode::Disk => None,
        StorageMode::Memory { reason } => Some(reason),
    };
    json!({
        "spaces": stats.spaces.iter().map(space).collect::<Vec<_>>(),
        "bytes": stats.bytes,
        "max_bytes": stats.max_bytes,
        "refused_ticks": stats.refused_ticks,
        "in_memory": error,
    })
}

fn component(component: &ComponentStats) -> Value {
    json!({
        "pipeline": component.pipeline,
        "slot": component.slot,
        "component": component.component,
        "batches": component.stats.batches,
        "failures": component.stats.failures.iter().sum::<u64>(),
        "fallbacks": component.stats.fallbacks,
        "last_error": component.stats.last_error,
        "since_unix_ms": component.since_unix_ms,
        "quarantined": component.quarantined,
        "down_batches": component.failed_batches,
        "versions": component.versions.iter().map(version).collect::<Vec<_>>(),
        "place": component.slot,
        "set_aside": component.quarantined,
    })
}

fn version(version: &SlotVersion) -> Value {
    json!({
        "origin": version.origin,
        "version": version.version,
        "sha256": Sha256(version.sha256).to_string(),
        "given_up": version.suspended,
        "retry_in_batches": version.retry_in,
    })
}
