//! A client of the EC2 API for the two operations that the agent calls: DescribeTags and DescribeVolumes.
//!
//! This module adds requests and responses to a client on the SDK's runtime ([`insightd_aws::operation`]).

mod page;
mod request;
mod rows;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_types::error::ErrorMetadata;
use insightd_aws::operation::{ApiError, OperationClient, Service};
use insightd_upstream::UpstreamStatus;

pub use insightd_aws::operation::ClientError;
use page::Page;
pub(crate) use page::Row;
pub(crate) use rows::{Tag, Volume};

/// Maximum number of pages of one list; an instance has about 60 tags and at most a few hundred volumes.
const MAX_PAGES: usize = 20;

static EC2: Service = Service {
    noun: "EC2",
    name: "ec2",
    id: "EC2",
    is_fips_in_gov: true,
    // A page has at most 1000 tags or 500 volumes, of about 1 KB each.
    max_response_bytes: 2 << 20,
    credentials_advice: "give the agent a role with EKS Pod Identity, IRSA or an instance profile",
    endpoint_advice: "a VPC without internet access needs the interface endpoint com.amazonaws.REGION.ec2; set \
                      `instance.endpoint_url` if that has no private DNS",
};

/// A client of the EC2 API.
#[derive(Clone, Debug)]
pub struct Client(OperationClient);

impl Client {
    /// Creates a client from the configuration that all AWS clients share.
    ///
    /// # Errors
    /// If the configuration lacks a part, or its settings contradict each other.
    pub fn new(config: &SdkConfig) -> Result<Self, ClientError> {
        OperationClient::new(&EC2, config).map(Self)
    }

    /// Lists all rows that match the filters, which are pairs of name and value; counts the requests in `status`.
    ///
    /// # Errors
    /// If a request fails, or there are more than [`MAX_PAGES`] pages.
    pub(crate) async fn list<T: Row>(
        &self,
        filters: &[(&str, &str)],
        status: &UpstreamStatus,
    ) -> Result<Vec<T>, ApiError> {
        let operation = self.operation::<T>();
        let (mut rows, mut token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            status.requested();
            let form = request::form::<T>(filters, token.as_deref());
            let page = operation.invoke(form).await.map_err(|error| EC2.explain(&error, T::PERMISSION))?;
            rows.extend(page.rows);
            token = page.next_token;
            if token.is_none() {
                return Ok(rows);
            }
        }
        let text = format!("more than {MAX_PAGES} pages of {}", T::NOUN);
        Err(ApiError::Other { action: T::PERMISSION, text })
    }

    fn operation<T: Row>(&self) -> Operation<String, Page<T>, ErrorMetadata> {
        self.0
            .operation(T::OPERATION)
            .serializer(request::serialize)
            .deserializer(page::deserialize::<T>)
            .build()
    }
}
