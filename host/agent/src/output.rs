//! Answers of commands, on standard output and standard error. All of them go through here: a reader that is gone (`insightd
//! check FILE | head -1`) is no fault of the command, which goes on in silence and ends with its own exit code.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::visible::{self, Style};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints text to standard output. What would act on a terminal is escaped.
pub fn print(text: impl Display) {
    write_out(&visible::lines(&text.to_string(), Style::Text));
}

/// Prints a line of JSON to standard output, likewise.
pub fn json(value: impl Display) {
    write_out(&format!("{}\n", visible::lines(&value.to_string(), Style::Json)));
}

fn write_out(text: &str) {
    let mut stdout = io::stdout().lock();
    settle(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Prints a line to standard output.
pub fn line(text: impl Display) {
    print(format_args!("{text}\n"));
}

/// Prints a line to standard error. Where that cannot be written, nobody can be told.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", visible::lines(&text.to_string(), Style::Text));
}

/// Returns true once the reader of standard output is gone.
pub fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

fn settle(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => CLOSED.store(true, Ordering::Relaxed),
        // A disk that is full: the answer is not there, and no exit code of the command says so.
        Err(error) => {
            complain(format_args!("cannot write standard output: {error}"));
            std::process::exit(1);
        }
    }
}
