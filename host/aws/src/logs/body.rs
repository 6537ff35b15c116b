//! Bodies of `PutLogEvents` requests, made while events come in and compressed at once: what is kept, on disk or in memory,
//! and sent later is some twentieth of the events.
//!
//! A body is the JSON that the SDK would make (AWS JSON 1.1), as gzip:
//! `{"logGroupName":…,"logStreamName":…,"logEvents":[{"timestamp":MS,"message":TEXT},…]}`.
//! Limits are those of the service over the messages, before JSON escapes and compression.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::limits::{EVENT_OVERHEAD_BYTES, MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, MAX_SPAN};

/// Of the levels, this one takes half the time of the usual 6 for a tenth more bytes, with events that are this much alike.
const LEVEL: u32 = 3;

/// Why an event can be in no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Longer than the service takes.
    #[error("an event has {bytes} bytes, the service takes {}", MAX_EVENT_BYTES - EVENT_OVERHEAD_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Messages are text.
    #[error("an event is no UTF-8 text")]
    NotText,
    /// Messages have one character at least.
    #[error("an event is empty")]
    Empty,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Name of the log group.
    pub group: String,
    /// Name of the log stream in it.
    pub stream: String,
}

impl Destination {
    /// As a block in the spool names it.
    pub fn key(&self) -> Vec<u8> {
        [self.group.as_bytes(), self.stream.as_bytes()].join(&0)
    }

    /// Reads a [`key`](Self::key). None where it is something else.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (group, stream) = std::str::from_utf8(key).ok()?.split_once('\0')?;
        let names = !group.is_empty() && !stream.is_empty();
        names.then(|| Self { group: group.to_owned(), stream: stream.to_owned() })
    }
}

/// A request, ready but for its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The JSON document, compressed.
    pub gzip: Vec<u8>,
    /// Events in it.
    pub events: u32,
    /// Bytes as the service counts them.
    pub counted_bytes: usize,
    /// Time of the first event, milliseconds since the Unix epoch.
    pub first_ms: u64,
}

/// A body in the making.
#[derive(Debug)]
pub struct Open {
    encoder: GzEncoder<Vec<u8>>,
    line: Vec<u8>,
    events: u32,
    counted_bytes: usize,
    first_ms: u64,
    last_ms: u64,
}

/// Checks what no request can change. The text of the message.
///
/// # Errors
/// The event can never be delivered.
pub fn message(bytes: &[u8]) -> Result<&str, Unfit> {
    if bytes.len() + EVENT_OVERHEAD_BYTES > MAX_EVENT_BYTES {
        return Err(Unfit::TooLong { bytes: bytes.len() });
    }
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Unfit::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(Unfit::NotText),
    }
}

impl Open {
    /// A body with one event.
    pub fn new(destination: &Destination, time_unix_ms: u64, message: &str) -> Self {
        let mut open = Self {
            encoder: GzEncoder::new(Vec::new(), Compression::new(LEVEL)),
            line: Vec::new(),
            events: 0,
            counted_bytes: 0,
            first_ms: time_unix_ms,
            last_ms: time_unix_ms,
        };
        open.line.extend_from_slice(br#"{"logGroupName":"#);
        open.text(&destination.group);
        open.line.extend_from_slice(br#","logStreamName":"#);
        open.text(&destination.stream);
        open.line.extend_from_slice(br#","logEvents":["#);
        open.write(time_unix_ms, message);
        open
    }

    /// Adds an event; `false` where it belongs into another body: this one is full, spans a day, or has later events.
    #[must_use]
    pub fn push(&mut self, time_unix_ms: u64, message: &str) -> bool {
        let span_ms = time_unix_ms.saturating_sub(self.first_ms);
        let fits = self.events < MAX_EVENTS
            && self.counted_bytes + message.len() + EVENT_OVERHEAD_BYTES <= MAX_BATCH_BYTES
            && time_unix_ms >= self.last_ms
            && u128::from(span_ms) < MAX_SPAN.as_millis();
        if fits {
            self.line.push(b',');
            self.write(time_unix_ms, message);
        }
        fits
    }

    /// The request.
    pub fn finish(mut self) -> Body {
        self.line.extend_from_slice(b"]}");
        self.compress();
        let gzip = self.encoder.finish().unwrap_or_else(|error| unreachable_io(&error));
        Body { gzip, events: self.events, counted_bytes: self.counted_bytes, first_ms: self.first_ms }
    }

    fn write(&mut self, time_unix_ms: u64, message: &str) {
        // Writing into a vector cannot fail.
        let _ = write!(self.line, r#"{{"timestamp":{time_unix_ms},"message":"#);
        self.text(message);
        self.line.push(b'}');
        self.compress();
        self.events += 1;
        self.counted_bytes += message.len() + EVENT_OVERHEAD_BYTES;
        self.last_ms = time_unix_ms;
    }

    fn text(&mut self, text: &str) {
        let written = serde_json::to_writer(&mut self.line, text);
        debug_assert!(written.is_ok(), "text into a vector");
    }

    fn compress(&mut self) {
        let written = self.encoder.write_all(&self.line);
        debug_assert!(written.is_ok(), "into a vector");
        self.line.clear();
    }
}

/// The encoder writes into a vector, which takes everything.
fn unreachable_io(error: &std::io::Error) -> Vec<u8> {
    debug_assert!(false, "gzip into a vector: {error}");
    Vec::new()
}
