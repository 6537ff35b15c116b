//! Responds to scrapes.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::ToServe;
use super::page::{Format, Page};
use super::served::ServedPage;
use crate::server::{self, Address, Body, Endpoint, OPEN_METRICS, PROMETHEUS, Respond, Responding};

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
    let (key, listen) = (format!("sinks.{name}.listen"), Address::Tcp(settings.listen));
    server::serve(Endpoint { name, key, listen, lifetime: LIFETIME }, responder).await;
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
    async fn page(&self, request: &Request<Incoming>) -> Response<Body> {
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
        let body = compressed.map_or_else(|| page_body(page, format), Body::whole);
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

impl Respond for Responder {
    fn respond(&self, request: Request<Incoming>) -> Responding<'_> {
        Box::pin(async move { self.page(&request).await })
    }
}

fn page_body(page: Arc<Page>, format: Format) -> Body {
    Body::chunks(page.length(format), (0..).map_while(move |index| page.chunk(format, index)))
}

#[cfg(test)]
mod tests;
