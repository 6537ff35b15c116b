//! The client of `insightd status` and `insightd api`: one request to a running agent.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::cli;
use crate::runtime;
use crate::server::Io;

/// Time limit from connecting to the head of the response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of a response that reports an error.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A running agent.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Host and port of its operations server.
    Address(String),
    /// Path of its Unix socket.
    Socket(PathBuf),
}

/// Requests a path. Returns the response when its head is there.
pub(crate) async fn get(target: &Target, path: &str) -> anyhow::Result<Response<Incoming>> {
    let (stream, host): (Box<dyn Io>, _) = match target {
        Target::Address(address) => {
            // Tries all addresses of a name: an agent that listens on 127.0.0.1 is not at the ::1 of `localhost`.
            let stream = TcpStream::connect(address).await?;
            // The agent answers requests for IP addresses, whatever name it was found by.
            let host = stream.peer_addr()?.to_string();
            (Box::new(stream), host)
        }
        Target::Socket(path) => (Box::new(UnixStream::connect(path).await?), "localhost".to_owned()),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new());
    Ok(sender.send_request(request.context("invalid path")?).await?)
}

/// Returns the body of a response, of at most `max_bytes`.
pub(crate) async fn body(response: Response<Incoming>, max_bytes: usize) -> anyhow::Result<Bytes> {
    let body = Limited::new(response.into_body(), max_bytes).collect().await;
    Ok(body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes())
}

/// `insightd api`: prints the response of the agent on this machine as it arrives.
///
/// # Errors
/// No agent responds in time, or it reports an error.
pub fn api(options: &cli::Api) -> anyhow::Result<()> {
    let path = &options.path;
    if !path.starts_with('/') {
        bail!("`{path}` is not a path: expected /v1/state, for example");
    }
    let target = match &options.address {
        Some(address) => Target::Address(address.clone()),
        None => Target::Socket(options.socket.clone()),
    };
    let runtime = runtime::create()?;
    let result = runtime.block_on(print(&target, path));
    runtime.shutdown_background();
    result
}

async fn print(target: &Target, path: &str) -> anyhow::Result<()> {
    let response = timeout(TIMEOUT, get(target, path)).await;
    let response = response.unwrap_or_else(|_| bail!("no response within {} s", TIMEOUT.as_secs()));
    let response = response.with_context(|| match target {
        Target::Address(address) => format!("cannot query the agent at {address}"),
        Target::Socket(socket) => {
            format!(
                "cannot query the agent at {} (is it running, and is this its `operations.socket`?)",
                socket.display()
            )
        }
    })?;
    if response.status() != StatusCode::OK {
        let status = response.status();
        let text = body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
        bail!("{path}: {status}: {}", String::from_utf8_lossy(&text).trim_end());
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.context("the response ended early")?.into_data() else { continue };
        let mut out = io::stdout().lock();
        match out.write_all(&chunk).and_then(|()| out.flush()) {
            // The reader has enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.context("cannot write to standard output")?,
        }
    }
    Ok(())
}
