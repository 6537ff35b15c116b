//! Tick stats: the data that the worker thread publishes after each tick.

use std::time::Duration;

use insightd_pipeline::states::States;
use insightd_pipeline::{Estimate, Flow, Pipeline, SlotRef};
use insightd_sandbox::SlotStats;
use insightd_state::Stats;

use crate::counters::Counters;
use crate::sinks::SinkSet;

/// Stats of the agent after a tick.
#[derive(Clone, Debug, Default)]
pub struct TickStats {
    /// Time of the tick.
    pub time_unix_ms: u64,
    /// Counters over all pipelines.
    pub counters: Counters,
    /// Stats of every slot.
    pub components: Vec<ComponentStats>,
    /// Stats of every output.
    pub outputs: Vec<OutputStats>,
    /// Stats of every open sink.
    pub sinks: Vec<SinkStats>,
    /// Stats of the state store.
    pub state: Option<Stats>,
}

/// Stats of a slot.
#[derive(Clone, Debug)]
pub struct ComponentStats {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the slot, `transform-1` or `output-1`: two slots may have the same component.
    pub slot: String,
    /// Name of the component as in the configuration: `builtin:decorate`.
    pub component: String,
    /// Counters of the slot.
    pub stats: SlotStats,
    /// Quarantined parts of batches.
    pub quarantined: Vec<String>,
    /// Time of the tick since which the current version is in the slot.
    pub since_unix_ms: u64,
    /// Consecutive batches for which no version worked.
    pub failed_batches: u64,
    /// Versions in the order in which they are tried.
    pub versions: Vec<SlotVersion>,
}

/// Stats of one version of a component.
#[derive(Clone, Debug)]
pub struct SlotVersion {
    /// `current`, `last-good` or `builtin`.
    pub origin: &'static str,
    /// Version that the component reports.
    pub version: String,
    /// SHA-256 of its WebAssembly.
    pub sha256: [u8; 32],
    /// `true` while it is given up.
    pub suspended: bool,
    /// Batches until the next attempt if it is given up.
    pub retry_in: Option<u64>,
}

/// Stats of an output of a pipeline.
#[derive(Clone, Debug)]
pub struct OutputStats {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the slot of its formatter.
    pub slot: String,
    /// Name of its sink.
    pub sink: String,
    /// Counts of events delivered and lost.
    pub flow: Flow,
    /// Estimate of what it sends a day; `None` before its first tick has ended.
    pub estimate: Option<Estimate>,
}

/// Stats of a sink.
#[derive(Clone, Debug)]
pub struct SinkStats {
    /// Name of the sink.
    pub name: String,
    /// Counts of events accepted and lost.
    pub flow: Flow,
}

impl TickStats {
    /// Collects the stats of these parts of the agent; ticks come at `interval`.
    pub fn collect(
        time_unix_ms: u64,
        interval: Duration,
        counters: &Counters,
        pipelines: &[Pipeline],
        sinks: &SinkSet,
        states: &States,
    ) -> Self {
        let (counters, state) = (counters.clone(), Some(states.stats()));
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let mut stats = Self { time_unix_ms, counters, state, ..Self::default() };
        for pipeline in pipelines {
            for slot in pipeline.slots() {
                let name = slot_name(slot);
                if let SlotRef::Output(_, output) = slot {
                    stats.outputs.push(OutputStats {
                        pipeline: pipeline.name.clone(),
                        slot: name.clone(),
                        sink: sinks.name(output.sink()).to_owned(),
                        flow: output.flow(),
                        estimate: output.estimate(interval_ms),
                    });
                }
                stats.components.push(component(&pipeline.name, name, slot));
            }
        }
        let sink = |(name, flow): (&str, Flow)| SinkStats { name: name.to_owned(), flow };
        stats.sinks = sinks.flows().map(sink).collect();
        stats
    }
}

fn slot_name(slot: SlotRef<'_>) -> String {
    match slot {
        SlotRef::Stage(number, _) => format!("transform-{number}"),
        SlotRef::Output(number, _) => format!("output-{number}"),
    }
}

fn component(pipeline: &str, slot_name: String, at: SlotRef<'_>) -> ComponentStats {
    let slot = at.slot();
    // Slots are named `PIPELINE/COMPONENT`, with the component as in the configuration.
    let name = slot.name().strip_prefix(pipeline).and_then(|name| name.strip_prefix('/'));
    let version = |version: insightd_sandbox::VersionStats<'_>| SlotVersion {
        origin: version.origin.as_str(),
        version: version.component.description().version.clone(),
        sha256: *version.component.sha256(),
        suspended: version.suspended,
        retry_in: version.retry_in,
    };
    ComponentStats {
        pipeline: pipeline.to_owned(),
        slot: slot_name,
        component: name.unwrap_or(slot.name()).to_owned(),
        stats: slot.stats().clone(),
        quarantined: slot.quarantined().map(str::to_owned).collect(),
        since_unix_ms: slot.since_unix_ms(),
        failed_batches: slot.failed_batches(),
        versions: slot.versions().map(version).collect(),
    }
}
