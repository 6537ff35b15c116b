//! The agent's own log, on standard error.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LIBRARIES, Log, LogFormat};
use crate::visible::{self, Style};

/// Switches libraries off unless the configuration names them: `info,aws_smithy_runtime=debug`.
fn quiet(targets: Targets) -> Targets {
    let named: Vec<String> = targets.iter().map(|(target, _)| target.to_owned()).collect();
    let mut quiet = targets;
    for library in LIBRARIES {
        // The longest matching prefix of a target decides, so a named part of a library overrides this.
        if !named.iter().any(|target| library.starts_with(target)) {
            quiet = quiet.with_target(library, LevelFilter::OFF);
        }
    }
    quiet
}

/// A writer of whole log lines to standard error. Escapes what a terminal would act on, since fields hold foreign text.
#[derive(Debug)]
struct Escaped {
    style: Style,
    /// `true` to keep the escape sequences of the log itself; the formatter has escaped those in fields.
    colours: bool,
}

impl Escaped {
    fn shown<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.colours {
            return visible::bytes(line, self.style);
        }
        let parts: Vec<Cow<'_, [u8]>> =
            line.split(|byte| *byte == ESCAPE).map(|part| visible::bytes(part, self.style)).collect();
        Cow::Owned(parts.join(&ESCAPE))
    }
}

impl Write for Escaped {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&self.shown(line)).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

const ESCAPE: u8 = 0x1b;

/// Starts the log; messages before are lost. Only the first call has an effect.
pub fn start(log: &Log) {
    // The configuration was validated; an invalid filter could only come from other callers.
    let targets = quiet(log.level.parse().unwrap_or_else(|_| Targets::new()));
    let terminal = std::io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    // Logging an internal error to a closed standard error would panic.
    let escaped =
        move || Escaped { style: if text { Style::Text } else { Style::Json }, colours: text && terminal };
    let layer = tracing_subscriber::fmt::layer().with_writer(escaped).log_internal_errors(false);
    let layer = match text {
        true => layer.with_ansi(terminal).with_target(false).boxed(),
        false => layer.json().flatten_event(true).boxed(),
    };
    // Fails if a log was started already, as in tests.
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn shown(level: &str, target: &str, at: Level) -> bool {
        quiet(level.parse().unwrap()).would_enable(target, &at)
    }

    #[test]
    fn fields_do_nothing_to_a_terminal() {
        let shown = |style, colours, line: &str| {
            String::from_utf8(Escaped { style, colours }.shown(line.as_bytes()).into_owned()).unwrap()
        };
        assert_eq!(shown(Style::Json, false, "{\"a\":\"\u{202e}x\"}\n"), "{\"a\":\"\\u202ex\"}\n");
        assert_eq!(shown(Style::Text, false, "a\u{200b}=\u{9b}31m\n"), "a\\u{200b}=\\u{9b}31m\n");
        assert_eq!(
            shown(Style::Text, true, "\u{1b}[31mERROR\u{1b}[0m \u{202e}\n"),
            "\u{1b}[31mERROR\u{1b}[0m \\u{202e}\n"
        );
    }

    #[test]
    fn libraries_are_silent_unless_they_are_named() {
        for library in [
            "aws_smithy_runtime::client::orchestrator",
            "aws_config::imds",
            "hyper_util::client",
            "aws_runtime::user_agent",
        ] {
            for level in ["info", "debug", "trace"] {
                assert!(!shown(level, library, Level::WARN), "{library} at {level}");
                assert!(shown(level, "insightd_delivery", Level::WARN));
            }
        }
        assert!(shown("debug", "insightd::worker", Level::DEBUG));
        assert!(!shown("info", "insightd::worker", Level::DEBUG));
        let named = "info,aws_smithy_runtime=debug,aws_sdk=warn";
        assert!(shown(named, "aws_smithy_runtime::client", Level::DEBUG));
        assert!(shown(named, "aws_sdk_cloudwatchlogs", Level::WARN));
        assert!(!shown(named, "aws_config::profile", Level::ERROR));
    }
}
