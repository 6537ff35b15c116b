//! Runs a sample node and a sample cluster through the pipelines of a configuration. Finds problems that show only in the output.

use std::fmt;

use insightd_pipeline::library::Library;
use insightd_pipeline::shadow::{self, Chain, ShadowResult};
use insightd_pipeline::{OutputSpec, Problem, Scope};
use insights_batch::{Columns, Limits};

use crate::assemble;
use crate::config::{Config, Orchestrator, Role};
use crate::recording::Header;

/// The samples, one batch a line in the form of a golden case's batch.json. `"sample"` stands for the name of the cluster.
const SAMPLE: &str = include_str!("sample.jsonl");

/// The result of one output for the sample of its scope.
pub(super) struct Outcome {
    /// Name of the pipeline.
    pub(super) pipeline: String,
    scope: Scope,
    output: OutputSpec,
    made: ShadowResult,
}

/// Runs the pipelines over the samples. Nothing is delivered.
///
/// # Errors
/// Returns the problems that keep the pipelines from running.
pub(super) fn run(config: &Config, library: &mut Library) -> Result<Vec<Outcome>, Vec<Problem>> {
    let batches = batches(config);
    let batches: Vec<(Scope, &Columns)> = batches.iter().map(|(scope, batch)| (*scope, batch)).collect();
    let config = Config { role: Role::All, ..config.clone() };
    let sinks: Vec<String> = config.sinks.iter().map(|sink| sink.name.clone()).collect();
    let pipelines = assemble::pipelines(&config, library, &sinks)?;
    let mut outcomes = Vec::new();
    for (wanted, pipeline) in config.pipelines.iter().zip(&pipelines) {
        let chain = pipeline.chain(&|_| Limits::default());
        for (output, slot) in wanted.outputs.iter().zip(&chain.outputs) {
            let chain = Chain { outputs: vec![slot.clone()], ..chain.clone() };
            let made = shadow::run(&[chain], &batches, &[]);
            let (pipeline, scope) = (wanted.name.clone(), wanted.scope);
            outcomes.push(Outcome { pipeline, scope, output: output.clone(), made });
        }
    }
    Ok(outcomes)
}

/// Returns the sample batches, with the cluster name of the configuration.
fn batches(config: &Config) -> Vec<(Scope, Columns)> {
    let sample = sample(config);
    let batches = sample.lines().filter_map(|line| Columns::from_json(line).ok());
    batches.filter_map(|batch| Some((Scope::from_name(&batch.scope)?, batch))).collect()
}

/// Returns the samples as a recording.
pub fn sample_recording(config: &Config) -> String {
    let agent = env!("CARGO_PKG_VERSION").into();
    let header = Header { agent, node: "sample".into(), redacted: Vec::new() };
    format!("{}\n{}", header.line(), sample(config))
}

/// Returns the sample lines, a node's and a cluster's batch, with the cluster name and orchestrator of the configuration.
fn sample(config: &Config) -> String {
    let cluster = config.node.cluster_name.as_deref().unwrap_or("sample");
    let cluster = serde_json::Value::from(cluster).to_string();
    let orchestrator = match config.node.orchestrator {
        Orchestrator::Auto => Orchestrator::Eks.as_str(),
        configured => configured.as_str(),
    };
    let orchestrator = serde_json::Value::from(orchestrator).to_string();
    SAMPLE.replace("\"eks\"", &orchestrator).replace("\"sample\"", &cluster)
}

impl Outcome {
    /// Returns a problem if every event of the output would be refused.
    pub(super) fn problem(&self) -> Option<Problem> {
        let (refused, why) = &self.made.rejected;
        let is_problem = self.made.events == 0 && *refused > 0 && !self.made.lacks_key;
        is_problem
            .then(|| self.note(format!("all {refused} sample events would be refused: {why}; see `routes`")))
    }

    /// Returns warnings about results that are probably not intended.
    pub(super) fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        for (slot, error) in &self.made.failed {
            warnings.push(self.note(format!("{slot} fails on the sample: {error}")));
        }
        let (refused, why) = &self.made.rejected;
        if *refused > 0 && self.problem().is_none() {
            let all = refused + self.made.events;
            warnings.push(self.note(format!("{refused} of {all} sample events would be refused: {why}")));
        }
        if self.made.events == 0 && *refused == 0 && self.made.failed.is_empty() {
            warnings.push(self.note("the sample produces no events".into()));
        }
        warnings
    }

    fn note(&self, message: String) -> Problem {
        let formatter = &self.output.formatter;
        Problem { at: formatter.config.at, path: formatter.path.clone(), message }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.scope {
            Scope::Node => "node",
            Scope::Cluster => "cluster",
        };
        let ShadowResult { events, rejected: (refused, _), declared, .. } = &self.made;
        let (sink, metrics) = (&self.output.sink, declared.len());
        write!(f, "sample {scope} to {sink}: {events} events, {refused} refused, {metrics} metrics declared")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_batches_of_the_configured_cluster() {
        let environment = crate::config::Environment::default();
        let config = Config::parse("node: {cluster_name: 'a\"b'}", None, &environment).unwrap();
        let batches = batches(&config);
        let scopes: Vec<Scope> = batches.iter().map(|(scope, _)| *scope).collect();
        assert_eq!(scopes, [Scope::Node, Scope::Cluster]);
        assert_eq!(SAMPLE.lines().count(), 2);
        for (_, batch) in &batches {
            assert!(format!("{batch:?}").contains("a\\\"b"));
        }
    }
}
