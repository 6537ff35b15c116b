//! Shadow runs: runs a new bundle and the running one over the same batches, and compares the results.
//!
//! A trap shows at once; wrong numbers do not. Without knowing what the numbers mean, the number of events, their size and their names can
//! be compared: the members of JSON events that are numbers. No event of a shadow run is delivered.

mod bounds;
mod compare;
mod numbers;

use std::collections::BTreeSet;
use std::time::Duration;

use insightd_sandbox::{CallError, Component, OnFailure, Slot};
use insights_batch::{Columns, Limits, Payloads};

pub use bounds::Bounds;
pub use compare::BoundsViolation;
pub use numbers::declared;

use crate::filter::{Quota, filter};
use crate::pipeline::Pipeline;
use crate::route::{Grants, Refusal};
use crate::series::add_series;
use crate::spec::Scope;
use crate::states::{Grant, Snapshot};
use numbers::Numbers;

/// Maximum number of runs, of which the least CPU time counts.
const RUNS: u32 = 3;

/// Components in effect in a pipeline, without its counters.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Name of the pipeline.
    pub name: String,
    /// Scope of its batches.
    pub scope: Scope,
    /// Transforms, in the order in which they run.
    pub stages: Vec<Stage>,
    /// Outputs; each gets the result of the last stage.
    pub outputs: Vec<Output>,
    /// Parts of the batch that slots have quarantined, because their component fails on them.
    pub quarantined: Vec<String>,
}

/// A transform in a shadow run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name of its slot.
    pub slot: String,
    /// Component and its configuration; `None` if all versions are given up.
    pub component: Option<(Component, String)>,
    /// Grant to keep state.
    pub grant: Option<Grant>,
    /// Behavior on failure.
    pub on_failure: OnFailure,
}

/// An output in a shadow run.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name of the slot of its formatter.
    pub slot: String,
    /// Formatter and its configuration; `None` if all versions are given up.
    pub component: Option<(Component, String)>,
    /// Grant to keep state.
    pub grant: Option<Grant>,
    /// Limits of the sink.
    pub limits: Limits,
    /// Granted routes.
    pub grants: Grants,
    /// Maximum bytes and routes per tick.
    pub quota: Quota,
}

/// Result of a shadow run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowResult {
    /// Events that would have been delivered.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Names of numeric members in events.
    pub metrics: BTreeSet<String>,
    /// Metric names declared by directives in events.
    pub declared: BTreeSet<String>,
    /// Hashes of the series that directives make.
    pub series: BTreeSet<u64>,
    /// Number of events that the output filters would have dropped, and the reason of the last output that dropped any.
    pub rejected: (u64, String),
    /// `true` if that reason is a route without a key: part of its destination is missing in the data.
    pub lacks_key: bool,
    /// CPU time of all calls.
    pub cpu: Duration,
    /// Slots that failed, with the error text.
    pub failed: Vec<(String, String)>,
}

/// Runs chains over the batch of their scope. Skips scopes without a batch. State starts as in `states`, and its changes are
/// discarded.
pub fn run(chains: &[Chain], batches: &[(Scope, &Columns)], states: &[Snapshot]) -> ShadowResult {
    let mut outcome = ShadowResult::default();
    for chain in chains {
        if let Some((_, batch)) = batches.iter().find(|(scope, _)| *scope == chain.scope) {
            chain.run(batch, states, &mut outcome);
        }
    }
    outcome
}

/// Runs a new bundle and the running one, see [`run`]. If the new one seems to use too much CPU time, runs both again, up to three times
/// in all, and takes the least time of each: other load on the machine only adds to it.
pub fn run_both(
    new: &[Chain],
    running: &[Chain],
    batches: &[(Scope, &Columns)],
    states: &[Snapshot],
    bounds: &Bounds,
) -> (ShadowResult, ShadowResult) {
    let once = || (run(new, batches, states), run(running, batches, states));
    let (mut made, mut before) = once();
    for _ in 1..RUNS {
        if made.check_cpu(&before, bounds).is_ok() {
            break;
        }
        let (again, again_before) = once();
        made.cpu = made.cpu.min(again.cpu);
        before.cpu = before.cpu.min(again_before.cpu);
    }
    (made, before)
}

