//! The work of a tick: sample, pipelines, sinks.

use std::sync::Arc;
use std::time::Instant;

use insightd_collect::{OptionalFacts, RootError};
use insightd_kubernetes::events::EventRecorder;
use insightd_kubernetes::leader::Leadership;
use insightd_pipeline::bundle::{Bundle, Generation};
use insightd_pipeline::probation::Generations;
use insightd_pipeline::states::States;
use insightd_pipeline::{Delivery, LogThrottle, Permit, Pipeline, Scope, Sinks, run_scope};
use insightd_sandbox::Stop;
use insights_batch::Columns;

use crate::counters::Counters;
use crate::events::ComponentEvents;
use crate::memory;
use crate::ops::{StatusRegistry, TickStats};
use crate::outcome::{Outcome, Totals};
use crate::rollout::{Capture, RolloutHandle};
use crate::runtime::{TickHandler, replay_frames};
use crate::schedule::Tick;
use crate::sinks::SinkSet;
use crate::sources::{HostReading, Sources};
use crate::tap::Tap;

/// State of the tick loop; lives on the worker thread.
#[derive(Debug)]
pub struct Worker {
    sources: Sources,
    generations: Generations,
    /// The generation whose optional facts the sources read.
    wanted: Option<Generation>,
    rollout: Option<Arc<RolloutHandle>>,
    /// The capture that the rollout thread requested, while its tick runs.
    capture: Option<Capture>,
    sinks: SinkSet,
    states: States,
    counters: Counters,
    unreadable: LogThrottle,
    registry: Option<Arc<StatusRegistry>>,
    component_events: Option<ComponentEvents>,
    tap: Option<Arc<Tap>>,
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
    TooFewFrames(usize),
}

impl Worker {
    /// Creates a worker that has not read anything yet; it samples the given sources.
    pub fn new(sources: Sources, bundle: Bundle, sinks: SinkSet, states: States) -> Self {
        Self {
            sources,
            generations: Generations::new(bundle),
            wanted: None,
            rollout: None,
            capture: None,
            sinks,
            states,
            counters: Counters::default(),
            unreadable: LogThrottle::default(),
            registry: None,
            component_events: None,
            tap: None,
            outcome: Outcome::default(),
            stop: Stop::default(),
        }
    }

    /// Takes new bundles from `rollout` between two ticks, and publishes there the status of the running bundle and what a shadow run needs.
    #[must_use]
    pub fn with_rollout(self, rollout: Arc<RolloutHandle>) -> Self {
        Self { rollout: Some(rollout), ..self }
    }

    /// Publishes the stats of every tick to a registry.
    #[must_use]
    pub fn with_registry(self, registry: Arc<StatusRegistry>) -> Self {
        Self { registry: Some(registry), ..self }
    }

    /// Reports to operators as Kubernetes Events through `recorder`.
    #[must_use]
    pub fn with_recorder(self, recorder: Option<EventRecorder>) -> Self {
        Self { component_events: recorder.map(ComponentEvents::new), ..self }
    }

    /// Shows what passes through the pipelines to the listeners of a tap.
    #[must_use]
    pub fn with_tap(self, tap: Arc<Tap>) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Returns the cell that holds the totals after the run has ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    fn begin(&self) {
        if let Some(registry) = &self.registry {
            registry.begin();
        }
    }

    fn publish(&self, time_unix_ms: u64) {
        if let Some(registry) = &self.registry {
            registry.publish(TickStats::collect(
                time_unix_ms,
                registry.interval(),
                &self.counters,
                self.pipelines(),
                &self.sinks,
                &self.states,
            ));
        }
    }

    /// Samples every source, and runs the pipelines on each batch.
    fn run_sources(&mut self, time_unix_ms: u64) {
        // taken out to allow calls of `&mut self` methods beside it
        let mut sources = std::mem::take(&mut self.sources);
        for source in sources.iter_mut() {
            let (scope, leadership) = (source.scope(), source.leadership().cloned());
            let permit = || leadership.as_ref().is_none_or(Leadership::is_leader);
            source.sample(time_unix_ms, &mut |sample| {
                if let Some(reading) = sample.reading {
                    self.count(reading);
                }
                self.run(scope, sample.columns, &permit);
            });
        }
        self.sources = sources;
    }

    /// Counts what could not be read.
    fn count(&mut self, reading: HostReading) {
        self.counters.sampled(reading.spread_us, reading.problems);
        self.counters.labels_left_out = reading.labels_left_out;
        self.counters.containers_without_cgroup = reading.containers_without_cgroup;
        if let Some(first) = reading.first_problem
            && let Some(suppressed) = self.unreadable.record(Instant::now())
        {
            let problems = reading.problems;
            tracing::warn!(first, problems, suppressed, "some values could not be read and are absent");
        }
    }

