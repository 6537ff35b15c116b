//! HTTP over a Unix socket or a TCP connection, one request each.

use std::io::ErrorKind;
use std::path::Path;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::body::without_query;
use super::error::Failure;

/// Maximum bytes of an error's body that are read, and characters that are shown.
const MAX_MESSAGE: usize = 4 << 10;
const SHOWN: usize = 300;

/// A response whose head has arrived.
#[derive(Debug)]
pub(super) struct Response {
    body: Incoming,
    connection: JoinHandle<()>,
}

impl Drop for Response {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Sends a request over the agent's socket.
pub(super) async fn over_socket(socket: &Path, path: &str) -> Result<Response, Failure> {
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::NoSocket,
        ErrorKind::ConnectionRefused => Failure::NoListener,
        ErrorKind::PermissionDenied => Failure::Permission,
        _ => Failure::Connect(error),
    })?;
    request(stream, "localhost", path).await
}

/// Sends a request to the operations server.
pub(super) async fn over_tcp(address: &str, path: &str) -> Result<Response, Failure> {
    let stream = TcpStream::connect(address).await.map_err(Failure::Connect)?;
    // The agent accepts requests for IP addresses, whatever name it was found by.
    let host = stream.peer_addr().map_err(Failure::Connect)?.to_string();
    request(stream, &host, path).await
}

async fn request<S>(stream: S, host: &str, path: &str) -> Result<Response, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| match error.is_parse() {
        true => {
            Failure::Foreign { path: without_query(path).to_owned(), reason: format!("no HTTP: {error}") }
        }
        false => Failure::Lost(error.to_string()),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(async move { drop(connection.await) });
    let request = Request::get(path).header("host", host).header("connection", "close");
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| Failure::Lost(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let mut response = Response { body: response.into_body(), connection };
    if status == StatusCode::OK {
        return Ok(response);
    }
    let message = response.message().await;
    Err(Failure::Status { path: without_query(path).to_owned(), status: status.as_u16(), message })
}

impl Response {
    /// Waits for the next bytes; `None` is the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Failure::Lost(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the first line of an error's body.
    async fn message(&mut self) -> String {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_MESSAGE {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let line: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
        if line.trim().is_empty() { String::new() } else { format!(": {line}") }
    }
}
