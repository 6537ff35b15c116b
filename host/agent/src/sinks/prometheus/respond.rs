//! Responds to scrapes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::ToServe;
use super::page::{Format, Page};
use super::served::ServedPage;
use crate::server::{self, Endpoint, OPEN_METRICS, PROMETHEUS};

/// Path of the page. `/metrics` is that of the agent's own metrics, which have a server of their own.
const PATH: &str = "/metrics/workloads";

/// Maximum time of a connection. Prometheus gives up after 10 s by default (`scrape_timeout`).
const LIFETIME: Duration = Duration::from_secs(30);

/// Shortest default of `stale_after`.
const STALE_AFTER: Duration = Duration::from_secs(5 * 60);

/// Serves the page until it is dropped. `interval` is the time between two ticks; `node_name` is accepted as the host of requests.
pub(crate) async fn serve(to_serve: ToServe, interval: Duration, node_name: &str) {
    let ToServe { name, settings, page } = to_serve;
    let stale_after = settings.stale_after.unwrap_or(STALE_AFTER.max(3 * interval));
    let responder = Arc::new(Responder::new(page, stale_after, node_name));
    let endpoint =
        Endpoint { key: format!("sinks.{name}.listen"), name, listen: settings.listen, lifetime: LIFETIME };
    server::serve(endpoint, move |request| {
        let responder = Arc::clone(&responder);
        async move { responder.respond(&request).await }
    })
    .await;
}

/// Responds to requests for one page.
#[derive(Debug)]
pub(super) struct Responder {
    page: Arc<ServedPage>,
    stale_after: Duration,
    node_name: String,
    /// At most one page is compressed at a time, also if the connection that asked for it is gone.
    compression: Arc<Semaphore>,
}

impl Responder {
    pub(super) fn new(page: Arc<ServedPage>, stale_after: Duration, node_name: &str) -> Self {
        let compression = Arc::new(Semaphore::new(1));
        Self { page, stale_after, node_name: node_name.to_owned(), compression }
    }

    /// Returns the response to a request.
    pub(super) async fn respond<B>(&self, request: &Request<B>) -> Response<PageBody> {
        if !server::is_ours(request, &self.node_name) {
            return server::unknown_host();
        }
        if request.uri().path() != PATH {
            return server::plain(StatusCode::NOT_FOUND, &format!("not found; available is {PATH}"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return server::method_not_allowed();
        }
        let Some(page) = self.page.current() else {
            return server::plain(StatusCode::SERVICE_UNAVAILABLE, "no page yet: waiting for the first tick");
        };
        let age = page.published().elapsed();
        if age > self.stale_after {
            let (age, limit) = (age.as_secs(), self.stale_after.as_secs());
            let text = format!(
                "the page is stale: no tick has ended for {age} s (`stale_after` is {limit} s); see the log of the agent"
            );
            return server::plain(StatusCode::SERVICE_UNAVAILABLE, &text);
        }
        self.page.count_scrape();
        let headers = request.headers();
        let (format, content_type) = match server::accepts(headers, ACCEPT, "application/openmetrics-text") {
            true => (Format::Open, OPEN_METRICS),
            false => (Format::Text, PROMETHEUS),
        };
        let wants_gzip = server::accepts(headers, ACCEPT_ENCODING, "gzip");
        let compressed = if wants_gzip { self.compressed(&page, format).await } else { None };
        let is_compressed = compressed.is_some();
        let body = compressed.map_or_else(|| PageBody::of(page, format), PageBody::whole);
        let mut response = server::response(StatusCode::OK, content_type, body);
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if is_compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// Returns the page compressed with gzip, or `None` if that is impossible. Compresses on another thread, because this one also
    /// serves the kubelet's responses to the tick.
    async fn compressed(&self, page: &Arc<Page>, format: Format) -> Option<Bytes> {
        if let Some(compressed) = page.compressed(format) {
            return compressed;
        }
        let permit = Arc::clone(&self.compression).acquire_owned().await.ok()?;
        let page = Arc::clone(page);
        let compress = move || {
            let _permit = permit;
            page.compress(format)
        };
        tokio::task::spawn_blocking(compress).await.ok().flatten()
    }
}

/// The body of a response: a text, or the chunks of a page without a copy of them.
#[derive(Debug)]
pub(super) struct PageBody {
    chunks: Chunks,
    /// Bytes that are left.
    left: u64,
}

#[derive(Debug)]
enum Chunks {
    Whole(Bytes),
    Page { page: Arc<Page>, format: Format, next: usize },
}

impl PageBody {
    fn whole(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, chunks: Chunks::Whole(bytes) }
    }

    fn of(page: Arc<Page>, format: Format) -> Self {
        Self { left: page.length(format), chunks: Chunks::Page { page, format, next: 0 } }
    }
}

impl From<String> for PageBody {
    fn from(text: String) -> Self {
        Self::whole(Bytes::from(text))
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = loop {
            let chunk = match &mut self.chunks {
                Chunks::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
                Chunks::Page { page, format, next } => {
                    *next += 1;
                    page.chunk(*format, *next - 1)
                }
            };
            // A family without help and type, or without samples.
            if chunk.as_ref().is_none_or(|chunk| !chunk.is_empty()) {
                break chunk;
            }
        };
        self.left = self.left.saturating_sub(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests;
