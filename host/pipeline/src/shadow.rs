//! Shadow runs: runs a new bundle and the running one over the same last batches, and compares the results.
//!
//! A trap shows at once; wrong numbers do not. Without knowing what the numbers mean, the number of events, their size and their names can
//! be compared: the members of JSON events that are numbers. No event of a shadow run is delivered.

use std::collections::BTreeSet;
use std::time::Duration;

use insightd_sandbox::{CallError, Component, OnFailure};
use insights_sdk::{Columns, Limits, Payloads};

use crate::config::{Bounds, Scope};
use crate::gate::{self, Quota};
use crate::rollout::numbers::Numbers;
use crate::routes::{Grants, Refusal};
use crate::states::{Grant, Snapshot};

/// CPU time per batch that a new bundle may always use in addition to the running one: smaller differences are noise.
const CPU_FLOOR: Duration = Duration::from_millis(100);
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
    pub aside: Vec<String>,
}

/// A transform in a shadow run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name of its slot.
    pub place: String,
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
    pub place: String,
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
pub struct Yield {
    /// Events that would have been delivered.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Names of numeric members in events.
    pub metrics: BTreeSet<String>,
    /// Metric names declared by directives in events.
    pub declared: BTreeSet<String>,
    /// Number of events that the output filters would have dropped, and the reason of the last output that dropped any.
    pub kept_back: (u64, String),
    /// `true` if that reason is a route without a key: part of its destination is missing in the data.
    pub lacks_key: bool,
    /// CPU time of all calls.
    pub cpu: Duration,
    /// Slots that failed, with the error text.
    pub failed: Vec<(String, String)>,
}

/// A bounds violation, because of which a new bundle is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Apart {
    /// A component fails that does not fail in the running bundle.
    #[error("{place} fails on the last batch: {error}")]
    Failed {
        /// Name of the slot.
        place: String,
        /// Error text.
        error: String,
    },
    /// The output filters would drop more events.
    #[error("{events} events would be dropped by the output filter: {why}")]
    KeptBack {
        /// Number of events dropped.
        events: u64,
        /// Reason of the last output that dropped any.
        why: String,
    },
    /// The components use too much CPU time.
    #[error(
        "CPU time of a batch: {} ms instead of {} ms, beyond `rollout.bounds.cpu_more`",
        new.as_millis(),
        old.as_millis()
    )]
    Cpu {
        /// CPU time of the running bundle.
        old: Duration,
        /// CPU time of the new bundle.
        new: Duration,
    },
    /// A count changed by more than its bound.
    #[error("{what}: {new} instead of {old}, beyond `rollout.bounds.{bound}`{examples}")]
    Beyond {
        /// Name of the count.
        what: &'static str,
        /// Count of the running bundle.
        old: u64,
        /// Count of the new bundle.
        new: u64,
        /// Configuration key of the bound.
        bound: &'static str,
        /// Some of the names that changed, if names are counted.
        examples: String,
    },
}

/// Runs chains over the last batch of their scope. Skips scopes without a batch. State starts as in `states`, and its changes are
/// discarded.
pub fn run(chains: &[Chain], batches: &[(Scope, &Columns)], states: &[Snapshot]) -> Yield {
    let mut outcome = Yield::default();
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
) -> (Yield, Yield) {
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

impl Chain {
    fn run(&self, batch: &Columns, states: &[Snapshot], outcome: &mut Yield) {
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
                    outcome.fail(&stage.place, &error);
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
                Err(error) => outcome.fail(&output.place, &error),
            }
        }
    }
}

impl Yield {
    fn fail(&mut self, place: &str, error: &CallError) {
        self.failed.push((place.to_owned(), error.to_string()));
    }

