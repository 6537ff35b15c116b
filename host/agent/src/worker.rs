//! The work of a tick: sample, pipelines, sinks.

use std::sync::Arc;
use std::time::Instant;

use insightd_collect::RootError;
use insightd_kubernetes::events::Recorder;
use insightd_sandbox::Stop;
use insights_sdk::Columns;

use crate::announce::Announcer;
use crate::complaint::Complaint;
use crate::config::Scope;
use crate::counters::Counters;
use crate::drive::{Work, replay_moments};
use crate::memory;
use crate::ops::{Board, Figures};
use crate::outcome::{Outcome, Totals};
use crate::pipeline::{self, Delivery, Permit, Pipeline};
use crate::rollout::{Exchange, Set, Sets};
use crate::schedule::Tick;
use crate::sinks::SinkSet;
use crate::source::{ClusterSource, Source};
use crate::states::States;

/// State of the tick loop; lives on the worker thread.
#[derive(Debug)]
pub struct Worker {
    node: Option<Source>,
    cluster: Option<ClusterSource>,
    sets: Sets,
    exchange: Option<Arc<Exchange>>,
    sinks: SinkSet,
    states: States,
    counters: Counters,
    reading: Complaint,
    board: Option<Arc<Board>>,
    announcer: Option<Announcer>,
    outcome: Outcome,
    stop: Stop,
}

/// A failure that ends the tick loop.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// No sink can take events any more.
    #[error("every sink is closed: there is no reader left for the events")]
    SinksClosed,
    /// A frame of a recording is missing.
    #[error(transparent)]
    Recording(#[from] RootError),
    /// A recording with fewer than two frames has no rates.
    #[error("the recording needs at least two frames; it has {0}")]
    TooFewMoments(usize),
}

impl Worker {
    /// Creates a worker that has not read anything yet; it samples the given sources.
    pub fn new(
        node: Option<Source>,
        cluster: Option<ClusterSource>,
        set: Set,
        sinks: SinkSet,
        states: States,
    ) -> Self {
        Self {
            node,
            cluster,
            sets: Sets::new(set),
            exchange: None,
            sinks,
            states,
            counters: Counters::default(),
            reading: Complaint::default(),
            board: None,
            announcer: None,
            outcome: Outcome::default(),
            stop: Stop::default(),
        }
    }

    /// Takes new bundles from `exchange` between two ticks, and publishes there the batches, chains and states for shadow runs.
    #[must_use]
    pub fn with_exchange(self, exchange: Arc<Exchange>) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    /// Publishes the stats of every tick to a registry.
    #[must_use]
    pub fn with_board(self, board: Arc<Board>) -> Self {
        Self { board: Some(board), ..self }
    }

    /// Reports to operators as Kubernetes Events through `recorder`.
    #[must_use]
    pub fn with_recorder(self, recorder: Option<Recorder>) -> Self {
        Self { announcer: recorder.map(Announcer::new), ..self }
    }

