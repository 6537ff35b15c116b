//! Pipelines with their sinks, run batch by batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use insights_batch::state::Space;
use insights_batch::{Batch, Columns, Limits};

use insightd::counters::{Counters as TickCounters, SinkCounters};
use insightd::ops::{ComponentStats, TickStats};
use insightd::sinks::SinkSet;
use insightd::worker::WorkError;
use insightd_pipeline::Scope;
use insightd_pipeline::shadow::Chain;
use insightd_pipeline::states::{Snapshot, States};
use insightd_pipeline::{Counters, Delivery, Lost, Pipeline, Sinks, SlotRef, run_scope};

/// The parts of a worker without its sources.
#[derive(Debug)]
pub(crate) struct Chains {
    pipelines: Vec<Pipeline>,
    sinks: SinkSet,
    states: States,
    counters: Counters,
    /// Name of the cluster; it replaces the recorded one.
    cluster_name: Option<String>,
    /// Number of batches without a pipeline, by scope.
    left_out: BTreeMap<String, u64>,
}

/// The slot of a component: its pipeline, and the number of stages before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pipeline: usize,
    stages_before: usize,
    /// Index of the output, from 0; `None` for a stage.
    output: Option<usize>,
}

/// The input of a component.
#[derive(Debug)]
pub(super) struct SlotInput {
    /// Name of the slot, as in `insightd status`.
    pub(super) slot: String,
    /// The batch.
    pub(super) batch: Columns,
    /// The configuration of the component.
    pub(super) config: String,
    /// The state of the component after the previous batches.
    pub(super) state: Arc<Space>,
    /// For a formatter, the limits of its sink.
    pub(super) limits: Option<Limits>,
}

impl Chains {
    /// Creates chains with empty state.
    pub(crate) fn new(pipelines: Vec<Pipeline>, sinks: SinkSet) -> Self {
        let (states, counters) = (States::open(None), Counters::default());
        Self { pipelines, sinks, states, counters, cluster_name: None, left_out: BTreeMap::new() }
    }

    /// Sets the cluster name of every batch, as the agent's sources do if the configuration contains one.
    pub(crate) fn name_cluster(mut self, name: Option<&str>) -> Self {
        self.cluster_name = name.map(str::to_owned);
        self
    }

    /// Runs a batch through the pipelines of its scope, and hands the events to the sinks before it returns.
    ///
    /// # Errors
    /// [`WorkError::SinksClosed`] if no sink can be written to any more.
    pub(crate) fn run(&mut self, batch: Columns) -> Result<(), WorkError> {
        let scope = Scope::from_name(&batch.scope);
        let scope = scope.filter(|scope| self.pipelines.iter().any(|pipeline| pipeline.scope == *scope));
        let Some(scope) = scope else {
            *self.left_out.entry(batch.scope).or_default() += 1;
            return Ok(());
        };
        let batch = self.with_name(batch);
        let Self { pipelines, sinks, states, counters, .. } = self;
        let time_unix_ms = batch.time_unix_ms;
        run_scope(
            pipelines,
            scope,
            batch,
            &|| true,
            &mut Delivery {
                sinks,
                counters,
                states,
                stop: &insightd_sandbox::Stop::default(),
                observer: None,
            },
        );
        // State created by a recording lasts from batch to batch, and is dropped at the end.
        states.end_tick(time_unix_ms, |_| true);
        if sinks.end_tick() { Ok(()) } else { Err(WorkError::SinksClosed) }
    }

    fn with_name(&self, batch: Columns) -> Columns {
        match &self.cluster_name {
            Some(name) => named(batch, name),
            None => batch,
        }
    }

    /// Finds the slots that a text may denote: by component (`utilization`, `builtin:utilization`,
    /// `node/builtin:utilization`) or by number (`transform-2`, `output-1`, `node/transform-2`). Returns each with its display name.
    ///
    /// # Errors
    /// Returns the error text if nothing matches; it lists the known slots.
    pub(super) fn find(&self, wanted: &str) -> Result<Vec<(Position, String)>, String> {
        let mut found = Vec::new();
        let mut known = Vec::new();
        for (index, pipeline) in self.pipelines.iter().enumerate() {
            for slot in pipeline.slots() {
                let (number, stages_before, output) = match slot {
                    SlotRef::Stage(number, _) => (format!("transform-{number}"), number - 1, None),
                    SlotRef::Output(number, _) => {
                        (format!("output-{number}"), pipeline.stages.len(), Some(number - 1))
                    }
                };
                let name = slot.slot().name();
                let component = name.strip_prefix(&*pipeline.name).and_then(|rest| rest.strip_prefix('/'));
                let component = component.unwrap_or(name);
                let bare = component.split_once(':').map_or(component, |(_, bare)| bare);
                let within = format!("{}/{number}", pipeline.name);
                if [name, component, bare, &number, &within].contains(&wanted) {
                    found.push((
                        Position { pipeline: index, stages_before, output },
                        format!("{name} ({within})"),
                    ));
                }
                known.push(format!("{name} ({within})"));
            }
        }
        if found.is_empty() {
            return Err(format!("--until {wanted}: no such component; known: {}", known.join(", ")));
        }
        Ok(found)
    }