    fn add(&mut self, payloads: &Payloads, output: &Output) {
        let (events, kept_back) = gate::admit(payloads, &output.grants, output.quota);
        if kept_back.any() {
            self.lacks_key = matches!(kept_back.refusal, Some(Refusal::Missing(_)));
            let why = kept_back.refusal.map(|refusal| refusal.to_string());
            self.kept_back.0 += kept_back.lost.total();
            self.kept_back.1 = why.unwrap_or_else(|| "over the output's byte or route quota".into());
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
            self.declared.extend(names.declared);
        }
    }

    /// Checks that this result, of a new bundle, is within bounds of `running`. A count that is 0 in `running` has no bounds.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self, running: &Self, bounds: &Bounds) -> Result<(), Apart> {
        let fails_there = |place: &str| running.failed.iter().any(|(other, _)| other == place);
        if let Some((place, error)) = self.failed.iter().find(|(place, _)| !fails_there(place)) {
            return Err(Apart::Failed { place: place.clone(), error: error.clone() });
        }
        let (events, why) = &self.kept_back;
        if *events > running.kept_back.0 {
            return Err(Apart::KeptBack { events: *events, why: why.clone() });
        }
        let lost: Vec<&str> = running.metrics.difference(&self.metrics).map(String::as_str).collect();
        let added: Vec<&str> = self.metrics.difference(&running.metrics).map(String::as_str).collect();
        let (old, new) = (running.events, self.events);
        within("events", old, new, old.saturating_sub(new), "events_less", bounds.events_less, &[])?;
        within("events", old, new, new.saturating_sub(old), "events_more", bounds.events_more, &[])?;
        let (old, new) = (running.bytes, self.bytes);
        within("bytes of events", old, new, new.saturating_sub(old), "bytes_more", bounds.bytes_more, &[])?;
        let (old, new) = (running.metrics.len() as u64, self.metrics.len() as u64);
        within("metric names", old, new, lost.len() as u64, "metrics_less", bounds.metrics_less, &lost)?;
        within("metric names", old, new, added.len() as u64, "metrics_more", bounds.metrics_more, &added)?;
        let undeclared: Vec<&str> = running.declared.difference(&self.declared).map(String::as_str).collect();
        let (old, new) = (running.declared.len() as u64, self.declared.len() as u64);
        let gone = undeclared.len() as u64;
        within("declared metrics", old, new, gone, "declared_less", bounds.declared_less, &undeclared)?;
        self.check_cpu(running, bounds)
    }

    fn check_cpu(&self, running: &Self, bounds: &Bounds) -> Result<(), Apart> {
        let (old, new) = (running.cpu, self.cpu);
        let more = new.saturating_sub(old);
        let is_bounded = bounds.cpu_more.is_finite();
        // A running bundle without events, for want of a batch or because it makes none, gives nothing to compare with.
        let is_comparable = running.events > 0 && more > CPU_FLOOR;
        if !is_bounded || !is_comparable || more.as_secs_f64() <= old.as_secs_f64() * bounds.cpu_more {
            return Ok(());
        }
        Err(Apart::Cpu { old, new })
    }
}

