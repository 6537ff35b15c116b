//! The agent's own log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Starts the log; everything before is lost. Only the first call has an effect.
pub fn start(log: &Log) {
    // The configuration was checked; a level that is none would only come from elsewhere.
    let targets: Targets = log.level.parse().unwrap_or_else(|_| Targets::new());
    let terminal = std::io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match text {
        true => layer.with_ansi(terminal).with_target(false).boxed(),
        false => layer.json().flatten_event(true).boxed(),
    };
    // Fails when a log was started already, as tests do.
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
}
