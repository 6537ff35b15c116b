//! Progress of long commands, on standard error if that is a terminal.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read, stderr, stdin, stdout};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use insightd::error::Usage;
use insightd::recording::{Reader, RecordingError};

const OF_FILE: &str = "{wide_bar} {bytes}/{total_bytes}, {eta} left";
const OF_PIPE: &str = "{spinner} {bytes} read, {elapsed}";
const OF_WORK: &str = "{spinner} {msg}, {elapsed}";

/// Opens a recording; a bar follows the bytes that are read, and disappears at their end. `-` reads standard input.
///
/// `is_quiet`: the command prints nothing to standard output before the end. Otherwise there is no bar if that is a terminal too.
///
/// # Errors
/// [`Usage`] if the file cannot be opened.
pub(crate) fn open(path: &Path, is_quiet: bool) -> Result<Reader, Usage> {
    let is_shown = stderr().is_terminal() && (is_quiet || !stdout().is_terminal());
    let bar = if is_shown { ProgressBar::no_length() } else { ProgressBar::hidden() };
    let name = path.display().to_string();
    let (input, length): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(stdin()), 0)
    } else {
        match File::open(path).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((length, file)) => (Box::new(file), length),
            Err(error) => return Err(Usage(RecordingError::Open { name, error }.to_string())),
        }
    };
    // A pipe has no length.
    if length > 0 {
        bar.set_length(length);
    }
    bar.set_style(style(if length > 0 { OF_FILE } else { OF_PIPE }));
    Ok(Reader::new(name, Box::new(BufReader::new(Followed { input, bar }))))
}

/// An input whose bar shows how much of it was read.
struct Followed {
    input: Box<dyn Read>,
    bar: ProgressBar,
}

impl Read for Followed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bar.inc(read as u64);
        if read == 0 {
            self.bar.finish_and_clear();
        }
        Ok(read)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A sign of work of unknown length. It disappears when it is dropped.
#[derive(Debug)]
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    /// Shows a message with the time that has passed, if standard error is a terminal.
    pub(crate) fn new(message: &'static str) -> Self {
        let is_shown = stderr().is_terminal();
        let bar = if is_shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(style(OF_WORK));
        bar.set_message(message);
        if is_shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Returns the style of a template of ours.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for template in [OF_FILE, OF_PIPE, OF_WORK] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_bar_follows_what_is_read() {
        let bar = ProgressBar::hidden();
        let mut followed = Followed { input: Box::new(&b"0123456789"[..]), bar: bar.clone() };
        followed.read_exact(&mut [0; 4]).unwrap();
        assert_eq!((bar.position(), bar.is_finished()), (4, false));
        followed.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!((bar.position(), bar.is_finished()), (10, true));
    }
}
