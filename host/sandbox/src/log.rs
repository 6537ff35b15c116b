//! What components write: the `log` import, standard output and standard error. Bounded in every direction, since whoever
//! can fill the agent's log can hide in it, and fill a disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, WasmStr};

use crate::call::Host;
use crate::limits::Limits;
use crate::text::clip;

/// Import of the contract that this module answers.
pub(crate) const IMPORT: &str = "insights:transform/log@0.1.0";

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

/// Answers the `log` import.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(IMPORT)?;
    instance.func_wrap("write", |mut store: StoreContextMut<'_, Host>, (level, message): (Level, WasmStr)| {
        // Checked before the text is looked at: a flood costs a flag.
        if store.data_mut().log.admit() {
            let max = store.data().log.line_bytes;
            let line = clip(&message.to_str(&store)?, max);
            store.data().log.write(level, &line);
        }
        Ok(())
    })
}

/// What one component has written in the current minute, over all its calls.
#[derive(Debug)]
pub(crate) struct Budget {
    name: Arc<str>,
    per_minute: u32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    lines: u32,
    /// Not reported yet; kept over the end of the minute.
    dropped: u64,
    reported: bool,
}

impl Budget {
    pub(crate) fn new(name: Arc<str>, limits: &Limits) -> Self {
        let window = Mutex::new(Window { started: Instant::now(), lines: 0, dropped: 0, reported: false });
        Self { name, per_minute: limits.log_lines_per_minute, window }
    }

    /// One more line?
    fn admit(&self) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.started.elapsed() >= MINUTE {
            *window = Window { started: Instant::now(), lines: 0, dropped: window.dropped, reported: false };
        }
        let admitted = window.lines < self.per_minute;
        window.lines += u32::from(admitted);
        admitted
    }

    /// Counts lines of a call that were not written. Says so at most once a minute, with all since it last did.
    fn dropped(&self, lines: u64) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.dropped += lines;
        if !window.reported {
            window.reported = true;
            let dropped = std::mem::take(&mut window.dropped);
            tracing::warn!(target: "transform", transform = &*self.name, dropped, "log lines dropped");
        }
    }
}

/// The log of one call.
#[derive(Debug)]
pub(crate) struct CallLog {
    budget: Arc<Budget>,
    lines_left: u32,
    line_bytes: usize,
    dropped: u64,
    out: Partial,
    err: Partial,
    /// Last line of standard error: a panic message, if the call ends in a trap.
    last_error: Option<String>,
}

/// A line of standard output or standard error that has no end yet.
#[derive(Debug, Default)]
struct Partial(Vec<u8>);

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl CallLog {
    pub(crate) fn new(budget: Arc<Budget>, limits: &Limits) -> Self {
        Self {
            budget,
            lines_left: limits.log_lines_per_call,
            line_bytes: limits.log_line_bytes,
            dropped: 0,
            out: Partial::default(),
            err: Partial::default(),
            last_error: None,
        }
    }

    /// One more line? If not, it is counted.
    fn admit(&mut self) -> bool {
        let admitted = self.lines_left > 0 && self.budget.admit();
        if admitted {
            self.lines_left -= 1;
        } else {
            self.dropped += 1;
        }
        admitted
    }

    fn write(&self, level: Level, line: &str) {
        let transform = &*self.budget.name;
        match level {
            Level::Trace => tracing::trace!(target: "transform", transform, "{line}"),
            Level::Debug => tracing::debug!(target: "transform", transform, "{line}"),
            Level::Info => tracing::info!(target: "transform", transform, "{line}"),
            Level::Warn => tracing::warn!(target: "transform", transform, "{line}"),
            Level::Error => tracing::error!(target: "transform", transform, "{line}"),
        }
    }

    /// Bytes of a stream; each whole line becomes a line of the log.
    pub(crate) fn stream(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.append(stream, &bytes[..end]);
            self.end_line(stream);
            bytes = &bytes[end + 1..];
        }
        self.append(stream, bytes);
    }

    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        // One byte more than a line may have, so that the cut is seen.
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
        let admitted = self.admit();
        if admitted || stream == Stream::Err {
            let line = clip(&String::from_utf8_lossy(&bytes), self.line_bytes);
            if admitted {
                self.write(level, &line);
            }
            if stream == Stream::Err {
                self.keep(line);
            }
        }
    }

    /// Keeps what says why: a panic message has its place on the line before.
    fn keep(&mut self, line: String) {
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

    /// The call is over: writes what has no line end, reports what was dropped. Returns the last line of standard error.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.end_line(Stream::Out);
        self.end_line(Stream::Err);
        if self.dropped > 0 {
            self.budget.dropped(self.dropped);
        }
        self.last_error.take()
    }
}
