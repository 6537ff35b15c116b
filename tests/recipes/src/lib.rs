//! Three recipes of docs/scripting.md in Rust, against which the benchmark compares `script`.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

use insights_sdk::prelude::*;

/// Recipe `team`: a label if present, else a rule.
#[derive(Debug)]
pub struct Team;

/// Recipe `memory_share`: a ratio of two raw metrics.
#[derive(Debug)]
pub struct MemoryShare;

/// Recipe `cpu_throttled`: a ratio of two counters.
#[derive(Debug)]
pub struct CpuThrottled;

/// All three recipes as one component, selected by the option `recipe`.
#[derive(Debug)]
pub enum Recipes {
    /// Recipe `team`.
    Team(Team),
    /// Recipe `memory_share`.
    MemoryShare(MemoryShare),
    /// Recipe `cpu_throttled`.
    CpuThrottled(CpuThrottled),
}

impl Transform for Team {
    const ABOUT: About = About::new("team", "1.0.0");

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for pod in batch.pods() {
            let is_system = pod.namespace().is_some_and(|namespace| namespace.starts_with("kube-"));
            let team = if is_system { "platform" } else { pod.label("team").unwrap_or("nobody") };
            pod.set_attribute("Team", team);
            for container in pod.containers() {
                container.set_attribute("Team", team);
            }
        }
        Ok(())
    }
}

impl Transform for MemoryShare {
    const ABOUT: About = About::new("memory-share", "1.0.0");

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let Some(total) = batch.node().and_then(|node| node.memory_total_bytes()) else { return Ok(()) };
        for pod in batch.pods() {
            if let Some(used) = pod.gauge("memory.usage_bytes") {
                pod.publish("pod_memory_share", used / total * 100.0, Unit::Percent);
            }
        }
        Ok(())
    }
}

impl Transform for CpuThrottled {
    const ABOUT: About = About::new("cpu-throttled", "1.0.0");

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for pod in batch.pods() {
            let delta = |name: &str| pod.counter(name).and_then(|counter| counter.delta());
            if let Some(periods) = delta("cpu.periods").filter(|&periods| periods > 0.0)
                && let Some(throttled) = delta("cpu.throttled_periods")
            {
                pod.publish("pod_cpu_throttled", throttled / periods * 100.0, Unit::Percent);
            }
        }
        Ok(())
    }
}

impl Transform for Recipes {
    const ABOUT: About = About::new("recipes", "1.0.0");

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(match settings.string("recipe").as_deref() {
            Some("memory_share") => Self::MemoryShare(MemoryShare),
            Some("cpu_throttled") => Self::CpuThrottled(CpuThrottled),
            _ => Self::Team(Team),
        })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        match self {
            Self::Team(recipe) => recipe.process(batch),
            Self::MemoryShare(recipe) => recipe.process(batch),
            Self::CpuThrottled(recipe) => recipe.process(batch),
        }
    }
}

insights_sdk::export_transform!(Recipes);
