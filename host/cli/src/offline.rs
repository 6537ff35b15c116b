//! `insightctl replay` and `insightctl diff`: pipelines without sources, remote endpoints and sinks of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::arguments;
use crate::progress;
use crate::replay::{self, Chains, Collect, Shown, Wanted};
use anyhow::Context as _;
use insightd::app::is_used;
use insightd::assemble;
use insightd::config::{self, Config, Environment, Report, Role, SinkKind, When};
use insightd::error::Usage;
use insightd::logging;
use insightd::output;
use insightd::sinks::{Sink, SinkSet, Stdout};
use insightd::snapshot::Snapshot;
use insightd_pipeline::library::{self, FileError};
use insightd_pipeline::suggest::did_you_mean;
use insightd_pipeline::{Origin, checks};

/// Runs `insightctl replay`.
///
/// # Errors
/// Fails with [`Usage`], if a component fails, or if standard output is closed.
pub(crate) fn replay(options: &arguments::Replay) -> anyhow::Result<()> {
    let level = options.log_level.as_deref();
    let config = configuration(options.config.as_deref(), options.pipeline.as_deref(), level)?;
    logging::start(&config.log);
    if let (Some(until), Some(directory)) = (&options.until, &options.as_case) {
        let (mut chains, events) = collecting(&config, options.config.as_deref(), &options.component)?;
        let mut recording = progress::open(&options.recording, true)?;
        let wanted = Wanted { until, directory, pod: options.pod.as_deref() };
        return replay::write_case(&mut recording, &mut chains, &events, &wanted);
    }
    if options.summary {
        let (mut chains, events) = collecting(&config, options.config.as_deref(), &options.component)?;
        let mut recording = progress::open(&options.recording, true)?;
        output::print(replay::summarize(&mut recording, &mut chains, &events)?.text());
        return replay::finish(&chains);
    }
    let stdout = |sink: &config::Sink| -> anyhow::Result<Box<dyn Sink>> {
        let pretty = match sink.kind {
            SinkKind::Stdout { pretty } => pretty,
            _ => When::Auto,
        };
        Ok(Box::new(Stdout::of_process(pretty)?))
    };
    let mut chains = chains(&config, options.config.as_deref(), &options.component, stdout)?;
    let mut recording = progress::open(&options.recording, false)?;
    replay::replay(&mut recording, &mut chains)
}

/// Runs `insightctl diff`: prints the differences. Returns true if there are none.
///
/// # Errors
/// Fails with [`Usage`], or if the two cannot be compared.
pub(crate) fn diff(options: &arguments::Diff) -> anyhow::Result<bool> {
    let (pipeline, level) = (options.pipeline.as_deref(), options.log_level.as_deref());
    let second = options.b.as_deref().unwrap_or(&options.a);
    let (config_a, config_b) =
        (configuration(Some(&options.a), pipeline, level)?, configuration(Some(second), pipeline, level)?);
    logging::start(&config_a.log);
    let (mut a, events_a) = collecting(&config_a, Some(&options.a), &[])?;
    let (mut b, events_b) = collecting(&config_b, Some(second), &options.component)?;
    let mut recording = progress::open(&options.recording, false)?;
    let shown = if options.all { Shown::All } else { Shown::First };
    let files = [&*options.recording, &*options.a, second].map(|path| path.display().to_string());
    let title = options.html.is_some().then(|| files.join(", "));
    let (is_same, page) =
        replay::diff(&mut recording, (&mut a, &events_a), (&mut b, &events_b), shown, title.as_deref())?;
    if let (Some(file), Some(page)) = (&options.html, page) {
        std::fs::write(file, page)
            .with_context(|| format!("--html {}: cannot be written", file.display()))?;
    }
    Ok(is_same)
}

/// Loads a configuration, reduced to the pipeline of the given name if any. `level` replaces its log level. Its role is `all`, so that it has pipelines
/// of every scope.
pub(super) fn configuration(
    file: Option<&Path>,
    pipeline: Option<&str>,
    level: Option<&str>,
) -> Result<Config, Usage> {
    let environment = Environment::of_process();
    let config = match file {
        Some(file) => Config::load(file, &environment)?,
        None => Config::parse("", None, &environment)?,
    };
    adapted(config, pipeline, level)
}

