//! The HTTP server.
//!
//! Every pod on the host's network can connect to its loopback address. So a connection has one request, a
//! few seconds, and a small buffer; and of too many connections the oldest gives way: it is the one that
//! waits on purpose, for an answer takes no time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::answer::answer;
use super::board::Board;
use super::metrics::Metrics;
use crate::complaint::Complaint;

/// Most connections at a time.
pub(super) const MAX_CONNECTIONS: usize = 16;
/// From accepting a connection to the last byte of its answer.
const LIFETIME: Duration = Duration::from_secs(5);
/// Request line and headers.
pub(super) const MAX_HEAD_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
/// The smallest that hyper takes.
const BUFFER_BYTES: usize = 8 << 10;
/// Another program may have the port and give it back, such as the agent that this one replaces.
const BIND_AGAIN: Duration = Duration::from_secs(10);
/// There are no more files to open, or the like.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Answers requests until it is dropped. An address that cannot be had is tried again and again: the agent's
/// work does not depend on being asked about it.
pub async fn serve(board: Arc<Board>, listen: SocketAddr) {
    let listener = bind(listen).await;
    accept(&board, &listener, LIFETIME).await;
}

async fn bind(listen: SocketAddr) -> TcpListener {
    let mut complaint = Complaint::default();
    let mut failed = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => {
                if failed {
                    tracing::info!(%listen, "operations server: listening now");
                } else {
                    tracing::debug!(%listen, "operations server: listening");
                }
                return listener;
            }
            Err(error) => {
                failed = true;
                if complaint.say(Instant::now()).is_some() {
                    let hint = hint(&error);
                    tracing::error!(%error, %listen, hint, "no operations server: the agent goes on without it and tries again");
                }
            }
        }
        sleep(BIND_AGAIN).await;
    }
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program on this network has the port: set `operations.listen` to a free one, and the probes with it"
        }
        io::ErrorKind::AddrNotAvailable => "the host has no such address: see `operations.listen`",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: see `operations.listen`"
        }
        _ => "see `operations.listen`",
    }
}

/// Accepts connections and serves each in a task of its own.
pub(super) async fn accept(board: &Arc<Board>, listener: &TcpListener, lifetime: Duration) {
    let metrics = Arc::new(Metrics::new(board));
    let mut connections = Connections::default();
    let mut complaint = Complaint::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve_one(Arc::clone(board), Arc::clone(&metrics), stream);
                let task = tokio::spawn(async move {
                    // Whatever ended it, there is nobody to tell.
                    let _ = timeout(lifetime, connection).await;
                });
                connections.add(task.abort_handle());
                // Others' turn: the connection gets its answer before the next can push it out.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                if complaint.say(Instant::now()).is_some() {
                    tracing::warn!(%error, "operations server: cannot accept a connection");
                }
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn serve_one(board: Arc<Board>, metrics: Arc<Metrics>, stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let answer = answer(&board, &metrics, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new()
        .keep_alive(false)
        // The whole connection has a time.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// Those that are open, oldest first. Aborts them when it is dropped.
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
