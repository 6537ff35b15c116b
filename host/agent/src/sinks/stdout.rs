//! Writes events to standard output: one JSON object per line, or indented for a terminal.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use insights_batch::Event;

use super::line::{Block, is_json};
use super::pretty::push_indented;
use super::{Delivered, Sink, SinkError};
use crate::config::When;

/// A sink that writes to standard output, or to any other stream.
#[derive(Debug)]
pub struct Stdout<W> {
    stream: W,
    pretty: bool,
    colour: bool,
    closed: bool,
    block: Block,
}

impl Stdout<std::fs::File> {
    /// Opens the standard output of the process, bypassing the line buffer of the standard library.
    ///
    /// # Errors
    /// [`SinkError::Stdout`] if the file descriptor cannot be duplicated, such as when it was closed before the process began.
    pub fn of_process(pretty: When) -> Result<Self, SinkError> {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let stream = stdout.as_fd().try_clone_to_owned().map_err(SinkError::Stdout)?.into();
        let pretty = match pretty {
            When::Auto => terminal,
            When::Always => true,
            When::Never => false,
        };
        Ok(Self::new(stream, pretty, terminal))
    }
}

impl<W: Write> Stdout<W> {
    /// Creates a sink that writes to `stream`.
    pub fn new(stream: W, pretty: bool, colour: bool) -> Self {
        Self { stream, pretty, colour, closed: false, block: Block::default() }
    }

    fn flush_block(&mut self) -> Delivered {
        let (events, bytes) = (self.block.events, self.block.bytes.len() as u64);
        if events == 0 {
            return Delivered::default();
        }
        let result = if self.closed {
            Err(SinkError::Closed)
        } else {
            write_whole(&mut self.stream, &self.block.bytes).map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => SinkError::Closed,
                _ => SinkError::Stdout(error),
            })
        };
        self.block.clear();
        match result {
            Ok(()) => Delivered { events, bytes, ..Delivered::default() },
            Err(error) => {
                self.closed |= matches!(error, SinkError::Closed);
                Delivered { lost: events, error: Some(error), ..Delivered::default() }
            }
        }
    }
}

impl<W: Write + Send> Sink for Stdout<W> {
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        for event in events {
            if self.pretty && is_json(content_type) {
                push_indented(&mut self.block.bytes, event.bytes, self.colour);
                self.block.events += 1;
            } else {
                self.block.push(content_type, event.bytes);
            }
            if self.block.is_full() {
                delivered.add(self.flush_block());
            }
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        self.flush_block()
    }
}

/// Like `write_all`, but waits if another program has made the shared terminal or pipe non-blocking: giving up would leave an incomplete line.
fn write_whole(stream: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.flush()
}

#[cfg(test)]
mod tests {
    use insights_batch::Payloads;

    use super::*;

    fn payloads(bodies: &[&str]) -> Payloads {
        let mut payloads = Payloads::new("application/json");
        for body in bodies {
            payloads.push(&[("log_group", "g")], 1, body.as_bytes());
        }
        payloads
    }

    #[test]
    fn one_event_a_line() {
        let mut sink = Stdout::new(Vec::new(), false, false);
        let payloads = payloads(&[r#"{"a":1}"#, "{\n}"]);
        let mut delivered = sink.accept(&payloads.content_type, &mut payloads.events());
        delivered.add(sink.end_tick());
        assert_eq!((delivered.events, delivered.lost), (2, 0));
        assert_eq!(delivered.bytes, sink.stream.len() as u64);
        assert_eq!(String::from_utf8(sink.stream).unwrap(), "{\"a\":1}\n{ }\n");
    }

    /// Fails with `WouldBlock` first, then accepts three bytes at a time.
    struct Slow(Vec<u8>, bool);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_takes_little_gets_whole_lines() {
        let mut sink = Stdout::new(Slow(Vec::new(), false), false, false);
        let payloads = payloads(&[r#"{"a":1}"#]);
        sink.accept(&payloads.content_type, &mut payloads.events());
        assert_eq!(sink.end_tick().events, 1);
        assert_eq!(sink.stream.0, b"{\"a\":1}\n");
    }

    #[test]
    fn a_closed_pipe_is_distinguished_from_other_errors() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = Stdout::new(writer, false, false);
        let payloads = payloads(&["{}", "{}"]);
        for _ in 0..2 {
            sink.accept(&payloads.content_type, &mut payloads.events());
            let delivered = sink.end_tick();
            assert_eq!((delivered.events, delivered.lost), (0, 2));
            assert!(matches!(delivered.error, Some(SinkError::Closed)));
        }
        assert!(sink.end_tick().error.is_none());
    }
}
