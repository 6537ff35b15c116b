//! Bodies of responses.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// The body of a response. One type for all responses: the code of the HTTP server exists once for each type of body.
pub struct Body(Content);

enum Content {
    /// Chunks of a known length, without a copy of them. Empty ones are skipped.
    Chunks { chunks: Box<dyn Iterator<Item = Bytes> + Send>, bytes_left: u64 },
    /// Chunks as they come, until the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body {
    /// Returns a body of chunks that have `bytes` bytes together.
    pub fn chunks(bytes: u64, chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self(Content::Chunks { chunks: Box::new(chunks), bytes_left: bytes })
    }

    /// Returns a body of one chunk.
    pub fn whole(bytes: Bytes) -> Self {
        Self::chunks(bytes.len() as u64, std::iter::once(bytes))
    }

    /// Returns a body without a known length.
    pub fn stream(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self(Content::Stream(chunks))
    }

    /// Returns true if the length is not known.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.0, Content::Stream(_))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::whole(Bytes::from(text))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match &mut self.0 {
            Content::Chunks { chunks, bytes_left } => {
                let chunk = chunks.find(|chunk| !chunk.is_empty());
                *bytes_left = bytes_left.saturating_sub(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
                Poll::Ready(chunk)
            }
            Content::Stream(chunks) => chunks.poll_recv(context),
        };
        chunk.map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Chunks { bytes_left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self.0 {
            Content::Chunks { bytes_left, .. } => SizeHint::with_exact(bytes_left),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