fn within(
    what: &'static str,
    old: u64,
    new: u64,
    change: u64,
    bound: &'static str,
    limit: f64,
    names: &[&str],
) -> Result<(), Apart> {
    const EXAMPLES: usize = 3;
    if old == 0 || change as f64 <= old as f64 * limit {
        return Ok(());
    }
    let some = names.iter().take(EXAMPLES).copied().collect::<Vec<_>>().join(", ");
    let direction = if bound.ends_with("less") { "gone" } else { "new" };
    let examples = if some.is_empty() {
        String::new()
    } else {
        format!("; {direction}: {} such as {some}", names.len())
    };
    Err(Apart::Beyond { what, old, new, bound, examples })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(events: u64, bytes: u64, metrics: &[&str]) -> Yield {
        let metrics = metrics.iter().map(|name| (*name).to_owned()).collect();
        Yield { events, bytes, metrics, ..Yield::default() }
    }

    #[test]
    fn near_enough_or_beyond_a_bound() {
        let running = outcome(100, 1000, &["a", "b", "c", "d"]);
        let bounds = Bounds::default();
        let check = |new: &Yield| new.check(&running, &bounds).map_err(|apart| apart.to_string());
        assert_eq!(check(&running), Ok(()));
        assert_eq!(check(&outcome(50, 2000, &["a", "b", "x", "y", "z", "w"])), Ok(()));
        for (new, wanted) in [
            (
                outcome(49, 1000, &["a", "b"]),
                "events: 49 instead of 100, beyond `rollout.bounds.events_less`",
            ),
            (outcome(151, 1000, &["a", "b"]), "beyond `rollout.bounds.events_more`"),
            (outcome(100, 2001, &["a", "b"]), "bytes of events: 2001 instead of 1000"),
            (
                outcome(100, 10, &["a"]),
                "metric names: 1 instead of 4, beyond `rollout.bounds.metrics_less`; gone: 3 such as b, c, d",
            ),
            (outcome(100, 10, &["a", "b", "c", "1", "2", "3", "4", "5"]), "new: 5 such as 1, 2, 3"),
        ] {
            let error = check(&new).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
        let declares = |names: &[&str]| Yield {
            declared: names.iter().map(|name| (*name).to_owned()).collect(),
            ..running.clone()
        };
        let (defaults, own) = (declares(&["a", "b", "c"]), declares(&["own"]));
        let error = own.check(&defaults, &bounds).unwrap_err().to_string();
        assert_eq!(
            error,
            "declared metrics: 1 instead of 3, beyond `rollout.bounds.declared_less`; gone: 3 such as a, b, c"
        );
        assert_eq!(declares(&["a", "b", "own"]).check(&defaults, &bounds), Ok(()));
        let nothing = Yield::default();
        assert_eq!(running.check(&nothing, &bounds), Ok(()), "no batch to compare with");
        assert!(nothing.check(&running, &bounds).is_err(), "a component that returns nothing");
    }

    #[test]
    fn cpu_time_has_a_bound_and_a_floor() {
        let ms = Duration::from_millis;
        let bounds = Bounds::default();
        let with = |cpu| Yield { cpu, ..outcome(10, 10, &[]) };
        for (old, new) in [(1, 101), (0, 100), (50, 150), (51, 153), (500, 1500)] {
            assert_eq!(with(ms(new)).check(&with(ms(old)), &bounds), Ok(()), "{old} to {new} ms");
        }
        for (old, new) in [(1, 102), (0, 101), (49, 150), (50, 151), (500, 1501)] {
            let error = with(ms(new)).check(&with(ms(old)), &bounds).unwrap_err().to_string();
            let wanted = format!(
                "CPU time of a batch: {new} ms instead of {old} ms, beyond `rollout.bounds.cpu_more`"
            );
            assert_eq!(error, wanted);
            assert_eq!(with(ms(new)).check(&with(ms(old)), &Bounds::NONE), Ok(()));
        }
        let nothing = Yield::default();
        assert_eq!(with(ms(900)).check(&nothing, &bounds), Ok(()), "no batch to compare with");
    }

    #[test]
    fn failing_counts_where_the_running_set_does_not() {
        let failed = |place: &str| Yield {
            failed: vec![(place.to_owned(), "trap".to_owned())],
            ..outcome(10, 10, &[])
        };
        let bounds = Bounds::default();
        let error = failed("node/a").check(&outcome(10, 10, &[]), &bounds).unwrap_err();
        assert_eq!(error.to_string(), "node/a fails on the last batch: trap");
        assert_eq!(failed("node/a").check(&failed("node/a"), &bounds), Ok(()));
        assert!(failed("node/a").check(&failed("node/b"), &bounds).is_err());
        let kept_back = Yield { kept_back: (3, "log_group".into()), ..outcome(10, 10, &[]) };
        assert!(kept_back.check(&outcome(10, 10, &[]), &bounds).is_err());
    }
}
