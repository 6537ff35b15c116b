//! The body of a response, from a connection or from a command.

use hyper::body::Bytes;

use super::child::Child;
use super::endpoint::Endpoint;
use super::error::Failure;
use super::http::{self, Response};

/// A body that arrives in chunks.
#[derive(Debug)]
pub(super) enum Body {
    /// Of an HTTP response.
    Http(Response),
    /// Standard output of a command.
    Child(Child),
}

/// Requests a path.
pub(super) async fn open(endpoint: &Endpoint, path: &str) -> Result<Body, Failure> {
    match endpoint {
        Endpoint::Socket(socket) => Ok(Body::Http(http::over_socket(socket, path).await?)),
        Endpoint::Address(address) => Ok(Body::Http(http::over_tcp(address, path).await?)),
        Endpoint::Exec(words) => Ok(Body::Child(Child::start(words, path)?)),
    }
}

impl Body {
    /// Waits for the next bytes; `None` is the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Http(response) => response.chunk().await,
            Self::Child(child) => child.chunk().await,
        }
    }
}

/// Returns a path without its query, for messages.
pub(super) fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
