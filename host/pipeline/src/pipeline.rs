//! A pipeline: a chain of transforms over the batches of one scope, and its outputs.

use insightd_sandbox::Slot;
use insights_batch::Columns;

use crate::observe::{Location, Position};
use crate::output::{Delivery, Output, Permit};
use crate::spec::Scope;
use crate::stage::Stage;

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Name in logs and metrics.
    pub name: String,
    /// Scope of its batches.
    pub scope: Scope,
    /// Transforms, in the order in which they run.
    pub stages: Vec<Stage>,
    /// Outputs; each gets the result of the last stage.
    pub outputs: Vec<Output>,
}

/// A slot of a pipeline, with its number among the stages or the outputs.
#[derive(Clone, Copy, Debug)]
pub enum SlotRef<'a> {
    /// A stage and its number, from 1.
    Stage(usize, &'a Stage),
    /// An output and its number, from 1.
    Output(usize, &'a Output),
}

impl<'a> SlotRef<'a> {
    /// Returns the slot of the stage or of the output's formatter.
    pub fn slot(&self) -> &'a Slot {
        match self {
            Self::Stage(_, stage) => &stage.slot,
            Self::Output(_, output) => &output.formatter,
        }
    }
}

/// Runs the pipelines of one scope over a batch, see [`Pipeline::run`]. The last of them takes the batch without a copy.
pub fn run_scope(
    pipelines: &mut [Pipeline],
    scope: Scope,
    batch: Columns,
    permit: Permit<'_>,
    to: &mut Delivery<'_>,
) {
    let mut batch = Some(batch);
    let mut left = pipelines.iter().filter(|pipeline| pipeline.scope == scope).count();
    for pipeline in pipelines.iter_mut().filter(|pipeline| pipeline.scope == scope) {
        left -= 1;
        let Some(batch) = (if left == 0 { batch.take() } else { batch.clone() }) else { return };
        pipeline.run(batch, permit, to);
    }
}

impl Pipeline {
    /// Marks every stage and output as running since this tick unless already set.
    pub fn begin(&mut self, time_unix_ms: u64) {
        let slots = self.stages.iter_mut().map(|stage| &mut stage.slot);
        let slots = slots.chain(self.outputs.iter_mut().map(|output| &mut output.formatter));
        slots.filter(|slot| slot.since_unix_ms() == 0).for_each(|slot| slot.set_since(time_unix_ms));
    }

    /// Begins a tick for the estimates of its outputs ([`Output::estimate`]); without it, they cost nothing.
    pub fn begin_tick(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.meter.begin_tick());
    }

    /// Ends the tick for the estimates of its outputs.
    pub fn end_tick(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.meter.end_tick());
    }

    /// Replaces the pipeline of the same name in `before`: in each slot, the version that worked there becomes the fallback if the new
    /// version fails, and counters go on.
    pub fn replace(&mut self, before: &[Self]) {
        self.for_each_pair(before, Slot::replace);
    }

    /// Restores this pipeline after a rollback, keeping the counters of its replacement in `others`.
    pub fn restore(&mut self, others: &[Self]) {
        self.for_each_pair(others, Slot::continue_stats);
    }

    /// Calls `act` for each slot and the slot of the same component in the pipeline of the same name. Outputs must have the same sink too.
    fn for_each_pair(&mut self, others: &[Self], act: impl Fn(&mut Slot, &Slot)) {
        let Some(other) = others.iter().find(|other| other.name == self.name) else { return };
        let mut left: Vec<&Slot> = other.stages.iter().map(|stage| &stage.slot).collect();
        for stage in &mut self.stages {
            if let Some(index) = left.iter().position(|slot| is_same_slot(slot, &stage.slot)) {
                act(&mut stage.slot, left.remove(index));
            }
        }
        let mut left: Vec<&Output> = other.outputs.iter().collect();
        for output in &mut self.outputs {
            let is_same = |other: &&Output| {
                other.sink == output.sink && is_same_slot(&other.formatter, &output.formatter)
            };
            if let Some(index) = left.iter().position(is_same) {
                let other = left.remove(index);
                act(&mut output.formatter, &other.formatter);
                output.flow = other.flow;
            }
        }
    }

    /// Returns the first slot whose current version is given up.
    pub fn failed_slot(&self) -> Option<&Slot> {
        self.slots().map(|slot| slot.slot()).find(|slot| slot.has_failed())
    }

    /// Runs a batch through the stages and hands the result to the outputs. `permit` is called directly before each delivery; if it
    /// returns false, the events of that output are counted as lost.
    pub fn run(&mut self, mut batch: Columns, permit: Permit<'_>, to: &mut Delivery<'_>) {
        to.states.begin(&self.name);
        // One time budget for all slots: the output of a stage determines how long the later ones take.
        let Some(budget) = self.slots().next().map(|slot| slot.slot().budget(to.stop)) else { return };
        let stages = self.stages.len();
        for (number, stage) in (1..).zip(&mut self.stages) {
            let position = Position { pipeline: &self.name, number, is_last: number == stages };
            if let Some(observer) = to.observer {
                observer.batch(&Location::before(position, &stage.slot, false), &batch);
            }
            let Some(next) = stage.run(&self.name, batch, to.states, &budget) else {
                to.counters.batches_dropped += 1;
                return;
            };
            batch = next;
            if let Some(observer) = to.observer {
                observer.batch(&Location::before(position, &stage.slot, false).after(), &batch);
            }
        }
        for (number, output) in (1..).zip(&mut self.outputs) {
            let position = Position { pipeline: &self.name, number, is_last: stages == 0 && number == 1 };
            output.deliver(position, &batch, permit, to, &budget);
        }
    }

    /// Returns its slots in the order in which they run: stages, then outputs.
    pub fn slots(&self) -> impl Iterator<Item = SlotRef<'_>> {
        let stages = (1..).zip(&self.stages).map(|(number, stage)| SlotRef::Stage(number, stage));
        stages.chain((1..).zip(&self.outputs).map(|(number, output)| SlotRef::Output(number, output)))
    }

    /// Returns the number of failed component calls since the start.
    pub fn failures(&self) -> u64 {
        self.slots().flat_map(|slot| slot.slot().stats().failures).sum()
    }
}

/// Returns true if both slots have the same component, of any origin. Slots are named `PIPELINE/ORIGIN:COMPONENT`.
fn is_same_slot(a: &Slot, b: &Slot) -> bool {
    let name = |slot: &Slot| slot.name().rsplit(':').next().unwrap_or_default().to_owned();
    name(a) == name(b)
}
