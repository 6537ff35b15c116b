//! A client of the EC2 API for the two operations that the agent calls: DescribeTags and DescribeVolumes.
//!
//! Credentials, signing, timeouts, retries and clock skew correction come from the SDK's runtime, which its generated clients
//! use too. This module adds the parts that are otherwise generated: endpoints, requests and responses. The generated client
//! has 700 more operations and takes minutes to compile (docs/decisions/027).

mod endpoint;
mod page;
mod request;
mod rows;
mod runtime;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::runtime_plugin::SharedRuntimePlugin;
use aws_smithy_types::error::ErrorMetadata;
use insightd_upstream::UpstreamStatus;

use crate::explain::{Ec2Error, explain};
use page::Page;
pub(crate) use page::Row;
pub(crate) use rows::{Tag, Volume};

/// Maximum number of pages of one list; an instance has about 60 tags and at most a few hundred volumes.
const MAX_PAGES: usize = 20;

/// An AWS configuration without the parts that a client needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A required part of the configuration is missing.
    #[error("the AWS configuration has no {0}")]
    Missing(&'static str),
    /// Two settings contradict each other.
    #[error("{0} endpoints cannot be combined with an endpoint URL: remove one of the two settings")]
    EndpointConflict(&'static str),
}

/// A client of the EC2 API.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: String,
    runtime: SharedRuntimePlugin,
}

impl Client {
    /// Creates a client from the configuration that all AWS clients share.
    ///
    /// # Errors
    /// If the configuration lacks a part, or its settings contradict each other.
    pub fn new(config: &SdkConfig) -> Result<Self, ClientError> {
        Ok(Self { endpoint: endpoint::url(config)?, runtime: runtime::plugin(config)? })
    }

    /// Lists all rows that match the filters, which are pairs of name and value; counts the requests in `status`.
    ///
    /// # Errors
    /// If a request fails, or there are more than [`MAX_PAGES`] pages.
    pub(crate) async fn list<T: Row>(
        &self,
        filters: &[(&str, &str)],
        status: &UpstreamStatus,
    ) -> Result<Vec<T>, Ec2Error> {
        let operation = self.operation::<T>();
        let (mut rows, mut token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            status.requested();
            let form = request::form::<T>(filters, token.as_deref());
            let page = operation.invoke(form).await.map_err(|error| explain(&error, T::PERMISSION))?;
            rows.extend(page.rows);
            token = page.next_token;
            if token.is_none() {
                return Ok(rows);
            }
        }
        let text = format!("more than {MAX_PAGES} pages of {}", T::NOUN);
        Err(Ec2Error::Other { action: T::PERMISSION, text })
    }

    fn operation<T: Row>(&self) -> Operation<String, Page<T>, ErrorMetadata> {
        Operation::builder()
            .service_name(runtime::SERVICE)
            .operation_name(T::OPERATION)
            .endpoint_url(&self.endpoint)
            .runtime_plugin(self.runtime.clone())
            .serializer(request::serialize)
            .deserializer(page::deserialize::<T>)
            .build()
    }
}
