//! Output of commands on standard output and standard error. All of it goes through here: if the reader is gone (`insightd check
//! FILE | head -1`), the command goes on without output and ends with its own exit code.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::visible::{self, Style};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints text to standard output. Control characters that would affect a terminal are escaped.
pub fn print(text: impl Display) {
    write_out(&visible::lines(&text.to_string(), Style::Text));
}

/// Prints one line of JSON to standard output, with control characters escaped.
pub fn json(value: impl Display) {
    write_out(&format!("{}\n", visible::lines(&value.to_string(), Style::Json)));
}

fn write_out(text: &str) {
    let mut stdout = io::stdout().lock();
    settle(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Prints a line to standard output, escaped likewise.
pub fn line(text: impl Display) {
    print(format_args!("{text}\n"));
}

/// Prints a line to standard error. A failed write is ignored: there is nowhere left to report it.
pub fn message(text: impl Display) {
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
        // For example a full disk: the output is incomplete, and the exit code of the command would not show it.
        Err(error) => {
            message(format_args!("cannot write to standard output: {error}"));
            std::process::exit(1);
        }
    }
}
