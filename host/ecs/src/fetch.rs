//! Bounded GET requests over plain HTTP.
//!
//! Both endpoints of ECS are on the instance itself or on a link-local address. A proxy would lead to another machine, and a
//! redirect to another server; neither is used. Each request has its own connection: there are two or three per tick, and a
//! kept connection would fail once after each restart of the ECS agent.

mod url;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) use url::BaseUrl;
pub use url::UrlError;

/// Read buffer of a connection, which also bounds the head of a response. The default is 400 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Bounds of one response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Time from the connection to the last byte.
    pub(crate) timeout: Duration,
    /// Bytes of the body.
    pub(crate) max_bytes: usize,
}

/// A request without a usable response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no complete response within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("connection refused")]
    Refused,
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("unexpected status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the response exceeds {0} bytes")]
    TooLarge(usize),
    #[error("the connection was closed before the end of the response")]
    Incomplete,
    #[error("not an HTTP response: {0}")]
    Http(hyper::Error),
    #[error("cannot build the request: {0}")]
    Request(http::Error),
}

/// Requests `path` below `base`; returns the body of a response with status 200.
///
/// # Errors
/// If there is no such response within the bounds.
pub(crate) async fn get(base: &BaseUrl, path: &str, bounds: Bounds) -> Result<Vec<u8>, FetchError> {
    let exchange = exchange(base, path, bounds.max_bytes);
    tokio::time::timeout(bounds.timeout, exchange).await.unwrap_or(Err(FetchError::Timeout(bounds.timeout)))
}

async fn exchange(base: &BaseUrl, path: &str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let stream =
        TcpStream::connect((base.host(), base.port())).await.map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => FetchError::Refused,
            _ => FetchError::Connect(error),
        })?;
    let request = Request::get(format!("{}{path}", base.path()))
        .header(HOST, base.authority())
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(FetchError::Request)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(explain)?;
    let response = async {
        let response = sender.send_request(request).await.map_err(explain)?;
        match response.status() {
            StatusCode::OK => body(response.into_body(), max_bytes).await,
            status => Err(FetchError::Status(status)),
        }
    };
    // The connection must be polled beside the response. Its errors arrive through the response, too.
    let connection = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        result = response => result,
        never = connection => match never {},
    }
}

async fn body(mut body: Incoming, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(explain)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(FetchError::TooLarge(max_bytes));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn explain(error: hyper::Error) -> FetchError {
    if error.is_incomplete_message() || error.is_canceled() || error.is_body_write_aborted() {
        return FetchError::Incomplete;
    }
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<std::io::Error>().is_some() {
            return FetchError::Incomplete;
        }
        cause = inner.source();
    }
    FetchError::Http(error)
}
