//! Client of a running agent's local API: `/v1/state`, `/v1/history` and `/v1/tap`.
//!
//! The API is HTTP over a Unix socket in the agent's `state_dir`, HTTP on its operations address (without the tap), or the
//! standard output of `insightd api PATH`, which a command such as `kubectl exec` runs where the agent is. Whatever is read
//! has a bound in bytes and in time.

mod body;
mod child;
mod document;
mod endpoint;
mod error;
mod http;
mod lines;
mod tap;

use std::time::Duration;

pub(crate) use document::{History, Labels, State, lost_events};
pub(crate) use endpoint::{DEFAULT_SOCKET, Endpoint};
pub(crate) use error::{Failure, LiveError};
pub(crate) use lines::Lines;
pub(crate) use tap::{TapQuery, Tapped, When};

/// Time limit from connecting to the last byte of a document.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a command, which may have to log in to a cluster first.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a document, bytes. The state of an agent has some hundred kilobytes, its history some megabytes.
const MAX_DOCUMENT: usize = 32 << 20;

/// A running agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    endpoint: Endpoint,
    timeout: Duration,
}

impl Agent {
    /// Creates the client; it connects with every request.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let timeout = if matches!(endpoint, Endpoint::Exec(_)) { COMMAND_TIMEOUT } else { TIMEOUT };
        Self { endpoint, timeout }
    }

    /// Returns the endpoint, for people.
    pub(crate) fn name(&self) -> String {
        self.endpoint.to_string()
    }

    /// Requests `/v1/state`.
    ///
    /// # Errors
    /// No agent responds in time, or the response is not this document.
    pub(crate) async fn state(&self) -> Result<State, LiveError> {
        let text = self.document("/v1/state").await?;
        State::parse(&text).map_err(|failure| self.failed(failure))
    }

    /// Requests `/v1/history`.
    ///
    /// # Errors
    /// No agent responds in time, or the response is not this document.
    pub(crate) async fn history(&self) -> Result<History, LiveError> {
        let text = self.document("/v1/history").await?;
        History::parse(&text).map_err(|failure| self.failed(failure))
    }

    /// Opens the stream of a tap. Its first line may be as far away as the agent's next tick.
    ///
    /// # Errors
    /// No agent responds in time, or it does not allow a tap here.
    pub(crate) async fn tap(&self, query: &TapQuery) -> Result<Lines, LiveError> {
        let opened = tokio::time::timeout(self.timeout, body::open(&self.endpoint, &query.path())).await;
        let body =
            opened.unwrap_or(Err(Failure::Silent(self.timeout))).map_err(|error| self.failed(error))?;
        Ok(Lines::new(body, self.endpoint.clone()))
    }

    pub(crate) async fn document(&self, path: &str) -> Result<String, LiveError> {
        let read = tokio::time::timeout(self.timeout, self.read(path)).await;
        read.unwrap_or(Err(Failure::Silent(self.timeout))).map_err(|failure| self.failed(failure))
    }

    async fn read(&self, path: &str) -> Result<String, Failure> {
        let mut body = body::open(&self.endpoint, path).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            if bytes.len() + chunk.len() > MAX_DOCUMENT {
                return Err(Failure::TooLarge { path: path.to_owned(), bytes: MAX_DOCUMENT });
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes)
            .map_err(|_| Failure::Foreign { path: path.to_owned(), reason: "it is not UTF-8".into() })
    }

    fn failed(&self, failure: Failure) -> LiveError {
        LiveError { endpoint: self.endpoint.to_string(), failure }
    }
}

#[cfg(test)]
mod tests;
