//! `insightd check`: validates a configuration without running it.

mod machine;
mod trial;

use std::path::{Path, PathBuf};

use insightd_pipeline::{ComponentSpec, Origin, PipelineSpec, Problem, checks};

use crate::assemble;
use crate::cli;
use crate::config::{Config, Environment, Report, STDIN};
use crate::error::Usage;
use crate::output;
use crate::snapshot::Snapshot;

pub use trial::sample_recording;

/// Runs `insightd check`: prints the pipelines of the file. With `--environment`, also checks files and directories of
/// this machine.
///
/// # Errors
/// Fails with [`Usage`] and every problem.
pub fn check(options: &cli::Check) -> anyhow::Result<()> {
    let cli::Check { file, config, environment } = options;
    let file = file.as_ref().or(config.as_ref()).map(PathBuf::as_path).unwrap_or(Path::new("-"));
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { STDIN.to_owned() } else { file.display().to_string() };
    let variables = Environment::of_process();
    let text = if is_stdin { Config::read_stdin() } else { Config::read_text(file) }.map_err(Usage::from)?;
    let (config, report) = Config::parse_in_part(&text, &variables);
    let snapshot = Snapshot::new(text, config, None);
    let config = &snapshot.config;
    let mut library = assemble::library(&snapshot)?;

    let (mut problems, more) = report.map(|report| (report.problems, report.more)).unwrap_or_default();
    problems.extend(
        checks::faults(&config.pipelines, &mut library)
            .problems
            .into_iter()
            .filter(|problem| is_new(config, problem)),
    );
    let mut warnings = config.warnings.0.clone();
    warnings.extend(checks::warnings(&config.pipelines, &mut library));
    if *environment {
        problems.extend(machine::problems(config, &variables));
    }
    let mut outcomes = Vec::new();
    if problems.is_empty() {
        match trial::run(config, &mut library) {
            Ok(found) => outcomes = found,
            Err(found) => problems.extend(found),
        }
    }
    for outcome in &outcomes {
        problems.extend(outcome.problem());
        warnings.extend(outcome.warnings());
    }
    print_warnings(&name, warnings);
    if !problems.is_empty() {
        let report = Report::new(Some(name), problems);
        return Err(Usage::from(Report { more: report.more + more, ..report }).into());
    }
    if !config.variables.is_empty() {
        output::line(format_args!("{name}: uses the environment variables {}", config.variables.join(", ")));
    }
    for pipeline in &config.pipelines {
        let chain: Vec<String> =
            pipeline.transforms.iter().map(|stage| stage.component.to_string()).collect();
        for wanted in &pipeline.outputs {
            let (chain, formatter) = (chain.join(" -> "), &wanted.formatter);
            output::line(format_args!(
                "{name}: pipeline {}: {chain} -> {formatter} -> {}",
                pipeline.name, wanted.sink
            ));
        }
        for outcome in outcomes.iter().filter(|outcome| outcome.pipeline == pipeline.name) {
            output::line(format_args!("{name}: pipeline {}: {outcome}", pipeline.name));
        }
    }
    output::line(format_args!("{name}: ok, bundle {}", snapshot.id));
    Ok(())
}

/// Returns false for a problem of a `file:` component without `transforms_dir`, which is reported as a problem of the
/// configuration.
fn is_new(config: &Config, problem: &Problem) -> bool {
    let is_of = |component: &ComponentSpec| problem.path.strip_prefix(&component.path) == Some(".use");
    let mut components = config.pipelines.iter().flat_map(PipelineSpec::components);
    config.transforms_dir.is_some()
        || !components.any(|component| component.origin == Origin::File && is_of(component))
}

/// Prints warnings on standard error. They do not change the exit code.
fn print_warnings(file: &str, warnings: Vec<Problem>) {
    for warning in Report::new(None, warnings).problems {
        output::message(warning.line(file, " warning:"));
    }
}
