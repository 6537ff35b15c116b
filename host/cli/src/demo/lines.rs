//! A sink that keeps events as lines, in the format of the stdout sink.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use insights_batch::Event;
use serde_json::Value;

use insightd::sinks::{Delivered, Sink, Stdout};

/// Events as lines. Clones share one list.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<Line>>>);

/// One event.
#[derive(Debug)]
pub(super) struct Line {
    /// Type of the event, if it has one.
    pub(super) kind: Option<String>,
    /// The line, with its line feed.
    pub(super) text: String,
}

impl Lines {
    /// Removes and returns the lines.
    pub(super) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Lines {
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        for event in events {
            let kind = serde_json::from_slice::<Value>(event.bytes).ok();
            let kind = kind.and_then(|event| Some(event["Type"].as_str()?.to_owned()));
            let buffer = Buffer::default();
            let mut stdout = Stdout::new(buffer.clone(), false, false);
            delivered.add(stdout.accept(content_type, &mut std::iter::once(event)));
            delivered.add(stdout.end_tick());
            self.lock().push(Line { kind, text: buffer.text() });
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        Delivered::default()
    }
}

/// Bytes that are written by one owner and read by another.
#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
