//! `insightd record`: the sources of `run`, with a recorder instead of pipelines and sinks.

use std::time::Duration;

use insightd_collect::OptionalFacts;

use super::parts::{Parts, Purpose};
use super::snapshot;
use crate::cli;
use crate::config::{Environment, Role};
use crate::error::Usage;
use crate::logging;
use crate::output;
use crate::record::{Bounds, RecordEnd, Recorder, Target};
use crate::runtime::{self, Plan, RunError};
use crate::snapshot::Snapshot;
use crate::sources::{Clients, ClusterSource, watch_cluster};

/// Number of ticks if neither `--ticks` nor `--duration` is given.
const TICKS: u64 = 5;

/// Runs `insightd record`.
///
/// # Errors
/// Fails with [`Usage`], or if nothing can be recorded.
pub fn record(options: &cli::Record) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let run = options.as_run();
    let mut config = snapshot(&run, &environment)?.0.config;
    logging::start(&config.log);
    // No component runs, and nothing is delivered.
    config.pipelines.clear();
    config.sinks.clear();
    let nothing = Snapshot::new(String::new(), config.clone(), None);
    let mut parts = Parts::open(nothing, &run, Purpose::Bare, None, &environment)?;
    let is_recorded = match parts.frames() {
        Some(0 | 1) => {
            return Err(Usage("the recording needs at least two frames".into()).into());
        }
        frames => frames.is_some(),
    };
    let plan = if is_recorded { Plan::Replay { once: false } } else { Plan::Every(config.interval.into()) };
    let runtime = runtime::create()?;
    let mut clients = match is_recorded {
        true => Clients::default(),
        // Not as a long-running agent: takes no part in the election and publishes no Kubernetes Events.
        false => Clients::start(&config, &environment, &parts.node_name, false, runtime.handle())?,
    };
    let wants_cluster = options.cluster || config.role == Role::Cluster;
    let watch = wants_cluster.then(|| watch_cluster(&config, runtime.handle())).transpose()?;
    parts.connect(&config, &mut clients);
    if let Some((leadership, watched)) = watch {
        let instance = clients.instance.clone();
        parts.add(ClusterSource::new(&config, &parts.node_name, leadership, watched, instance));
    }
    let mut sources = parts.take_sources();
    if options.all_facts {
        sources.want(|_| OptionalFacts::all());
    }
    let target = options.out.clone().map_or(Target::Stdout, Target::File);
    let mut recorder =
        Recorder::new(sources, &target, options.redact, bounds(options)).map_err(target_error)?;
    recorder.begin(&parts.node_name)?;
    let result = runtime::run(&runtime, recorder, plan);
    runtime.block_on(clients.end());
    match result {
        Ok(()) => Ok(()),
        Err(RunError::Work(RecordEnd::Enough(why))) => {
            output::message(format_args!("recording stopped: {why}"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn bounds(options: &cli::Record) -> Bounds {
    let default = if options.duration.is_some() { u64::MAX } else { TICKS };
    Bounds {
        ticks: options.ticks.map_or(default, std::num::NonZero::get),
        duration: options.duration.unwrap_or(Duration::MAX),
        bytes: options.max_bytes,
    }
}

/// Maps an existing output file to a usage error.
fn target_error(error: RecordEnd) -> anyhow::Error {
    match &error {
        RecordEnd::Write { to, error: cause } if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            Usage(format!("--out {to}: the file exists already and is not overwritten")).into()
        }
        _ => error.into(),
    }
}