    /// Tells the sources which optional facts the running bundle needs, if it is another one than before.
    fn want(&mut self) {
        let running = &self.generations.running;
        if self.wanted == Some(running.id) {
            return;
        }
        self.sources.want(|scope| OptionalFacts::from_reads(running.reads(scope)));
        self.wanted = Some(running.id);
    }

    fn pipelines(&self) -> &[Pipeline] {
        &self.generations.running.pipelines
    }

    /// Installs a new bundle between two ticks if one is ready, and begins a capture if one is requested.
    fn begin_rollout(&mut self, time_unix_ms: u64) {
        let Some(rollout) = &self.rollout else { return };
        if let Some(bundle) = rollout.take() {
            self.generations.swap(*bundle, time_unix_ms);
        }
        self.capture = rollout.is_capture_requested().then(Capture::default);
    }

    /// Evaluates the probation of the running bundle after a tick, publishes its state to the rollout thread, and hands over the capture.
    fn end_rollout(&mut self, time_unix_ms: u64) {
        let Some(rollout) = &self.rollout else { return };
        if let Some(event) = self.generations.end_tick(time_unix_ms) {
            rollout.send(event);
        }
        rollout.set_running(self.generations.status());
        if let Some(capture) = self.capture.take() {
            let limits = |sink| self.sinks.limits(sink);
            let chains = self.pipelines().iter().map(|pipeline| pipeline.chain(&limits)).collect();
            rollout.hand_over(Capture { chains, states: self.states.snapshots(), ..capture });
        }
    }

    /// Runs the pipelines of one scope.
    fn run(&mut self, scope: Scope, batch: Columns, permit: Permit<'_>) {
        if let Some(capture) = &mut self.capture {
            capture.add(scope, &batch);
        }
        let pipelines = &mut self.generations.running.pipelines;
        let counters = &mut self.counters.pipelines;
        let (sinks, states, stop) = (&mut self.sinks, &mut self.states, &self.stop);
        let observer = self.tap.as_ref().and_then(|tap| tap.observer());
        run_scope(pipelines, scope, batch, permit, &mut Delivery { sinks, counters, states, stop, observer });
    }
}

impl TickHandler for Worker {
    type Error = WorkError;

    fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn prime(&mut self) -> Result<(), WorkError> {
        self.begin();
        self.want();
        self.sources.prime();
        memory::give_back();
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<(), WorkError> {
        let start = Instant::now();
        self.begin();
        self.begin_rollout(tick.time_unix_ms);
        self.want();
        self.counters.ticks_left_out += tick.left_out;
        if tick.left_out > 0 {
            tracing::warn!(
                left_out = tick.left_out,
                "ticks skipped: the previous tick took too long, or the clock was changed"
            );
        }
        self.generations.running.pipelines.iter_mut().for_each(Pipeline::begin_tick);
        self.run_sources(tick.time_unix_ms);
        self.generations.running.pipelines.iter_mut().for_each(Pipeline::end_tick);
        let is_open = self.sinks.end_tick();
        self.counters.sinks = self.sinks.counters();
        let sinks = &self.sinks;
        self.states.end_tick(tick.time_unix_ms, |sink| sinks.accepted(sink));
        self.counters.component_failures = self.pipelines().iter().map(Pipeline::failures).sum();
        let tick_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.ticked(tick.lateness_ms, tick_us);
        self.publish(tick.time_unix_ms);
        if let Some(tap) = &self.tap {
            tap.end_tick(tick.time_unix_ms);
        }
        if let Some(component_events) = &mut self.component_events {
            component_events.update(&self.generations.running.pipelines, &self.counters);
        }
        self.end_rollout(tick.time_unix_ms);
        let counters = &self.counters;
        tracing::debug!(
            time_unix_ms = tick.time_unix_ms,
            lateness_ms = tick.lateness_ms,
            tick_us,
            spread_us = counters.spread_us,
            events = counters.sinks.events,
            lost = counters.lost().total(),
            "tick"
        );
        memory::give_back();
        if is_open { Ok(()) } else { Err(WorkError::SinksClosed) }
    }

    fn replay(&mut self, once: bool) -> Result<(), WorkError> {
        let frames = self.sources.frames().unwrap_or(0);
        if frames < 2 {
            return Err(WorkError::TooFewFrames(frames));
        }
        let frames = if once { 2 } else { frames };
        replay_frames(self, frames, |worker, index| Ok(worker.sources.select_frame(index)?))
    }

    fn finish(&mut self) {
        self.sinks.finish();
        self.counters.sinks = self.sinks.counters();
        self.outcome.set(Totals { counters: self.counters.clone(), sinks: self.sinks.totals() });
    }
}

#[cfg(test)]
mod tests;
