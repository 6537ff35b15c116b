//! Reads recordings line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use insights_batch::{Columns, ReadableError};

use super::Header;

/// Maximum length of a line, bytes: about a hundred times the batch of a full node.
const MAX_LINE: u64 = 256 << 20;

/// A recording that is being read.
pub struct Reader {
    name: String,
    input: Box<dyn BufRead>,
    /// Number of the last line read, from 1.
    line: u64,
    has_header: bool,
}

/// Errors of reading a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened.
    #[error("{name}: cannot be read: {error}")]
    Open {
        /// Path of the file.
        name: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A line is invalid or cannot be read.
    #[error("{name}:{line}: {reason}")]
    Line {
        /// Path of the file.
        name: String,
        /// Line number, from 1.
        line: u64,
        /// Error text: the problem, and the remedy where there is one.
        reason: String,
    },
}

impl Reader {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// [`RecordingError::Open`] if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let name = path.display().to_string();
        let input: Box<dyn BufRead> = match &*name {
            "-" => Box::new(BufReader::new(io::stdin())),
            _ => match File::open(path) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(error) => return Err(RecordingError::Open { name, error }),
            },
        };
        Ok(Self::new(name, input))
    }

    /// Reads from `input`; `name` identifies it in error texts.
    pub fn new(name: String, input: Box<dyn BufRead>) -> Self {
        Self { name, input, line: 0, has_header: false }
    }

    /// Reads the next batch, or returns `None` at the end of the recording.
    ///
    /// # Errors
    /// [`RecordingError::Line`] if a line is not a valid batch, or if the recording does not begin with a header.
    pub fn next_batch(&mut self) -> Result<Option<Columns>, RecordingError> {
        loop {
            let Some((line, is_whole)) = self.next_line()? else { return Ok(None) };
            if line.trim().is_empty() {
                continue;
            }
            if let Some(_header) = Header::parse(&line).map_err(|reason| self.wrong(reason))? {
                self.has_header = true;
                continue;
            }
            if !self.has_header {
                let reason = "not a recording of `insightd record`: missing header line";
                return Err(self.wrong(reason.into()));
            }
            return match Columns::from_json(&line) {
                Ok(batch) => Ok(Some(batch)),
                Err(_) if !is_whole => {
                    let reason =
                        "the batch is truncated: recording ended in the middle of it; delete this line";
                    Err(self.wrong(reason.into()))
                }
                Err(ReadableError::Json(error)) => {
                    Err(self.wrong(format!("column {}: {}", error.column, error.reason)))
                }
                Err(error) => Err(self.wrong(error.to_string())),
            };
        }
    }

    /// Reads a line. Returns it with `true` if it ends with a line feed, or `None` at the end of the input.
    fn next_line(&mut self) -> Result<Option<(String, bool)>, RecordingError> {
        let mut line = Vec::new();
        self.line += 1;
        let read = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        let read = read.map_err(|error| self.wrong(format!("cannot be read: {error}")))?;
        if read == 0 {
            return Ok(None);
        }
        if line.len() as u64 == MAX_LINE {
            return Err(self.wrong(format!("line too long: more than {MAX_LINE} bytes")));
        }
        let is_whole = line.ends_with(b"\n");
        let text = String::from_utf8(line).map_err(|_| self.wrong("not valid UTF-8".into()))?;
        Ok(Some((text, is_whole)))
    }

    fn wrong(&self, reason: String) -> RecordingError {
        RecordingError::Line { name: self.name.clone(), line: self.line, reason }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"format":"insightd-recording","version":1}"#;
    const BATCH: &str = r#"{"scope":"node","id":"n1","time_unix_ms":1}"#;

    fn read(text: &str) -> (usize, String) {
        let mut reader = Reader::new("r".into(), Box::new(io::Cursor::new(text.to_owned())));
        let mut batches = 0;
        loop {
            match reader.next_batch() {
                Ok(Some(_)) => batches += 1,
                Ok(None) => return (batches, String::new()),
                Err(error) => return (batches, error.to_string()),
            }
        }
    }

    #[test]
    fn recordings_can_be_joined() {
        assert_eq!(read(&format!("{HEADER}\n{BATCH}\n\n{HEADER}\n{BATCH}\n{BATCH}")), (3, String::new()));
        assert_eq!(read(""), (0, String::new()));
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(read(BATCH).1, "r:1: not a recording of `insightd record`: missing header line");
        assert_eq!(
            read(&HEADER.replace(":1}", ":2}")).1,
            "r:1: unsupported recording version 2; this program reads version 1"
        );
        let (batches, error) = read(&format!("{HEADER}\n{BATCH}\n{}", &BATCH[..20]));
        assert_eq!(batches, 1);
        assert!(error.starts_with("r:3: the batch is truncated"), "{error}");
        let (_, error) = read(&format!("{HEADER}\n{}\n", &BATCH[..20]));
        assert!(error.starts_with("r:2: column "), "{error}");
        let (_, error) = read(&format!("{HEADER}\n{{\"scope\":\"node\",\"id\":\"n1\"}}\n"));
        assert_eq!(error, "r:2: missing key `time_unix_ms`");
    }
}
