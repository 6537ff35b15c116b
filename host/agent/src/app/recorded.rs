//! The sinks that a recording may reach: standard output, and the sinks that the command line names.

use super::Usage;
use crate::config::{Config, Sink, SinkKind, When};

/// Refuses names of sinks where nothing is recorded, and names that no sink has.
///
/// # Errors
/// Why, with the names that there are.
pub(super) fn check_sinks(config: &Config, told: &[String], is_recorded: bool) -> Result<(), Usage> {
    let is_known = |name: &&String| config.sinks.iter().any(|sink| sink.name == **name);
    if let Some(unknown) = told.iter().find(|name| !is_known(name)) {
        let known: Vec<&str> = config.sinks.iter().map(|sink| &*sink.name).collect();
        return Err(Usage(format!(
            "--sink {unknown}: no sink has this name; there are: {}",
            known.join(", ")
        )));
    }
    match told.first() {
        Some(name) if !is_recorded => Err(Usage(format!(
            "--sink {name} is for recordings: on a live host every output delivers to the sink that it names"
        ))),
        _ => Ok(()),
    }
}

/// Has the events of a recording go to standard output in place of all sinks but those in `told`. The spool of a live agent is left
/// alone in any case.
pub(super) fn keep_local(sinks: &mut [Sink], told: &[String]) {
    for sink in sinks {
        let is_told = told.contains(&sink.name);
        match &mut sink.kind {
            SinkKind::Stdout { .. } => {}
            SinkKind::CloudWatch(wanted) if is_told => wanted.spool.dir = None,
            SinkKind::File(_) if is_told => {}
            SinkKind::CloudWatch(_) | SinkKind::File(_) => {
                tracing::warn!(
                    sink = sink.name,
                    "a recording is not delivered: events for this sink are printed; `--sink NAME` delivers them"
                );
                sink.kind = SinkKind::Stdout { pretty: When::Auto };
            }
        }
    }
}
