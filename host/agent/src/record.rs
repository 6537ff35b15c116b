//! `insightd record`: writes the batches of the sources to a recording instead of running pipelines on them.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use insightd_collect::RootError;
use insightd_pipeline::LogThrottle;
use insights_batch::Columns;

use crate::memory;
use crate::output;
use crate::recording::{Header, Redactor};
use crate::runtime::{TickHandler, replay_frames};
use crate::schedule::Tick;
use crate::sources::{HostReading, Sample, Sources};

/// Limits of a recording; the first one reached ends it.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Number of ticks.
    pub ticks: u64,
    /// Time from the baseline; recording ends with the first tick after it.
    pub duration: Duration,
    /// Maximum size of the recording, bytes.
    pub bytes: u64,
}

/// A tick handler that reads batches from the sources and appends them to a recording.
pub struct Recorder {
    sources: Sources,
    out: Box<dyn Write + Send>,
    /// Name of `out` in messages.
    to: String,
    redactor: Option<Redactor>,
    bounds: Bounds,
    begun: Instant,
    ticks: u64,
    batches: u64,
    bytes: u64,
    reading: LogThrottle,
}

/// The reason why recording ended.
#[derive(Debug, thiserror::Error)]
pub enum RecordEnd {
    /// One of the limits was reached, or the reader of the pipe closed it. Not an error.
    #[error("{0}")]
    Enough(String),
    /// The first batch alone exceeds the size limit.
    #[error("nothing was recorded: the first batch takes {needed} bytes, --max-bytes is {bound}")]
    TooSmall {
        /// Bytes of the header line and the first batch.
        needed: u64,
        /// Size limit, bytes.
        bound: u64,
    },
    /// Writing the recording failed.
    #[error("cannot write {to}: {error}")]
    Write {
        /// Path of the file, or `standard output`.
        to: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A frame of a recorded node is missing.
    #[error(transparent)]
    Frame(#[from] RootError),
}

/// The destination of a recording.
#[derive(Debug)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file that does not exist yet.
    File(PathBuf),
}

impl Recorder {
    /// Creates a recorder for the sources that are given; a target file is created with mode 0600.
    ///
    /// # Errors
    /// [`RecordEnd::Write`] if the target cannot be created, or exists already.
    pub fn new(sources: Sources, target: &Target, redacts: bool, bounds: Bounds) -> Result<Self, RecordEnd> {
        let (out, to): (Box<dyn Write + Send>, _) = match target {
            Target::Stdout => (Box::new(io::stdout()), "standard output".to_owned()),
            Target::File(path) => {
                let to = path.display().to_string();
                let mut options = std::fs::OpenOptions::new();
                // Readable by the owner only: the recording reveals what runs on the node.
                options.write(true).create_new(true).mode(0o600);
                match options.open(path) {
                    Ok(file) => (Box::new(file), to),
                    Err(error) => return Err(RecordEnd::Write { to, error }),
                }
            }
        };
        let redactor = redacts.then(Redactor::default);
        let (begun, reading) = (Instant::now(), LogThrottle::default());
        let (ticks, batches, bytes) = (0, 0, 0);
        Ok(Self { sources, out, to, redactor, bounds, begun, ticks, batches, bytes, reading })
    }

    /// Writes the header line.
    ///
    /// # Errors
    /// [`RecordEnd::Write`] if writing fails; [`RecordEnd::Enough`] if the reading end of the pipe is closed.
    pub fn begin(&mut self, node_name: &str) -> Result<(), RecordEnd> {
        let redacted = if self.redactor.is_some() { Redactor::patterns() } else { Vec::new() };
        let header = Header { agent: env!("CARGO_PKG_VERSION").into(), node: node_name.into(), redacted };
        self.put(header.line())
    }

    fn put(&mut self, mut line: String) -> Result<(), RecordEnd> {
        line.push('\n');
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => RecordEnd::Enough("the reader closed the pipe".into()),
            _ => RecordEnd::Write { to: self.to.clone(), error },
        })?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn take(&mut self, batch: Columns) -> Result<(), RecordEnd> {
        let batch = match &mut self.redactor {
            Some(redactor) => redactor.redact(batch),
            None => batch,
        };
        let line = batch.to_json_line();
        let (needed, bound) = (self.bytes + line.len() as u64 + 1, self.bounds.bytes);
        if needed > bound {
            return Err(match self.batches {
                0 => RecordEnd::TooSmall { needed, bound },
                _ => RecordEnd::Enough(format!("the next batch would exceed --max-bytes ({bound} bytes)")),
            });
        }
        self.put(line)?;
        self.batches += 1;
        Ok(())
    }

    /// Samples every source, and writes its batches.
    fn record_sources(&mut self, time_unix_ms: u64) -> Result<(), RecordEnd> {
        // taken out to allow calls of `&mut self` methods beside it
        let mut sources = std::mem::take(&mut self.sources);
        let mut outcome = Ok(());
        for source in sources.iter_mut() {
            source.sample(time_unix_ms, &mut |Sample { columns, reading }| {
                if let Some(reading) = reading {
                    self.warn_of_problems(reading);
                }
                if outcome.is_ok() {
                    outcome = self.take(columns);
                }
            });
        }
        self.sources = sources;
        outcome
    }

    fn warn_of_problems(&mut self, reading: HostReading) {
        if let Some(first) = reading.first_problem
            && self.reading.record(Instant::now()).is_some()
        {
            tracing::warn!(
                first,
                problems = reading.problems,
                "some values could not be read and are absent"
            );
        }
    }
}

impl TickHandler for Recorder {
    type Error = RecordEnd;

    fn prime(&mut self) -> Result<(), RecordEnd> {
        self.sources.prime();
        self.begun = Instant::now();
        memory::give_back();
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<(), RecordEnd> {
        self.record_sources(tick.time_unix_ms)?;
        memory::give_back();
        self.ticks += 1;
        if self.ticks >= self.bounds.ticks {
            return Err(RecordEnd::Enough(format!("{} ticks", self.ticks)));
        }
        if self.begun.elapsed() >= self.bounds.duration {
            return Err(RecordEnd::Enough("--duration reached".into()));
        }
        Ok(())
    }

    fn replay(&mut self, _: bool) -> Result<(), RecordEnd> {
        let frames = self.sources.frames().unwrap_or(0);
        replay_frames(self, frames, |recorder, index| Ok(recorder.sources.select_frame(index)?))
    }

    fn finish(&mut self) {
        output::message(format_args!(
            "{}: {} bytes; batches: {}, ticks: {}",
            self.to, self.bytes, self.batches, self.ticks
        ));
        if let Some(redactor) = &self.redactor {
            let keys: Vec<&str> = redactor.keys().collect();
            output::message(format_args!(
                "values replaced for: {}",
                if keys.is_empty() { "no keys".into() } else { keys.join(", ") }
            ));
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("to", &self.to).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
