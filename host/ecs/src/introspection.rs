//! Client of the ECS agent's introspection API: the container instance and its tasks.
//!
//! The agent listens on port 51678 of the instance, whose iptables rules restrict the access: from the host's network, the
//! loopback address; from a task with its own network, a private address of the instance. Several addresses are therefore
//! tried, and the first that responds is used until it fails.

mod parse;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use insightd_upstream::UpstreamStatus;

use crate::facts::{Instance, TaskList};
use crate::fetch::{self, BaseUrl, Bounds, UrlError};
use crate::json::{JsonError, Problems};
pub use parse::{parse_instance, parse_tasks};

/// Port of the introspection API.
const PORT: u16 = 51678;

/// Maximum bytes of a response. A task has about 1 KB for each container.
const MAX_RESPONSE_BYTES: usize = 5 << 20;

/// Maximum number of addresses of the instance that are tried.
const MAX_ADDRESSES: usize = 8;

/// Default time limit of a response, which comes from the memory of a process on the same machine.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionSettings {
    /// Address such as `http://10.0.0.7:51678`; if set, no other is tried.
    pub endpoint: Option<String>,
    /// Private addresses of the instance, tried after the loopback addresses.
    pub addresses: Vec<IpAddr>,
    /// Time limit of one response.
    pub timeout: Duration,
}

impl Default for IntrospectionSettings {
    fn default() -> Self {
        Self { endpoint: None, addresses: Vec::new(), timeout: DEFAULT_TIMEOUT }
    }
}

/// An error of the introspection API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionError {
    /// The configured endpoint is not an address.
    #[error("ECS agent: {0}")]
    Endpoint(#[from] UrlError),
    /// No address has a usable response.
    #[error(
        "cannot read {path} of the ECS agent ({attempts}): check that the ECS agent runs on this instance, and that \
         network policies and iptables rules allow port 51678"
    )]
    NoResponse {
        /// Path of the request.
        path: &'static str,
        /// Each address with its error text.
        attempts: String,
    },
}

/// A client of the introspection API.
#[derive(Debug)]
pub struct Introspection {
    timeout: Duration,
    endpoint: Option<BaseUrl>,
    addresses: Vec<IpAddr>,
    /// The address that responded last.
    current: Option<BaseUrl>,
}

impl Introspection {
    /// Creates a client. Sends nothing yet.
    ///
    /// # Errors
    /// If the configured endpoint is not a valid address.
    pub fn new(settings: IntrospectionSettings) -> Result<Self, IntrospectionError> {
        let IntrospectionSettings { endpoint, addresses, timeout } = settings;
        let endpoint = endpoint.as_deref().map(BaseUrl::parse).transpose()?;
        Ok(Self { timeout, endpoint, addresses, current: None })
    }

    /// Replaces the private addresses of the instance, which a new search uses.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.addresses = addresses;
    }

    /// Returns the address that responded last; `None` before the first response and after a failure.
    pub fn address(&self) -> Option<String> {
        self.current.as_ref().map(BaseUrl::to_string)
    }

    /// Requests the container instance. Counts requests and bytes in `status`.
    ///
    /// # Errors
    /// If no address has a usable response.
    pub async fn instance(
        &mut self,
        status: &UpstreamStatus,
    ) -> Result<(Instance, Problems), IntrospectionError> {
        self.get("/v1/metadata", status, parse_instance).await
    }

    /// Requests the tasks. Counts requests, bytes and lost rows in `status`.
    ///
    /// # Errors
    /// If no address has a usable response.
    pub async fn tasks(&mut self, status: &UpstreamStatus) -> Result<TaskList, IntrospectionError> {
        let list = self.get("/v1/tasks", status, parse_tasks).await?;
        status.left_out(list.problems.rows);
        Ok(list)
    }

    async fn get<T>(
        &mut self,
        path: &'static str,
        status: &UpstreamStatus,
        parse: fn(&[u8]) -> Result<T, JsonError>,
    ) -> Result<T, IntrospectionError> {
        let candidates = match self.current.take() {
            Some(current) => vec![current],
            None => self.candidates(),
        };
        let bounds = Bounds { timeout: self.timeout, max_bytes: MAX_RESPONSE_BYTES };
        let mut attempts = Vec::new();
        for candidate in candidates {
            status.requested();
            let error = match fetch::get(&candidate, path, bounds).await {
                Ok(body) => {
                    status.received(body.len() as u64);
                    match parse(&body) {
                        Ok(parsed) => {
                            self.current = Some(candidate);
                            return Ok(parsed);
                        }
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            attempts.push(format!("{candidate}: {error}"));
        }
        Err(IntrospectionError::NoResponse { path, attempts: attempts.join("; ") })
    }

    fn candidates(&self) -> Vec<BaseUrl> {
        if let Some(endpoint) = &self.endpoint {
            return vec![endpoint.clone()];
        }
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let own = self.addresses.iter().take(MAX_ADDRESSES).copied();
        loopback.into_iter().chain(own).map(|address| BaseUrl::from_ip(address, PORT)).collect()
    }
}

#[cfg(test)]
mod tests;
