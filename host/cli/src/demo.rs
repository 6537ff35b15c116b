//! `insightctl demo`: runs the embedded recording of a node through the pipelines.

mod lines;

use std::fs::OpenOptions;
use std::io::{self, Cursor, ErrorKind, Read as _, Write as _};
use std::path::Path;

use anyhow::Context;
use flate2::read::GzDecoder;

use crate::arguments;
use crate::offline::{chains, collecting, configuration};
use crate::replay::{self, unknown_type};
use insightd::config::Config;
use insightd::error::Usage;
use insightd::logging;
use insightd::output;
use insightd::recording::Reader;
use lines::Lines;

/// The recording `demo/node.jsonl`, compressed by the build script.
static RECORDING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/demo.gz"));

const BEFORE: &str = "A recorded node, run through the pipelines just now; nothing is sent anywhere.\n";

const NEXT: &str = "\
What next:
  insightctl demo --json         the events; with --type Pod, those of one type
  insightctl demo --save FILE    the recording, for `insightctl replay`, `diff` and `script try`
  make run                       the agent on this machine, in a checkout of insightd
";

const HINT: &str = "\
--type TYPE lists all metrics of a type, --enhanced declares the enhanced set, and --config FILE runs pipelines of
your own.
";

/// Runs `insightctl demo`.
///
/// # Errors
/// Fails with [`Usage`], if a component fails, or if the recording cannot be written.
pub(crate) fn demo(options: &arguments::Demo) -> anyhow::Result<()> {
    if let Some(file) = &options.save {
        return save(file);
    }
    let mut config = configuration(options.config.as_deref(), None, None)?;
    if options.enhanced {
        declare_enhanced(&mut config);
    }
    logging::start(&config.log);
    let mut recording = reader()?;
    let file = options.config.as_deref();
    if options.json {
        return json(&config, file, &mut recording, options.kind.as_deref());
    }
    let (mut chains, events) = collecting(&config, file, &[])?;
    let summary = replay::summarize(&mut recording, &mut chains, &events)?;
    match &options.kind {
        Some(kind) => output::print(summary.metrics_of(kind).map_err(Usage)?),
        None => output::print(format_args!("{BEFORE}\n{}\n{HINT}\n{NEXT}", summary.text())),
    }
    replay::finish(&chains)
}

/// Prints the events as lines.
fn json(
    config: &Config,
    file: Option<&Path>,
    recording: &mut Reader,
    kind: Option<&str>,
) -> anyhow::Result<()> {
    let lines = Lines::default();
    let mut chains = chains(config, file, &[], |_| Ok(Box::new(lines.clone())))?;
    while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
        chains.run(batch)?;
    }
    let lines = lines.take();
    let types = || lines.iter().filter_map(|line| line.kind.as_deref());
    if let Some(wanted) = kind
        && types().all(|kind| kind != wanted)
    {
        return Err(Usage(unknown_type(wanted, types())).into());
    }
    let chosen = lines.iter().filter(|line| kind.is_none() || line.kind.as_deref() == kind);
    output::print(chosen.map(|line| &*line.text).collect::<String>());
    replay::finish(&chains)
}

/// Sets `enhanced` of every `emf`.
fn declare_enhanced(config: &mut Config) {
    for output in config.pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.outputs) {
        if output.formatter.name == "emf" {
            output.formatter.config.set("enhanced", true.into());
        }
    }
}

/// Opens the recording.
///
/// # Errors
/// The embedded data are damaged.
pub(crate) fn reader() -> io::Result<Reader> {
    Ok(Reader::new("the recording of the demo".into(), Box::new(Cursor::new(recording()?))))
}

/// Returns the recording as `insightd record` wrote it.
fn recording() -> io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(RECORDING).read_to_string(&mut text)?;
    Ok(text)
}

fn save(file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let mut opened = match OpenOptions::new().write(true).create_new(true).open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(
                Usage(format!("--save {shown}: the file exists already and is not overwritten")).into()
            );
        }
        opened => opened.with_context(|| format!("cannot create {shown}"))?,
    };
    let text = recording()?;
    opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    output::message(format_args!("{shown}: {} bytes; try `insightctl replay {shown} --summary`", text.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_is_whole_and_small() {
        assert_eq!(recording().unwrap(), include_str!("../demo/node.jsonl"));
        assert!(RECORDING.len() < 100 << 10, "{} bytes", RECORDING.len());
    }
}
