//! `insightctl script try`: runs a program of the component `script` over a recording, without a configuration of its own.

use std::fs::File;
use std::io::{self, Cursor, Read as _};
use std::path::Path;

use anyhow::bail;

use crate::arguments;
use crate::offline::{chains, configuration};
use crate::replay::{self, Collect, Shown};
use insightd::app::sample_recording;
use insightd::config::{Config, Sink};
use insightd::error::Usage;
use insightd::logging;
use insightd::output;
use insightd::recording::Reader;
use insightd_pipeline::{ComponentConfig, ComponentSpec, OnFailure, StageSpec};

/// Longest program of the component, bytes. One more byte is read, to notice a longer one.
pub(crate) const LONGEST: u64 = 65_535;
/// Most bytes of state that a program may keep between batches.
const STATE_BYTES: u64 = 1 << 20;

/// Runs `insightctl script try`.
///
/// # Errors
/// Fails with [`Usage`] if there is no program or no recording, or if the program has mistakes; fails if a run of the
/// program fails.
pub(crate) fn try_script(options: &arguments::Try) -> anyhow::Result<()> {
    let text = program(&options.program)
        .map_err(|error| Usage(format!("{}: {error}", options.program.display())))?;
    let without =
        configuration(options.config.as_deref(), options.pipeline.as_deref(), options.log_level.as_deref())?;
    logging::start(&without.log);
    let with = with_program(&without, &text, options.before.as_deref(), &options.kind)?;
    let mut recording = match &options.recording {
        Some(file) => Reader::open(file).map_err(|error| Usage(error.to_string()))?,
        None => Reader::new("the sample".into(), Box::new(Cursor::new(sample_recording(&without)))),
    };
    let side = |config: &Config, file: Option<&Path>| {
        let events = Collect::default();
        let sink =
            |_: &Sink| -> anyhow::Result<Box<dyn insightd::sinks::Sink>> { Ok(Box::new(events.clone())) };
        Ok::<_, anyhow::Error>((chains(config, file, &[], sink)?, events.clone()))
    };
    let (mut a, events_a) = side(&without, options.config.as_deref())?;
    let (mut b, events_b) = side(&with, Some(&options.program))?;
    let shown = if options.all { Shown::All } else { Shown::First };
    output::message(format_args!("A is without the program, B with it"));
    replay::diff(&mut recording, (&mut a, &events_a), (&mut b, &events_b), shown, None)?;
    match b.failures() {
        0 => Ok(()),
        failures => {
            bail!("batches on which the program failed: {failures}; see the messages above")
        }
    }
}

fn program(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match file.to_str() {
        Some("-") => io::stdin().take(LONGEST + 1).read_to_end(&mut bytes)?,
        _ => File::open(file)?.take(LONGEST + 1).read_to_end(&mut bytes)?,
    };
    // The length comes first: a cut within a character is not UTF-8 either.
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("the program is longer than {LONGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("the program is not UTF-8"))
}

/// Returns the configuration with the program in each of its pipelines, or only in those with the transform that
/// `before` names.
///
/// # Errors
/// No pipeline has this transform.
pub(crate) fn with_program(
    config: &Config,
    text: &str,
    before: Option<&str>,
    kinds: &[String],
) -> Result<Config, Usage> {
    let mut with = config.clone();
    let mut found = false;
    for (index, pipeline) in with.pipelines.iter_mut().enumerate() {
        let names = || pipeline.transforms.iter().map(|stage| stage.component.name.as_str());
        let at = match before {
            None => Some(pipeline.transforms.len()),
            Some(before) => names().position(|name| name == before),
        };
        let Some(at) = at else { continue };
        let mut program = ComponentConfig::from_texts(&[("program", text)]);
        program.set("explain", true.into());
        program.set("kinds", kinds.to_vec().into());
        let path = format!("pipelines[{index}].transforms[{at}]");
        let mut component = ComponentSpec::builtin("script", path);
        (component.config, component.state_bytes) = (program, Some(STATE_BYTES));
        pipeline.transforms.insert(at, StageSpec { component, on_failure: OnFailure::Skip });
        found = true;
    }
    match (found, before) {
        (false, Some(before)) => Err(Usage(format!("--before {before}: no pipeline has this transform"))),
        _ => Ok(with),
    }
}