    /// Returns the cell that holds the totals after the run has ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    fn begin(&self) {
        if let Some(board) = &self.board {
            board.begin();
        }
    }

    fn publish(&self, time_unix_ms: u64) {
        if let Some(board) = &self.board {
            board.publish(Figures::of(
                time_unix_ms,
                &self.counters,
                self.pipelines(),
                &self.sinks,
                &self.states,
            ));
        }
    }

    fn sample_node(&mut self, time_unix_ms: u64) -> Option<Columns> {
        let sample = self.node.as_mut()?.sample(time_unix_ms);
        self.counters.sampled(sample.spread_us, sample.problems);
        self.counters.labels_left_out = sample.labels_left_out;
        self.counters.containers_without_cgroup = sample.containers_without_cgroup;
        if let Some(first) = sample.first_problem
            && let Some(kept_back) = self.reading.say(Instant::now())
        {
            let problems = sample.problems;
            tracing::warn!(first, problems, kept_back, "some values could not be read and are absent");
        }
        Some(sample.columns)
    }

    fn select_moment(&mut self, index: usize) -> Result<u64, RootError> {
        self.node.as_mut().map_or(Ok(0), |node| node.select_moment(index))
    }

    fn pipelines(&self) -> &[Pipeline] {
        &self.sets.running.pipelines
    }

    /// Installs a new bundle between two ticks if one is ready.
    fn take_set(&mut self, time_unix_ms: u64) {
        if let Some(set) = self.exchange.as_ref().and_then(|exchange| exchange.take()) {
            self.sets.swap(*set, time_unix_ms);
        }
    }

    /// Evaluates the probation of the running bundle after a tick, and publishes its state to the rollout thread.
    fn judge_set(&mut self, time_unix_ms: u64) {
        let Some(exchange) = &self.exchange else { return };
        if let Some(news) = self.sets.judge(time_unix_ms) {
            exchange.tell(news);
        }
        let limits = |sink| self.sinks.limits(sink);
        let chains = self.pipelines().iter().map(|pipeline| pipeline.chain(&limits)).collect();
        exchange.runs(self.sets.state(), chains, self.states.snapshots());
    }

    /// Runs the pipelines of one scope, and keeps the batch for shadow runs.
    fn run(&mut self, scope: Scope, batch: Columns, permit: Permit<'_>) {
        if let Some(exchange) = &self.exchange {
            exchange.keep(scope, &batch);
        }
        let pipelines = &mut self.sets.running.pipelines;
        let (sinks, counters, states) = (&mut self.sinks, &mut self.counters, &mut self.states);
        pipeline::run_scope(
            pipelines,
            scope,
            batch,
            permit,
            &mut Delivery { sinks, counters, states, stop: &self.stop },
        );
    }
}

impl Work for Worker {
    type Error = WorkError;

    fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn prime(&mut self) -> Result<(), WorkError> {
        self.begin();
        self.sample_node(0);
        memory::give_back();
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<(), WorkError> {
        let start = Instant::now();
        self.begin();
        self.take_set(tick.time_unix_ms);
        self.counters.ticks_left_out += tick.left_out;
        if tick.left_out > 0 {
            tracing::warn!(
                left_out = tick.left_out,
                "ticks skipped: the previous tick took too long, or the clock was changed"
            );
        }
        if let Some(batch) = self.sample_node(tick.time_unix_ms) {
            self.run(Scope::Node, batch, &|| true);
        }
        if let Some(cluster) = &mut self.cluster {
            let batch = cluster.sample(tick.time_unix_ms);
            let leadership = cluster.leadership().clone();
            match (batch, &self.exchange) {
                (Some(batch), _) => self.run(Scope::Cluster, batch, &|| leadership.is_leader()),
                // Leadership is lost: without this the last cluster batch would stay in memory for the life of the agent.
                (None, Some(exchange)) if !leadership.is_leader() => exchange.forget(Scope::Cluster),
                (None, _) => {}
            }
        }
        let open = self.sinks.end_tick(&mut self.counters);
        let sinks = &self.sinks;
        self.states.end_tick(tick.time_unix_ms, |sink| sinks.took(sink));
        self.counters.component_failures = self.pipelines().iter().map(Pipeline::failures).sum();
        let tick_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.ticked(tick.lateness_ms, tick_us);
        self.publish(tick.time_unix_ms);
        if let Some(announcer) = &mut self.announcer {
            announcer.look(&self.sets.running.pipelines, &self.counters);
        }
        self.judge_set(tick.time_unix_ms);
        let counters = &self.counters;
        tracing::debug!(
            time_unix_ms = tick.time_unix_ms,
            lateness_ms = tick.lateness_ms,
            tick_us,
            spread_us = counters.spread_us,
            events = counters.events,
            lost = counters.lost.total(),
            "tick"
        );
        memory::give_back();
        if open { Ok(()) } else { Err(WorkError::SinksClosed) }
    }

    fn replay(&mut self, once: bool) -> Result<(), WorkError> {
        let moments = self.node.as_ref().and_then(Source::moments).unwrap_or(0);
        if moments < 2 {
            return Err(WorkError::TooFewMoments(moments));
        }
        let moments = if once { 2 } else { moments };
        replay_moments(self, moments, |worker, index| Ok(worker.select_moment(index)?))
    }

    fn finish(&mut self) {
        self.sinks.finish(&mut self.counters);
        self.outcome.set(Totals { counters: self.counters.clone(), sinks: self.sinks.totals() });
    }
}
