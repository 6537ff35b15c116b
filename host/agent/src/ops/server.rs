//! HTTP server of the operations endpoints.
//!
//! Every pod on the host's network can connect to its loopback address. So a connection gets one request, a few seconds and a small
//! buffer, and beyond the maximum number of connections the oldest is closed: a response takes no time, so the oldest connection is one
//! that waits on purpose.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use insightd_pipeline::LogThrottle;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::response::respond;

/// Maximum number of open connections.
pub(super) const MAX_CONNECTIONS: usize = 16;
/// Maximum time from accepting a connection to the last byte of its response.
const LIFETIME: Duration = Duration::from_secs(5);
/// Maximum bytes of the request line and headers.
pub(super) const MAX_HEAD_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
/// The smallest buffer that hyper accepts.
const BUFFER_BYTES: usize = 8 << 10;
/// Retry interval of `bind`: another program may release the port, such as the agent that this one replaces.
const BIND_AGAIN: Duration = Duration::from_secs(10);
/// Pause after `accept` fails, for example because no file descriptors are left.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Responds to requests until it is dropped. Retries as long as the address cannot be bound: the agent's work does not depend on this
/// server.
pub async fn serve(registry: Arc<StatusRegistry>, listen: SocketAddr) {
    let listener = bind(listen).await;
    accept(&registry, &listener, LIFETIME).await;
}

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut throttle = LogThrottle::default();
    let mut failed = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => {
                if failed {
                    tracing::info!(%listen, "operations server: listening");
                } else {
                    tracing::debug!(%listen, "operations server: listening");
                }
                return listener;
            }
            Err(error) => {
                failed = true;
                if throttle.record(Instant::now()).is_some() {
                    let hint = hint(&error);
                    tracing::error!(%error, %listen, hint, "cannot start the operations server; will retry");
                }
            }
        }
        sleep(BIND_AGAIN).await;
    }
}

/// Returns a hint for the operator about a failed `bind`.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process uses the port: set `operations.listen` and the probes to a free port"
        }
        io::ErrorKind::AddrNotAvailable => "the host does not have this address: change `operations.listen`",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: change `operations.listen`"
        }
        _ => "check `operations.listen`",
    }
}

/// Accepts connections and serves each in its own task.
pub(super) async fn accept(registry: &Arc<StatusRegistry>, listener: &TcpListener, lifetime: Duration) {
    let metrics = Arc::new(Metrics::new(registry));
    let mut connections = Connections::default();
    let mut throttle = LogThrottle::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve_one(Arc::clone(registry), Arc::clone(&metrics), stream);
                let task = tokio::spawn(async move {
                    // The connection is closed, so there is no client to report an error to.
                    let _ = timeout(lifetime, connection).await;
                });
                connections.add(task.abort_handle());
                // Lets the new task respond before the next connection can evict it.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                if throttle.record(Instant::now()).is_some() {
                    tracing::warn!(%error, "operations server: cannot accept a connection");
                }
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn serve_one(
    registry: Arc<StatusRegistry>,
    metrics: Arc<Metrics>,
    stream: TcpStream,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let response = respond(&registry, &metrics, &request);
        async move { Ok::<_, Infallible>(response) }
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
