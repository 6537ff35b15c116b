//! Lines of a stream.

use std::time::Duration;

use super::body::Body;
use super::endpoint::Endpoint;
use super::error::{Failure, LiveError};

/// Maximum length of a line, bytes: about ten times the batch of a full node.
pub(super) const MAX_LINE: usize = 32 << 20;

/// A stream of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Body,
    endpoint: Endpoint,
    buffer: Vec<u8>,
    /// Bytes of the buffer without a line feed.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body, endpoint: Endpoint) -> Self {
        Self { body, endpoint, buffer: Vec::new(), searched: 0 }
    }

    /// Waits for the next line, at most `silence` for each part of it. Returns `None` at the end of the stream.
    ///
    /// # Errors
    /// Nothing arrives in time, the connection breaks, also in the middle of a line, or a line is too long or not UTF-8.
    pub(crate) async fn next(&mut self, silence: Duration) -> Result<Option<String>, LiveError> {
        self.read(silence).await.map_err(|failure| LiveError { endpoint: self.endpoint.to_string(), failure })
    }

    async fn read(&mut self, silence: Duration) -> Result<Option<String>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().skip(self.searched).position(|&byte| byte == b'\n') {
                let end = self.searched + end;
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                self.searched = 0;
                let foreign =
                    |_| Failure::Foreign { path: "/v1/tap".into(), reason: "a line is not UTF-8".into() };
                return String::from_utf8(line).map(Some).map_err(foreign);
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE {
                return Err(Failure::LongLine(MAX_LINE));
            }
            let chunk = tokio::time::timeout(silence, self.body.chunk()).await;
            match chunk.unwrap_or(Err(Failure::Silent(silence)))? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Failure::Lost("the stream ended in the middle of a line".into())),
            }
        }
    }
}
