//! Pipelines with their sinks, run batch by batch.

use std::collections::BTreeMap;

use insights_sdk::{Batch, Columns};

use crate::config::Scope;
use crate::counters::Counters;
use crate::pipeline::{self, Delivery, Pipeline};
use crate::sinks::SinkSet;
use crate::states::States;
use crate::worker::WorkError;

/// What a worker has without its sources.
#[derive(Debug)]
pub struct Chains {
    pipelines: Vec<Pipeline>,
    sinks: SinkSet,
    states: States,
    counters: Counters,
    /// Name of the cluster, over the one that was recorded.
    cluster_name: Option<String>,
    /// Batches that no pipeline is for, by scope.
    left_out: BTreeMap<String, u64>,
}

impl Chains {
    /// Chains that have not run.
    pub fn new(pipelines: Vec<Pipeline>, sinks: SinkSet) -> Self {
        let (states, counters) = (States::open(None), Counters::default());
        Self { pipelines, sinks, states, counters, cluster_name: None, left_out: BTreeMap::new() }
    }

    /// Gives every batch this name of the cluster, as the agent's sources do where the configuration has one.
    pub fn name_cluster(mut self, name: Option<&str>) -> Self {
        self.cluster_name = name.map(str::to_owned);
        self
    }

    /// Runs a batch through the pipelines of its scope; its events are with the sinks afterwards.
    ///
    /// # Errors
    /// No sink can be written to any more.
    pub fn run(&mut self, batch: Columns) -> Result<(), WorkError> {
        let scope = Scope::of(&batch.scope);
        let scope = scope.filter(|scope| self.pipelines.iter().any(|pipeline| pipeline.scope == *scope));
        let Some(scope) = scope else {
            *self.left_out.entry(batch.scope).or_default() += 1;
            return Ok(());
        };
        let batch = match &self.cluster_name {
            Some(name) => named(batch, name),
            None => batch,
        };
        let Self { pipelines, sinks, states, counters, .. } = self;
        let time_unix_ms = batch.time_unix_ms;
        pipeline::run_scope(
            pipelines,
            scope,
            batch,
            &|| true,
            &mut Delivery { sinks, counters, states, stop: &insightd_sandbox::Stop::default() },
        );
        // What a recording made is remembered from batch to batch, and forgotten at the end.
        states.end_tick(time_unix_ms, true);
        if sinks.end_tick(counters) { Ok(()) } else { Err(WorkError::SinksClosed) }
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Calls of components that failed.
    pub fn failures(&self) -> u64 {
        self.pipelines.iter().map(Pipeline::failures).sum()
    }

    /// What did not become events, one line each.
    pub fn notes(&self) -> Vec<String> {
        let left_out = self.left_out.iter();
        let mut notes: Vec<String> = left_out
            .map(|(scope, batches)| {
                format!("{batches} batches left out: no pipeline is for the scope `{scope}`")
            })
            .collect();
        let lost = self.counters.lost.by_cause();
        let lost = lost.iter().filter(|(_, events)| *events > 0);
        notes.extend(lost.map(|(cause, events)| format!("{events} events lost: {cause}")));
        notes
    }
}

/// Says to which cluster the node, or the cluster, of a batch belongs.
fn named(batch: Columns, name: &str) -> Columns {
    let batch = Batch::from_columns(batch);
    for kind in ["node", "cluster"] {
        for entity in batch.of_kind(kind) {
            // Nodes of a cluster's batch are its children.
            if entity.parent().is_none() {
                entity.set_attribute("cluster.name", name);
            }
        }
    }
    batch.into_columns()
}
