//! Restricts a recording to standard output and the sinks that the command line names, and a single tick to sinks that take it.

use insightd_pipeline::suggest::did_you_mean;

use crate::config::{Config, Sink, SinkKind, When};
use crate::error::Usage;

/// Refuses `--sink` without a recording, unknown sink names, and sinks that only serve pages.
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
    let serves = |sink: &&Sink| named.contains(&sink.name) && matches!(sink.kind, SinkKind::Prometheus(_));
    if let Some(Sink { name, .. }) = config.sinks.iter().find(serves).filter(|_| is_recorded) {
        return Err(Usage(format!(
            "--sink {name}: a sink of type prometheus delivers nothing, and a recording has ended before it can be scraped"
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
            SinkKind::Push(wanted) if is_named => wanted.spool.dir = None,
            SinkKind::File(_) if is_named => {}
            SinkKind::CloudWatch(_) | SinkKind::Push(_) | SinkKind::File(_) | SinkKind::Prometheus(_) => {
                tracing::warn!(
                    sink = sink.name,
                    "events of a recording are printed, not delivered; use `--sink NAME` to deliver them"
                );
                sink.kind = SinkKind::Stdout { pretty: When::Auto };
            }
        }
    }
}

/// Replaces sinks that serve pages with standard output, for a run that has ended before anything can scrape them.
pub(super) fn print_pages(sinks: &mut [Sink]) {
    for sink in sinks.iter_mut().filter(|sink| matches!(sink.kind, SinkKind::Prometheus(_))) {
        tracing::warn!(sink = sink.name, "a single tick cannot be scraped: its events are printed");
        sink.kind = SinkKind::Stdout { pretty: When::Auto };
    }
}
