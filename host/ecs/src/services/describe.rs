//! A client of the ECS API for the one operation that the agent calls: DescribeTasks.

mod wire;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_types::error::ErrorMetadata;
use insightd_aws::operation::{ApiError, ClientError, OperationClient, Service};
use insightd_upstream::UpstreamStatus;

use crate::facts::TaskOrigins;

/// IAM permission of the request.
const ACTION: &str = "ecs:DescribeTasks";

/// Maximum number of tasks of a request.
pub(super) const MAX_TASKS: usize = 100;

static ECS: Service = Service {
    noun: "ECS",
    name: "ecs",
    id: "ECS",
    is_fips_in_gov: false,
    // A task has about 4 KB for each of its containers.
    max_response_bytes: 4 << 20,
    credentials_advice: "give the agent a task role or an instance profile",
    endpoint_advice: "a VPC without internet access needs the interface endpoint com.amazonaws.REGION.ecs",
};

/// A client of the ECS API.
#[derive(Clone, Debug)]
pub struct Client(OperationClient);

impl Client {
    /// Creates a client from the configuration that all AWS clients share.
    ///
    /// # Errors
    /// If the configuration lacks a part, or its settings contradict each other.
    pub fn new(config: &SdkConfig) -> Result<Self, ClientError> {
        OperationClient::new(&ECS, config).map(Self)
    }

    /// Requests up to 100 tasks of a cluster by their ARNs. Returns those that the API knows, by task id. Counts the request in
    /// `status`.
    ///
    /// # Errors
    /// If the request fails; the error tells operators what to do.
    pub async fn describe(
        &self,
        cluster: &str,
        arns: &[&str],
        status: &UpstreamStatus,
    ) -> Result<TaskOrigins, ApiError> {
        status.requested();
        let operation: Operation<String, TaskOrigins, ErrorMetadata> = self
            .0
            .operation("DescribeTasks")
            .serializer(wire::serialize)
            .deserializer(wire::deserialize)
            .build();
        let body = wire::request(cluster, arns);
        operation.invoke(body).await.map_err(|error| ECS.explain(&error, ACTION))
    }
}
