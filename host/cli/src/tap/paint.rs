//! Coloured text on standard output.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};

use insightd::visible::{self, Style};

/// A colour, as the number of an ANSI sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Added = 32,
    Removed = 31,
    Changed = 33,
}

/// A writer of text. Only it writes control sequences: all text is escaped.
#[derive(Debug)]
pub(super) struct Paint {
    color: bool,
    closed: Cell<bool>,
}

impl Paint {
    /// Creates the writer; colours are used on a terminal if `allowed` and without NO_COLOR.
    pub(super) fn new(allowed: bool) -> Self {
        let is_unset = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = allowed && is_unset && io::stdout().is_terminal();
        Self { color, closed: Cell::new(false) }
    }

    /// Prints a text of whole lines.
    pub(super) fn plain(&self, text: &str) {
        self.write(&visible::lines(text, Style::Text));
    }

    /// Prints a line.
    pub(super) fn line(&self, color: Color, text: &str) {
        let text = visible::line(text);
        match self.color {
            true => self.write(&format!("\u{1b}[{}m{text}\u{1b}[0m\n", color as u8)),
            false => self.write(&format!("{text}\n")),
        }
    }

    /// Returns true once the reader is gone, or the disk full.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    fn write(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            self.closed.set(true);
        }
    }
}