    /// Returns true if the pipeline of a slot takes batches of this scope.
    pub(super) fn is_for(&self, position: Position, batch: &Columns) -> bool {
        let pipeline = self.pipelines.get(position.pipeline);
        pipeline.is_some_and(|pipeline| Scope::from_name(&batch.scope) == Some(pipeline.scope))
    }

    /// Returns the input of a slot: runs a batch through the stages before it. The stages see their state as of the last
    /// batch of [`run`](Self::run); it is not modified.
    ///
    /// # Errors
    /// A stage before the slot fails or ends the batch, or the component was disabled after earlier failures.
    pub(super) fn input_of(&self, position: Position, batch: Columns) -> anyhow::Result<SlotInput> {
        let batch = self.with_name(batch);
        let states = self.states.snapshots();
        let Some(pipeline) = self.pipelines.get(position.pipeline) else { bail!("no such pipeline") };
        let chain = pipeline.chain(&|sink| self.sinks.limits(sink));
        let batch = through(&chain, position.stages_before, batch, &states)?;
        let (slot, component, grant, limits) =
            match position.output.and_then(|number| chain.outputs.get(number)) {
                Some(output) => (&output.slot, &output.component, &output.grant, Some(output.limits)),
                None => match chain.stages.get(position.stages_before) {
                    Some(stage) => (&stage.slot, &stage.component, &stage.grant, None),
                    None => bail!("no such component"),
                },
            };
        let Some((_, config)) = component else {
            bail!("{slot} was disabled after failures; see the messages above");
        };
        let state = grant.as_ref().map(|grant| grant.shadow(&batch, &states).space).unwrap_or_default();
        Ok(SlotInput { slot: slot.clone(), config: config.clone(), state, limits, batch })
    }

    /// Returns a batch after the last transform of the first pipeline of its scope, with the name of the pipeline; `None` if no
    /// pipeline has this scope. The stages see their state as for [`input_of`](Self::input_of).
    ///
    /// # Errors
    /// A stage fails or ends the batch.
    pub(crate) fn transformed(&self, batch: Columns) -> Option<(String, anyhow::Result<Columns>)> {
        let scope = Scope::from_name(&batch.scope)?;
        let pipeline = self.pipelines.iter().find(|pipeline| pipeline.scope == scope)?;
        let chain = pipeline.chain(&|sink| self.sinks.limits(sink));
        let batch = self.with_name(batch);
        let states = self.states.snapshots();
        Some((pipeline.name.clone(), through(&chain, usize::MAX, batch, &states)))
    }

    /// Returns the stats of all stages and outputs.
    pub(crate) fn stages(&self, time_unix_ms: u64) -> Vec<ComponentStats> {
        let Self { pipelines, sinks, states, .. } = self;
        TickStats::collect(time_unix_ms, Duration::ZERO, &TickCounters::default(), pipelines, sinks, states)
            .components
    }

    /// Returns the counters of the sinks.
    pub(crate) fn delivered(&self) -> SinkCounters {
        self.sinks.counters()
    }

    /// Returns the lost events, by cause.
    pub(crate) fn lost(&self) -> Lost {
        let mut lost = self.counters.lost;
        lost.sink += self.sinks.counters().lost;
        lost
    }

    /// Returns the number of component calls that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.pipelines.iter().map(Pipeline::failures).sum()
    }

    /// Describes the batches and events that were left out or lost, one line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let left_out = self.left_out.iter();
        let mut notes: Vec<String> = left_out
            .map(|(scope, batches)| format!("{batches} batches skipped: no pipeline has the scope `{scope}`"))
            .collect();
        let lost = self.lost().by_cause();
        let lost = lost.iter().filter(|(_, events)| *events > 0);
        notes.extend(lost.map(|(cause, events)| format!("{events} events lost: {cause}")));
        notes
    }
}

/// Runs a batch through the first stages of a chain, on copies of their state.
fn through(chain: &Chain, stages: usize, mut batch: Columns, states: &[Snapshot]) -> anyhow::Result<Columns> {
    for stage in chain.stages.iter().take(stages) {
        let Some((component, config)) = &stage.component else { continue };
        let state = stage.grant.as_ref().map(|grant| grant.shadow(&batch, states));
        match component.process_with(config, &batch, state.as_ref()) {
            Ok((next, _)) => batch = next,
            Err(error) => bail!("{} failed on this batch: {error}", stage.slot),
        }
    }
    Ok(batch)
}

/// Sets the cluster name of the node or cluster entity of a batch.
fn named(batch: Columns, name: &str) -> Columns {
    let batch = Batch::from_columns(batch);
    for kind in ["node", "cluster"] {
        for entity in batch.of_kind(kind) {
            // The nodes in a cluster batch are children of the cluster.
            if entity.parent().is_none() {
                entity.set_attribute("cluster.name", name);
            }
        }
    }
    batch.into_columns()
}
