//! Restricts a recording to standard output and the sinks that the command line names.

use insightd_pipeline::suggest::did_you_mean;

use crate::config::{Config, Sink, SinkKind, When};
use crate::error::Usage;

/// Refuses `--sink` without a recording, and unknown sink names.
///
/// # Errors
/// Returns the reason, with the known names if the name is unknown.
pub(super) fn check_sinks(config: &Config, named: &[String], is_recorded: bool) -> Result<(), Usage> {
    let is_known = |name: &&String| config.sinks.iter().any(|sink| sink.name == **name);
    if let Some(unknown) = named.iter().find(|name| !is_known(name)) {
        let known: Vec<&str> = config.sinks.iter().map(|sink| &*sink.name).collect();
        let meant = did_you_mean(unknown, known.iter().copied());
        return Err(Usage(format!(
            "--sink {unknown}: unknown sink; {meant}known sinks: {}",
            known.join(", ")
        )));
    }
    match named.first() {
        Some(name) if !is_recorded => Err(Usage(format!(
            "--sink {name}: only valid for a recording; on a live host every output delivers to its own sink"
        ))),
        _ => Ok(()),
    }
}

/// Replaces all sinks but those in `named` with standard output, for the events of a recording. Named sinks with a spool
/// lose their spool directory, so that a recording never touches the spool of a live agent.
pub(super) fn keep_local(sinks: &mut [Sink], named: &[String]) {
    for sink in sinks {
        let is_named = named.contains(&sink.name);
        match &mut sink.kind {
            SinkKind::Stdout { .. } => {}
            SinkKind::CloudWatch(wanted) if is_named => wanted.spool.dir = None,
            SinkKind::Otlp(wanted) if is_named => wanted.spool.dir = None,
            SinkKind::File(_) if is_named => {}
            SinkKind::CloudWatch(_) | SinkKind::Otlp(_) | SinkKind::File(_) => {
                tracing::warn!(
                    sink = sink.name,
                    "events of a recording are printed, not delivered; use `--sink NAME` to deliver them"
                );
                sink.kind = SinkKind::Stdout { pretty: When::Auto };
            }
        }
    }
}
