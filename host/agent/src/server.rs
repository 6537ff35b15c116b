//! A bounded HTTP/1 server for responses that others poll: the operations endpoints and the pages of Prometheus sinks.
//!
//! Every pod on the host's network can connect to its loopback address. So a connection gets one request, limited time and a small
//! buffer, and beyond the maximum number of connections the oldest is closed: a response takes little time, so the oldest connection
//! is most likely one that waits on purpose.

mod body;
mod host;
mod listener;
mod negotiation;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use insightd_pipeline::LogThrottle;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::visible::{self, Style};

pub use body::Body;
pub use host::is_ours;
pub use listener::{Address, Io, Listener};
pub use negotiation::accepts;

/// Maximum number of open connections.
pub const MAX_CONNECTIONS: usize = 16;
/// Maximum bytes of the request line and headers.
pub const MAX_HEAD_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
/// The smallest buffer that hyper accepts.
const BUFFER_BYTES: usize = 8 << 10;
/// Retry interval of `bind`: another program may release the port, such as the agent that this one replaces.
const BIND_AGAIN: Duration = Duration::from_secs(10);
/// Pause after `accept` fails, for example because no file descriptors are left.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Content type of texts for people.
pub const PLAIN: &str = "text/plain; charset=utf-8";
/// Content type of OpenMetrics 1.0.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of the Prometheus text format.
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Name, address and configuration key of a server, for its log.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name of the server: `operations`, or that of a sink.
    pub name: String,
    /// Key of the configuration that contains the address.
    pub key: String,
    /// Address to listen on.
    pub listen: Address,
    /// Maximum time from accepting a connection to the last byte of its response, unless that is a stream.
    pub lifetime: Duration,
}

/// The response to a request, when it is ready.
pub type Responding<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// Responds to requests.
pub trait Respond: Send + Sync {
    /// Returns the response to a request.
    fn respond(&self, request: Request<Incoming>) -> Responding<'_>;
}

/// Responds to requests until it is dropped. Retries as long as the address cannot be bound: the agent's work does not depend on this
/// server.
pub async fn serve(endpoint: Endpoint, respond: Arc<dyn Respond>) {
    let listener = bind(&endpoint).await;
    accept(&endpoint, &listener, &respond).await;
}

async fn bind(endpoint: &Endpoint) -> Listener {
    let Endpoint { name, key, listen, .. } = endpoint;
    let mut throttle = LogThrottle::default();
    let mut failed = false;
    loop {
        match Listener::bind(listen).await {
            Ok(listener) => {
                if failed {
                    tracing::info!(server = name, %listen, "server: listening");
                } else {
                    tracing::debug!(server = name, %listen, "server: listening");
                }
                return listener;
            }
            Err(error) => {
                failed = true;
                if throttle.record(Instant::now()).is_some() {
                    let hint = hint(&error);
                    tracing::error!(server = name, %error, %listen, key, hint, "cannot start a server; will retry");
                }
            }
        }
        sleep(BIND_AGAIN).await;
    }
}

/// Returns a hint for the operator about a failed `bind`. `key` in the log names the setting.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process uses the port: set the key, and the probes or scrapes, to a free port"
        }
        io::ErrorKind::AddrNotAvailable => "the host does not have this address: change the key",
        io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE: change the key",
        _ => "check the key",
    }
}

/// Accepts connections and serves each in its own task.
pub async fn accept(endpoint: &Endpoint, listener: &Listener, respond: &Arc<dyn Respond>) {
    let lifetime = endpoint.lifetime;
    let mut connections = Connections::default();
    let mut throttle = LogThrottle::default();
    loop {
        match listener.accept().await {
            Ok(None) => {
                tracing::debug!(server = &*endpoint.name, "server: connection of another user closed")
            }
            Ok(Some(stream)) => {
                let task = tokio::spawn(serve_for(lifetime, stream, Arc::clone(respond)));
                connections.add(task.abort_handle());
                // Lets the new task respond before the next connection can evict it.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                if throttle.record(Instant::now()).is_some() {
                    let server = &*endpoint.name;
                    tracing::warn!(server, %error, "server: cannot accept a connection");
                }
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Serves a connection for its maximum time, or until its stream ends. If it is closed, there is no client to report an error to.
async fn serve_for(lifetime: Duration, stream: Box<dyn Io>, respond: Arc<dyn Respond>) {
    let is_stream = AtomicBool::new(false);
    let mut connection = pin!(serve_one(stream, &*respond, &is_stream));
    if timeout(lifetime, &mut connection).await.is_err() && is_stream.load(Ordering::Relaxed) {
        let _ = connection.await;
    }
}

async fn serve_one(stream: Box<dyn Io>, respond: &dyn Respond, is_stream: &AtomicBool) -> hyper::Result<()> {
    let service = service_fn(move |request| async move {
        let response = respond.respond(request).await;
        is_stream.store(response.body().is_stream(), Ordering::Relaxed);
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new()
        .keep_alive(false)
        // The timeout of the whole connection covers reading the headers.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// Open connections, oldest first. Aborts their tasks when dropped.
#[derive(Default)]
struct Connections(VecDeque<AbortHandle>);

impl Connections {
    fn add(&mut self, connection: AbortHandle) {
        self.0.retain(|other| !other.is_finished());
        while self.0.len() >= MAX_CONNECTIONS {
            if let Some(oldest) = self.0.pop_front() {
                oldest.abort();
            }
        }
        self.0.push_back(connection);
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Returns a response with a text for people.
pub fn plain(status: StatusCode, text: &str) -> Response<Body> {
    response(status, PLAIN, format!("{}\n", visible::lines(text, Style::Text)))
}

/// Returns the response to a request whose host is none of the agent's.
pub fn unknown_host() -> Response<Body> {
    plain(StatusCode::MISDIRECTED_REQUEST, "unknown host: use an IP address, `localhost` or the node name")
}

/// Returns the response to a method other than GET and HEAD.
pub fn method_not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed: use GET or HEAD");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Returns a response with a body.
pub fn response(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
