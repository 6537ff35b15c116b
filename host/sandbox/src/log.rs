//! Log output of components: `log` calls, standard output and standard error. Its volume is bounded per call, per minute
//! and per line, because a component that floods the agent's log can hide in it and fill a disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::{ComponentType, Lift};

use crate::limits::CallLimits;
use crate::text::clip;

const MINUTE: Duration = Duration::from_secs(60);

/// `enum level` of `wit/log.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[expect(dead_code, reason = "made by `Lift` from the component's number")]
#[repr(u8)]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

/// Log quota of one component per minute, over all its calls.
#[derive(Debug)]
pub(crate) struct LogQuota {
    name: Arc<str>,
    per_minute: u32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    lines: u32,
    /// Dropped lines not yet reported; kept across minutes.
    dropped: u64,
    reported: bool,
}

impl LogQuota {
    pub(crate) fn new(name: Arc<str>, limits: &CallLimits) -> Self {
        let window = Mutex::new(Window { started: Instant::now(), lines: 0, dropped: 0, reported: false });
        Self { name, per_minute: limits.log_lines_per_minute, window }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one line from the quota. Returns true if the line may be written.
    fn take_line(&self) -> bool {
        let mut window = self.window();
        if window.started.elapsed() >= MINUTE {
            *window = Window { started: Instant::now(), lines: 0, dropped: window.dropped, reported: false };
        }
        let is_granted = window.lines < self.per_minute;
        window.lines += u32::from(is_granted);
        is_granted
    }

    /// Counts dropped lines. Logs a warning at most once a minute, with all lines dropped since the previous one.
    fn report_dropped(&self, lines: u64) {
        let mut window = self.window();
        window.dropped += lines;
        if !window.reported {
            window.reported = true;
            let dropped = std::mem::take(&mut window.dropped);
            tracing::warn!(target: "transform", transform = &*self.name, dropped, "log lines dropped");
        }
    }
}

/// Log output of one call.
#[derive(Debug)]
pub(crate) struct CallLog {
    quota: Arc<LogQuota>,
    lines_left: u32,
    pub(crate) line_bytes: usize,
    dropped: u64,
    out: Partial,
    err: Partial,
    /// Last line of standard error: the panic message if the call ends in a trap.
    last_error: Option<String>,
}

/// A line of standard output or standard error without a line end so far.
#[derive(Debug, Default)]
struct Partial(Vec<u8>);

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl CallLog {
    pub(crate) fn new(quota: Arc<LogQuota>, limits: &CallLimits) -> Self {
        Self {
            quota,
            lines_left: limits.log_lines_per_call,
            line_bytes: limits.log_line_bytes,
            dropped: 0,
            out: Partial::default(),
            err: Partial::default(),
            last_error: None,
        }
    }

    /// Takes one line from the quotas of the call and of the minute. Returns false, and counts the line, if none is left.
    pub(crate) fn take_line(&mut self) -> bool {
        let is_granted = self.lines_left > 0 && self.quota.take_line();
        if is_granted {
            self.lines_left -= 1;
        } else {
            self.dropped += 1;
        }
        is_granted
    }

    /// Writes a line for which [`take_line`](Self::take_line) returned true.
    pub(crate) fn write(&self, level: Level, line: &str) {
        let transform = &*self.quota.name;
        match level {
            Level::Trace => tracing::trace!(target: "transform", transform, "{line}"),
            Level::Debug => tracing::debug!(target: "transform", transform, "{line}"),
            Level::Info => tracing::info!(target: "transform", transform, "{line}"),
            Level::Warn => tracing::warn!(target: "transform", transform, "{line}"),
            Level::Error => tracing::error!(target: "transform", transform, "{line}"),
        }
    }

    /// Appends bytes of a stream; each complete line becomes a log message.
    pub(crate) fn stream(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.append(stream, &bytes[..end]);
            self.end_line(stream);
            bytes = &bytes[end + 1..];
        }
        self.append(stream, bytes);
    }

    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        // One byte more than a line may have, so that `clip` detects the cut.
        let max = self.line_bytes + 1;
        let Partial(line) = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let room = max.saturating_sub(line.len());
        line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, stream: Stream) {
        let (level, bytes) = match stream {
            Stream::Out => (Level::Info, std::mem::take(&mut self.out.0)),
            Stream::Err => (Level::Warn, std::mem::take(&mut self.err.0)),
        };
        if bytes.is_empty() {
            return;
        }
        let is_granted = self.take_line();
        if is_granted || stream == Stream::Err {
            let line = clip(&String::from_utf8_lossy(&bytes), self.line_bytes);
            if is_granted {
                self.write(level, &line);
            }
            if stream == Stream::Err {
                self.keep_explanation(line);
            }
        }
    }

    /// Keeps the line that explains a failure: a panic's message is joined with its location on the preceding line.
    fn keep_explanation(&mut self, line: String) {
        const HINT: &str = "note: ";
        if line.starts_with(HINT) {
            return;
        }
        self.last_error = Some(match self.last_error.take() {
            Some(before) if before.contains("panicked at") && before.ends_with(':') => {
                format!("{before} {line}")
            }
            _ => line,
        });
    }

    /// Ends the call: writes incomplete lines and reports dropped ones. Returns the last line of standard error.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.end_line(Stream::Out);
        self.end_line(Stream::Err);
        if self.dropped > 0 {
            self.quota.report_dropped(self.dropped);
        }
        self.last_error.take()
    }
}