/// Returns the CPU time of the calling thread.
fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Pipeline {
    /// Returns the components that are in effect now, for a shadow run.
    pub fn chain(&self, limits: &dyn Fn(usize) -> insights_batch::Limits) -> Chain {
        let component =
            |slot: &Slot| slot.effective().map(|(component, config)| (component.clone(), config.to_owned()));
        let stage = |stage: &crate::Stage| Stage {
            slot: stage.slot.name().to_owned(),
            component: component(&stage.slot),
            grant: stage.grant.clone(),
            on_failure: stage.slot.config().on_failure,
        };
        let output = |output: &crate::Output| Output {
            slot: output.formatter.name().to_owned(),
            component: component(&output.formatter),
            grant: output.grant.clone(),
            limits: limits(output.sink),
            grants: output.grants.clone(),
            quota: output.quota,
        };
        Chain {
            name: self.name.clone(),
            scope: self.scope,
            stages: self.stages.iter().map(stage).collect(),
            outputs: self.outputs.iter().map(output).collect(),
            quarantined: self.slots().flat_map(|slot| slot.slot().quarantined()).map(str::to_owned).collect(),
        }
    }
}

impl Chain {
    fn run(&self, batch: &Columns, states: &[Snapshot], outcome: &mut ShadowResult) {
        let mut batch = std::borrow::Cow::Borrowed(batch);
        for stage in &self.stages {
            let Some((component, config)) = &stage.component else { continue };
            let state = stage.grant.as_ref().map(|grant| grant.shadow(&batch, states));
            let begun = thread_cpu_time();
            let result = component.process_with(config, &batch, state.as_ref());
            outcome.cpu += thread_cpu_time().saturating_sub(begun);
            match result {
                Ok((next, _)) => batch = std::borrow::Cow::Owned(next),
                Err(error) => {
                    outcome.fail(&stage.slot, &error);
                    if stage.on_failure == OnFailure::Drop {
                        return;
                    }
                }
            }
        }
        for output in &self.outputs {
            let Some((component, config)) = &output.component else { continue };
            let state = output.grant.as_ref().map(|grant| grant.shadow(&batch, states));
            let begun = thread_cpu_time();
            let result = component.format_with(config, &batch, &output.limits, state.as_ref());
            outcome.cpu += thread_cpu_time().saturating_sub(begun);
            match result {
                Ok((payloads, _)) => outcome.add(&payloads, output),
                Err(error) => outcome.fail(&output.slot, &error),
            }
        }
    }
}

impl ShadowResult {
    fn fail(&mut self, slot: &str, error: &CallError) {
        self.failed.push((slot.to_owned(), error.to_string()));
    }

    fn add(&mut self, payloads: &Payloads, output: &Output) {
        let (events, rejected) = filter(payloads, &output.grants, output.quota);
        if rejected.any() {
            self.lacks_key = matches!(rejected.refusal, Some(Refusal::Missing(_)));
            let why = rejected.refusal.map(|refusal| refusal.to_string());
            self.rejected.0 += rejected.lost.total();
            self.rejected.1 = why.unwrap_or_else(|| "over the output's byte or route quota".into());
        }
        for event in events {
            self.events += 1;
            self.bytes += event.bytes.len() as u64;
            // Only JSON events have names to compare.
            let Ok(names) = serde_json::from_slice::<Numbers<'_>>(event.bytes) else { continue };
            for name in names.members {
                if !self.metrics.contains(&*name) {
                    self.metrics.insert(name.into_owned());
                }
            }
            if !names.declared.is_empty()
                && let Ok(event) = serde_json::from_slice(event.bytes)
            {
                add_series(&event, &mut self.series);
            }
            self.declared.extend(names.declared);
        }
    }
}

#[cfg(test)]
mod tests;
