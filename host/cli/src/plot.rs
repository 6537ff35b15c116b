//! `insightctl plot`: a line chart of published figures over the frames of a recording, as SVG.

mod axis;
mod chart;
mod filter;
mod series;
mod svg;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::arguments;
use crate::offline::{collecting, configuration};
use crate::progress;
use crate::replay;
use insightd::error::Usage;
use insightd::{logging, output};

use chart::Chart;
use filter::Filter;
use series::Collected;

/// Maximum number of lines of a chart. The rest is counted.
const LINES: usize = 12;

/// Runs `insightctl plot`.
///
/// # Errors
/// Fails with [`Usage`] for a wrong recording or configuration, or if no event has the metrics; also if a component fails, or the file
/// cannot be written.
pub(crate) fn plot(options: &arguments::Plot) -> anyhow::Result<()> {
    let file = options.config.as_deref();
    let config = configuration(file, options.pipeline.as_deref(), None)?;
    logging::start(&config.log);
    let (mut chains, events) = collecting(&config, file, &[])?;
    let filter = Filter {
        kind: options.kind.as_deref(),
        namespace: options.namespace.as_deref(),
        pod: options.pod.as_deref(),
    };
    let mut collected = Collected::new(&options.metrics);
    let mut recording = progress::open(&options.recording, true)?;
    replay::each(&mut recording, &mut chains, &events, |frame, events| {
        collected.add(frame, &events, &filter);
    })?;
    collected.check(&filter).map_err(Usage)?;
    let unplotted = collected.unplotted();
    if unplotted > 0 {
        output::message(format_args!(
            "{unplotted} values not plotted: two of the same series and time, or too many"
        ));
    }
    let recording = options.recording.display().to_string();
    let chart = Chart::new(&collected, LINES, &recording);
    if chart.left_out() > 0 {
        let left_out = chart.left_out();
        output::message(format_args!(
            "{left_out} series left out: a chart has at most {LINES} lines, those with the largest values; select with --pod, --namespace or --type"
        ));
    }
    write(options.out.as_deref(), &chart.svg(options.size))?;
    replay::finish(&chains)
}

/// Writes the chart to a file, or to standard output.
fn write(file: Option<&Path>, svg: &str) -> anyhow::Result<()> {
    let Some(file) = file else {
        output::print(svg);
        return Ok(());
    };
    fs::write(file, svg).with_context(|| format!("--out {}: cannot be written", file.display()))
}
