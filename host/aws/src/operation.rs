//! Clients of single operations.
//!
//! Credentials, signing, timeouts, retries and clock skew correction come from the SDK's runtime, which its generated clients
//! use too. This module adds the endpoints and the errors of such a client; requests and responses of its operations belong to
//! the crate that calls them. A generated client has hundreds of operations and takes minutes to compile
//! (docs/decisions/027).

mod endpoint;
mod error;
mod runtime;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime_api::client::runtime_plugin::SharedRuntimePlugin;

pub use error::ApiError;

/// An AWS service.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Name in messages.
    pub noun: &'static str,
    /// Name in host names and signatures, such as `ec2`.
    pub name: &'static str,
    /// Service id of the SDK, which its settings are named by.
    pub id: &'static str,
    /// True if the plain endpoints of GovCloud are FIPS endpoints, and there is no other variant.
    pub is_fips_in_gov: bool,
    /// Maximum bytes of a response.
    pub max_response_bytes: usize,
    /// Advice if there are no credentials.
    pub credentials_advice: &'static str,
    /// Advice if the API cannot be reached.
    pub endpoint_advice: &'static str,
}

/// An AWS configuration that a client cannot be created from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A required part of the configuration is missing.
    #[error("the AWS configuration has no {0}")]
    Missing(&'static str),
    /// Two settings contradict each other.
    #[error("{0} endpoints cannot be combined with an endpoint URL: remove one of the two settings")]
    EndpointConflict(&'static str),
}

/// A client of single operations of a service.
#[derive(Clone, Debug)]
pub struct OperationClient {
    service: &'static Service,
    endpoint: String,
    runtime: SharedRuntimePlugin,
}

impl OperationClient {
    /// Creates a client from the configuration that all AWS clients share.
    ///
    /// # Errors
    /// If the configuration lacks a part, or its settings contradict each other.
    pub fn new(service: &'static Service, config: &SdkConfig) -> Result<Self, ClientError> {
        Ok(Self {
            service,
            endpoint: endpoint::url(service, config)?,
            runtime: runtime::plugin(service, config)?,
        })
    }

    /// Returns the builder of an operation, which lacks the forms of its request and its response.
    pub fn operation(&self, name: &'static str) -> OperationBuilder {
        Operation::builder()
            .service_name(self.service.name)
            .operation_name(name)
            .endpoint_url(&self.endpoint)
            .runtime_plugin(self.runtime.clone())
    }
}
