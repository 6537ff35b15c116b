//! Assembles the pipelines of a configuration.

use std::path::PathBuf;

use anyhow::Context;
use insightd_pipeline::library::{self, Library};
use insightd_pipeline::{Pipeline, Problem, Scope};
use insightd_sandbox::{Compiler, Sandbox};

use crate::config::{Config, Role};
use crate::snapshot::Snapshot;

/// Creates the sandbox and the component library of a configuration.
///
/// # Errors
/// Fails if the WebAssembly runtime does not work on this machine.
pub fn library(snapshot: &Snapshot) -> anyhow::Result<Library> {
    let config = &snapshot.config;
    let sandbox =
        Sandbox::new(config.limits.for_sandbox(&config.pipelines)).context("components cannot run")?;
    let compiler: PathBuf = config.compiler.clone().unwrap_or_else(library::compiler_beside);
    let compiler = Compiler::new(compiler);
    Ok(Library::new(sandbox, config.transforms_dir.clone(), snapshot.files.clone(), compiler))
}

/// Gives the library the files of another snapshot; replaces the library if the bounds of calls differ.
///
/// # Errors
/// Fails as [`library()`] does.
pub fn renew(library: &mut Library, snapshot: &Snapshot) -> anyhow::Result<()> {
    let config = &snapshot.config;
    if *library.limits() == config.limits.for_sandbox(&config.pipelines) {
        library.set_files(snapshot.files.clone());
    } else {
        *library = self::library(snapshot)?;
    }
    Ok(())
}

/// Assembles the pipelines that an agent of the configured role runs, see [`insightd_pipeline::assemble()`]. `sinks` are the names of
/// the open sinks, in their order.
///
/// # Errors
/// Returns every problem that keeps a pipeline from running.
pub fn pipelines(
    config: &Config,
    library: &mut Library,
    sinks: &[String],
) -> Result<Vec<Pipeline>, Vec<Problem>> {
    let specs = config.pipelines.iter().filter(|pipeline| serves(config.role, pipeline.scope));
    insightd_pipeline::assemble(specs, &config.limits, library, sinks)
}

/// Returns true if an agent of this role can have batches of that scope.
fn serves(role: Role, scope: Scope) -> bool {
    match scope {
        // Tasks and Fargate nodes are small nodes to the pipelines.
        Scope::Node => role != Role::Cluster,
        Scope::Cluster => role.has_cluster(),
    }
}

#[cfg(test)]
mod tests {
    use insightd_pipeline::states::States;
    use insightd_pipeline::{Counters, Delivery, run_scope};
    use insightd_sandbox::Stop;
    use insights_batch::Columns;

    use super::*;
    use crate::config::Environment;
    use crate::sinks::SinkSet;

    #[test]
    fn events_that_the_filter_rejects_count_even_if_leadership_is_lost() {
        let text = "pipelines: [{name: node, transforms: [{use: builtin:decorate}], outputs: [{formatter: \
                    {use: builtin:emf}, sink: stdout, routes: {log_group: [none], log_stream: ['*']}}]}]";
        let config = Config::parse(text, None, &Environment::default()).unwrap();
        let mut library = library(&Snapshot::new(text.into(), config.clone(), None)).unwrap();
        let mut pipelines = pipelines(&config, &mut library, &["stdout".into()]).unwrap();
        let sample = include_str!("app/check/sample.jsonl").lines().next().unwrap();
        let (mut counters, mut states) = (Counters::default(), States::open(None));
        let mut delivery = Delivery {
            sinks: &mut SinkSet::new(Vec::new()),
            counters: &mut counters,
            states: &mut states,
            stop: &Stop::default(),
            observer: None,
        };
        let batch = Columns::from_json(sample).unwrap();
        run_scope(&mut pipelines, Scope::Node, batch, &|| false, &mut delivery);
        assert!(counters.lost.route_refused > 0, "{counters:?}");
        assert_eq!(counters.lost.total(), counters.lost.route_refused);
    }
}
