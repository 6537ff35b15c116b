//! `insightctl cost`: what the monitoring of a recorded node costs a month, and what each line of the configuration saves.
//!
//! Counts are made from the bytes of the payloads alone, so they hold for any component.

mod breakdown;
mod emf;
mod live;
mod meter;
mod otlp;
mod prices;
mod protobuf;
mod quantity;
mod report;
mod text;
mod usage;
mod variants;

use std::path::Path;

use crate::arguments::{self, ReportFormat};
use crate::offline::configuration;
use crate::progress;
use crate::replay;
use insightd::config::Config;
use insightd::error::Usage;
use insightd::recording::Reader;
use insightd::{logging, output};
use serde_json::Value;

use breakdown::breakdowns;
use meter::Metered;
use prices::Prices;
use report::{Compared, Report};
use usage::Usage as Counted;
use variants::variants;

/// Runs `insightctl cost`.
///
/// # Errors
/// Fails with [`Usage`] for a wrong recording, configuration or price file, if a component fails, or if a running agent does not
/// respond.
pub(crate) fn cost(options: &arguments::Cost) -> anyhow::Result<()> {
    let prices = Prices::load(options.prices.as_deref())?;
    let Some(recording_file) = &options.recording else {
        return live::cost(options.live.as_deref().unwrap_or_default(), &prices, options.format);
    };
    let file = options.config.as_deref();
    let config = configuration(file, None, None)?;
    let against = options.against.as_deref();
    let other =
        against.map(|file| Ok::<_, Usage>((configuration(Some(file), None, None)?, file))).transpose()?;
    logging::start(&config.log);
    let mut recording = progress::open(recording_file, true)?;
    let nodes = options.nodes;
    let subject = Subject { name: recording_file, config: &config, file, against: other.as_ref(), nodes };
    let (report, chains) = subject.report(&mut recording, prices)?;
    match options.format {
        ReportFormat::Table => output::print(text::text(&report)),
        ReportFormat::Json => output::print(format_args!("{:#}\n", report.to_json())),
    }
    chains.iter().try_for_each(|metered| replay::finish(&metered.chains))
}

/// Returns the report about a recording for one node and the embedded prices, as JSON.
///
/// # Errors
/// Fails with [`Usage`] for a wrong recording, or if the counts exceed their bounds.
pub(crate) fn document(
    (recording, name): (&mut Reader, &Path),
    config: &Config,
    file: Option<&Path>,
) -> anyhow::Result<Value> {
    let subject = Subject { name, config, file, against: None, nodes: 1 };
    Ok(subject.report(recording, Prices::load(None)?)?.0.to_json())
}

/// The subject of a report.
struct Subject<'a> {
    /// Name of the recording.
    name: &'a Path,
    config: &'a Config,
    file: Option<&'a Path>,
    /// Another configuration, and its file.
    against: Option<&'a (Config, &'a Path)>,
    nodes: u32,
}

impl Subject<'_> {
    /// Runs the recording, and returns the report with the chains of the other configuration, if any, and of this one.
    fn report(&self, recording: &mut Reader, prices: Prices) -> anyhow::Result<(Report, Vec<Metered>)> {
        let Self { config, file, nodes, .. } = *self;
        let mut base = Metered::new(config, file)?;
        let mut other = self.against.map(|(config, file)| Metered::new(config, Some(file))).transpose()?;
        let (variants, left_out) = variants(config);
        let mut notes = Vec::new();
        if left_out > 0 {
            notes.push(format!("{left_out} changes of the configuration were not tried: too many"));
        }
        let mut changed = Vec::new();
        for variant in variants {
            match Metered::new(&variant.config, file) {
                Ok(metered) => changed.push((variant.name, metered)),
                Err(error) => notes.push(format!("not tried: {}: {error:#}", variant.name)),
            }
        }
        while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
            for metered in changed.iter_mut().map(|(_, metered)| metered).chain(&mut other) {
                metered.run(batch.clone())?;
            }
            base.run(batch)?;
        }
        let usage = base.take();
        check(self.name, &usage)?;
        let quantities = |metered: &Metered| metered.take().quantities(nodes);
        notes.extend(general_notes(&usage, nodes));
        let against = self.against.map(|(_, file)| *file);
        let report = Report {
            recording: self.name.display().to_string(),
            config: shown(file),
            nodes,
            breakdowns: breakdowns(&usage, nodes, &prices),
            usage,
            variants: changed
                .iter()
                .map(|(name, metered)| Compared { name: name.clone(), quantities: quantities(metered) })
                .collect(),
            against: other
                .as_ref()
                .map(|other| Compared { name: shown(against), quantities: quantities(other) }),
            prices,
            notes,
        };
        Ok((report, other.into_iter().chain([base]).collect()))
    }
}

fn shown(file: Option<&Path>) -> String {
    file.map_or_else(|| "the built-in pipelines".into(), |file| file.display().to_string())
}

/// Checks that a recording can be extrapolated.
fn check(recording: &Path, usage: &Counted) -> Result<(), Usage> {
    let shown = recording.display();
    if usage.sources.is_empty() {
        return Err(Usage(format!("{shown}: the recording has no batches")));
    }
    match usage.sources.iter().find(|source| source.covered_ms == 0) {
        Some(source) => Err(Usage(format!(
            "{shown}: the batches of {} {} have no interval_ms, so nothing can be said about a day",
            source.scope, source.id
        ))),
        None => Ok(()),
    }
}

/// Returns what a reader has to know about the figures.
fn general_notes(usage: &Counted, nodes: u32) -> Vec<String> {
    let mut notes = vec![
        "A month has 730 hours, a GB 1,000,000,000 bytes. Series are those of the recording: CloudWatch bills a metric for \
         the hours in which it has data."
            .to_owned(),
    ];
    if nodes > 1 {
        notes.push(format!(
            "{nodes} nodes: series of a node count {nodes} times, those of the whole cluster once (dimensions ClusterName, \
             Namespace, Service only). Pods of the same name on several nodes share series: this is an upper bound."
        ));
    }
    if !usage.otlp.total.is_empty() {
        notes.push(
            "OTLP is billed by data point, each with the attributes of its resource and scope: more bytes than those of the \
             requests."
                .to_owned(),
        );
    }
    if usage.undecoded > 0 {
        let undecoded = usage.undecoded;
        notes.push(format!(
            "{undecoded} payloads of application/x-protobuf are not OTLP metrics: only their bytes count"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_extrapolated_is_an_error() {
        let (file, mut usage) = (Path::new("r.jsonl"), Counted::default());
        assert_eq!(check(file, &usage).unwrap_err().to_string(), "r.jsonl: the recording has no batches");
        usage.begin("node", "a", 60_000);
        assert!(check(file, &usage).is_ok());
        usage.begin("node", "b", 0);
        let error = check(file, &usage).unwrap_err().to_string();
        assert!(error.starts_with("r.jsonl: the batches of node b have no interval_ms"), "{error}");
    }
}
