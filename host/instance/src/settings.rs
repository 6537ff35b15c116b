//! Settings of the background task.

use std::time::Duration;

use insightd_aws::sdk::Access;

/// Settings of [`InstanceWatch`](crate::InstanceWatch).
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// `true` if this machine is known to be an EC2 instance: then a missing response is a failure. Otherwise it means that
    /// the machine is not one, which is logged once.
    pub is_certain: bool,
    /// Address of instance metadata; defaults to `AWS_EC2_METADATA_SERVICE_ENDPOINT`, then to the address of EC2.
    pub imds_endpoint: Option<String>,
    /// Access to the EC2 API. Its region is always that of the instance.
    pub access: Access,
    /// Enables requests for tags.
    pub tags: bool,
    /// Enables reading the cluster name from the tags.
    pub wants_cluster_name: bool,
    /// Warning for a cluster name that the tags do not contain either.
    pub unknown_cluster_name: &'static str,
    /// Enables requests for volumes if a disk does not identify its volume.
    pub volumes: bool,
    /// Time between two requests for volumes.
    pub refresh: Duration,
    /// Maximum delay of the first EC2 API request, which spreads the requests of a restarting fleet.
    pub start_jitter: Duration,
}