/// Parses the text of a configuration, as [`configuration`] does; `name` is its name in messages.
///
/// # Errors
/// Returns every problem of the text.
pub(super) fn parsed(text: &str, name: &str, level: Option<&str>) -> Result<Config, Usage> {
    adapted(Config::parse(text, Some(name), &Environment::of_process())?, None, level)
}

fn adapted(mut config: Config, pipeline: Option<&str>, level: Option<&str>) -> Result<Config, Usage> {
    config.role = Role::All;
    // Hides messages that only matter when an agent starts; keeps those that components write.
    match level {
        Some(level) => config.set_log_level(level),
        None if config.log.level == "info" => config.log.level = "warn,transform=info".into(),
        None => {}
    }
    if let Some(wanted) = pipeline {
        let known: Vec<String> = config.pipelines.iter().map(|pipeline| pipeline.name.clone()).collect();
        config.pipelines.retain(|pipeline| pipeline.name == wanted);
        if config.pipelines.is_empty() {
            let meant = did_you_mean(wanted, known.iter().map(String::as_str));
            return Err(Usage(format!(
                "unknown pipeline `{wanted}`; {meant}configured: {}",
                known.join(", ")
            )));
        }
    }
    Ok(config)
}

/// Assembles the pipelines of a configuration over sinks that collect the events.
pub(super) fn collecting(
    config: &Config,
    file: Option<&Path>,
    replaced: &[(String, PathBuf)],
) -> anyhow::Result<(Chains, Collect)> {
    let events = Collect::default();
    let chains = chains(config, file, replaced, |_| Ok(Box::new(events.clone())))?;
    Ok((chains, events))
}

/// Assembles the pipelines of a configuration over sinks that `sink` creates. A component that cannot be used is an
/// error, since the result of a built-in in its slot would say nothing about it.
pub(super) fn chains(
    config: &Config,
    file: Option<&Path>,
    replaced: &[(String, PathBuf)],
    sink: impl Fn(&config::Sink) -> anyhow::Result<Box<dyn Sink>>,
) -> anyhow::Result<Chains> {
    let mut config = config.clone();
    for (name, _) in replaced {
        replace(&mut config, name)?;
    }
    let mut snapshot = Snapshot::new(String::new(), config, None);
    for (name, file) in replaced {
        snapshot.files.insert(library::file_of(name), content(file));
    }
    let config = &snapshot.config;
    let mut library = assemble::library(&snapshot)?;
    let report = |problems| Usage::from(Report::new(file.map(|file| file.display().to_string()), problems));
    let problems = checks::faults(&config.pipelines, &mut library).problems;
    if !problems.is_empty() {
        return Err(report(problems).into());
    }
    let used = config.sinks.iter().filter(|wanted| is_used(config, wanted));
    let sinks: anyhow::Result<Vec<_>> = used.map(|wanted| Ok((wanted.name.clone(), sink(wanted)?))).collect();
    let sinks = SinkSet::new(sinks?);
    let names: Vec<String> = sinks.limits_by_name().into_iter().map(|(name, _)| name).collect();
    let pipelines = assemble::pipelines(config, &mut library, &names).map_err(report)?;
    Ok(Chains::new(pipelines, sinks).name_cluster(config.node.cluster_name.as_deref()))
}

fn content(file: &Path) -> Result<Arc<[u8]>, FileError> {
    let content =
        library::read(file).map_err(|error| FileError::Unusable(format!("{}: {error}", file.display())))?;
    Ok(content.into())
}

/// Changes every use of a component to its file.
fn replace(config: &mut Config, name: &str) -> Result<(), Usage> {
    let mut found = false;
    for pipeline in &mut config.pipelines {
        let stages = pipeline.transforms.iter_mut().map(|stage| &mut stage.component);
        for component in stages.chain(pipeline.outputs.iter_mut().map(|output| &mut output.formatter)) {
            if component.name == name {
                (component.origin, component.sha256, found) = (Origin::File, None, true);
            }
        }
    }
    match found {
        true => Ok(()),
        false => Err(Usage(format!("--component {name}: no pipeline uses builtin:{name} or file:{name}"))),
    }
}
