//! Bodies of `PutLogEvents` requests, built while events arrive and compressed at once, so that storing and sending them takes
//! about one fifteenth of the size of the events.
//!
//! A body is the JSON that the SDK would produce (AWS JSON 1.1), compressed with gzip:
//! `{"logGroupName":…,"logStreamName":…,"logEvents":[{"timestamp":MS,"message":TEXT},…]}`.
//! The service's limits apply to the messages before JSON escaping and compression.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::limits::{EVENT_OVERHEAD_BYTES, MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, MAX_SPAN};

/// Compression level. Low, because events are much alike and CPU time on every node costs more than bytes.
const LEVEL: u32 = 3;

/// An event that no request can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The event is longer than the service accepts.
    #[error(
        "an event has {bytes} bytes; the service accepts at most {}",
        MAX_EVENT_BYTES - EVENT_OVERHEAD_BYTES
    )]
    TooLong {
        /// Length of the event, bytes.
        bytes: usize,
    },
    /// The event is not UTF-8; messages are text.
    #[error("an event is not valid UTF-8")]
    NotText,
    /// The event is empty; a message has at least one character.
    #[error("an event is empty")]
    Empty,
}

/// Destination of events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Name of the log group.
    pub group: String,
    /// Name of the log stream in it.
    pub stream: String,
}

impl Destination {
    /// Returns the key of blocks for this destination in the spool: both names, separated by a NUL.
    pub fn key(&self) -> Vec<u8> {
        [self.group.as_bytes(), self.stream.as_bytes()].join(&0)
    }

    /// Parses a [`key`](Self::key); returns `None` if it is malformed.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (group, stream) = std::str::from_utf8(key).ok()?.split_once('\0')?;
        let names = !group.is_empty() && !stream.is_empty();
        names.then(|| Self { group: group.to_owned(), stream: stream.to_owned() })
    }
}

/// A complete request body; only the headers are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The JSON document, compressed.
    pub gzip: Vec<u8>,
    /// Number of events.
    pub events: u32,
    /// Size as the service counts it, bytes.
    pub counted_bytes: usize,
    /// Time of the first event, milliseconds since the Unix epoch.
    pub first_ms: u64,
}

/// A body under construction.
#[derive(Debug)]
pub struct BodyBuilder {
    encoder: GzEncoder<Vec<u8>>,
    line: Vec<u8>,
    events: u32,
    counted_bytes: usize,
    first_ms: u64,
    last_ms: u64,
}

/// Checks the event against the limits that hold for any request and returns its text.
///
/// # Errors
/// The event can never be delivered.
pub fn validate_message(bytes: &[u8]) -> Result<&str, InvalidEvent> {
    if bytes.len() + EVENT_OVERHEAD_BYTES > MAX_EVENT_BYTES {
        return Err(InvalidEvent::TooLong { bytes: bytes.len() });
    }
    match std::str::from_utf8(bytes) {
        Ok("") => Err(InvalidEvent::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(InvalidEvent::NotText),
    }
}

impl BodyBuilder {
    /// Creates a body with one event.
    pub fn new(destination: &Destination, time_unix_ms: u64, message: &str) -> Self {
        let mut builder = Self {
            encoder: GzEncoder::new(Vec::new(), Compression::new(LEVEL)),
            line: Vec::new(),
            events: 0,
            counted_bytes: 0,
            first_ms: time_unix_ms,
            last_ms: time_unix_ms,
        };
        builder.line.extend_from_slice(br#"{"logGroupName":"#);
        builder.text(&destination.group);
        builder.line.extend_from_slice(br#","logStreamName":"#);
        builder.text(&destination.stream);
        builder.line.extend_from_slice(br#","logEvents":["#);
        builder.write(time_unix_ms, message);
        builder
    }

    /// Adds an event. Returns false if it needs a new body: this one is full, would span a day, or has later events.
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

    /// Completes the body.
    pub fn finish(mut self) -> Body {
        self.line.extend_from_slice(b"]}");
        self.compress();
        let gzip = self.encoder.finish().unwrap_or_else(|error| unreachable_io(&error));
        Body { gzip, events: self.events, counted_bytes: self.counted_bytes, first_ms: self.first_ms }
    }

    fn write(&mut self, time_unix_ms: u64, message: &str) {
        // Writing to a vector cannot fail.
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

/// Unreachable: the encoder writes to a vector, which cannot fail.
fn unreachable_io(error: &std::io::Error) -> Vec<u8> {
    debug_assert!(false, "gzip into a vector: {error}");
    Vec::new()
}
