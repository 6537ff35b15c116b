//! Captures the log lines that a component writes during one call.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Log target of all lines from components.
const TARGET: &str = "transform";

/// One line that a component wrote to the log, to standard output or to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: String,
}

#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let line = Line { level: *event.metadata().level(), text: text.message + &text.fields };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// The message, followed by the fields other than the component's name.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "transform" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Runs `work`. Returns its result, and the lines that components wrote on this thread meanwhile.
pub(super) fn capture<T>(work: impl FnOnce() -> T) -> (T, Vec<Line>) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    let result = tracing::subscriber::with_default(subscriber, work);
    let lines = std::mem::take(&mut *lines.0.lock().unwrap_or_else(PoisonError::into_inner));
    (result, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_components_write_is_collected() {
        let (value, lines) = capture(|| {
            tracing::info!(target: "transform", transform = "a", "first");
            tracing::warn!("of the agent");
            tracing::warn!(target: "transform", transform = "a", dropped = 3, "log lines dropped");
            7
        });
        let line = |level, text: &str| Line { level, text: text.into() };
        assert_eq!(value, 7);
        assert_eq!(lines, [line(Level::INFO, "first"), line(Level::WARN, "log lines dropped dropped=3")]);
    }
}
