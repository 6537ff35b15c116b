//! Facts about the EC2 instance that the agent runs on: its identity, its Auto Scaling group and cluster, and the volumes
//! behind its disks.
//!
//! ```text
//! instance metadata   instance id, type, region, zone     until they are known, then never again
//! ec2:DescribeTags    Auto Scaling group, cluster name    hourly; more often while a name is missing
//! ec2:DescribeVolumes volumes by the device name of       every few minutes, only if a disk does not
//!                     their attachment                    identify its volume (Xen)
//! ```
//!
//! One background task sends the requests; readers get the facts known so far and never wait. Known facts are kept if
//! requests fail. Tags come from the API because instance metadata does not serve keys with a `/`, such as
//! `kubernetes.io/cluster/NAME`.

pub mod devices;
pub mod ec2;
mod explain;
pub mod imds;
pub mod machine;
pub mod tags;
mod task;
pub mod volumes;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::SdkConfig;
use insightd_aws::sdk::AwsSettings;
use insightd_upstream::{UpstreamStatus, lock};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use ec2::Client;
pub use explain::Ec2Error;
pub use imds::Identity;
pub use volumes::Attachment;

/// Message about a machine that is not an EC2 instance.
pub const NOT_EC2: &str = "this does not seem to be an EC2 instance: events lack AutoScalingGroupName and EBS volumes, and \
                           InstanceId and InstanceType unless the Node object has them; set `node.instance` if you need them";

/// Settings of [`InstanceWatch`].
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// `true` if this machine is known to be an EC2 instance: then a missing response is a failure. Otherwise it means that
    /// the machine is not one, which is logged once.
    pub is_certain: bool,
    /// Address of instance metadata; defaults to `AWS_EC2_METADATA_SERVICE_ENDPOINT`, then to the address of EC2.
    pub imds_endpoint: Option<String>,
    /// Access to the EC2 API.
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

/// Access to the EC2 API. Its region is always that of the instance.
#[derive(Clone, Debug)]
pub enum Access {
    /// Settings for a client that is created for each round of requests and dropped afterwards: requests are so rare that
    /// connections, certificates and credentials are not worth keeping.
    Load(AwsSettings),
    /// A given configuration.
    Ready(Box<SdkConfig>),
}

/// A snapshot of the known facts about the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Identity of the instance.
    pub identity: Option<Identity>,
    /// Name of its Auto Scaling group.
    pub autoscaling_group: Option<String>,
    /// Name of the cluster in its tags.
    pub cluster_name: Option<String>,
    /// Volumes with the device names of their attachments.
    pub attachments: Vec<Attachment>,
}

/// A background task that collects facts about the instance until it is dropped.
#[derive(Debug)]
pub struct InstanceWatch {
    shared: Arc<SharedState>,
    is_certain: bool,
    queries_ec2: bool,
    task: JoinHandle<()>,
}

/// State shared by the task and its readers.
#[derive(Debug)]
struct SharedState {
    facts: Mutex<Arc<InstanceFacts>>,
    imds: Arc<UpstreamStatus>,
    ec2: Arc<UpstreamStatus>,
    wants_volumes: AtomicBool,
    volumes_wanted: Notify,
}

impl InstanceWatch {
    /// Spawns the task. Must be called within the runtime.
    pub fn start(settings: InstanceSettings) -> Self {
        let shared = Arc::new(SharedState {
            facts: Mutex::default(),
            imds: Arc::new(UpstreamStatus::new("imds")),
            ec2: Arc::new(UpstreamStatus::new("ec2")),
            wants_volumes: AtomicBool::new(false),
            volumes_wanted: Notify::new(),
        });
        // With volumes alone there may never be a request.
        let (is_certain, queries_ec2) = (settings.is_certain, settings.tags);
        let task = tokio::spawn(task::run(Arc::clone(&shared), settings));
        Self { shared, is_certain, queries_ec2, task }
    }

    /// Returns the facts known so far.
    pub fn facts(&self) -> Arc<InstanceFacts> {
        Arc::clone(&self.shared.facts())
    }

    /// Requests volumes from now on, because a disk does not identify its volume.
    pub fn want_volumes(&self) {
        if !self.shared.wants_volumes.swap(true, Ordering::Relaxed) {
            self.shared.volumes_wanted.notify_one();
        }
    }

    /// Returns the status of instance metadata requests.
    pub fn imds(&self) -> &Arc<UpstreamStatus> {
        &self.shared.imds
    }

    /// Returns the status of EC2 API requests.
    pub fn ec2(&self) -> &Arc<UpstreamStatus> {
        &self.shared.ec2
    }

    /// Returns the statuses to show to operators: none on a machine that may not be an EC2 instance, where a missing response
    /// means nothing.
    pub fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        let Self { shared, queries_ec2, is_certain, .. } = self;
        let ec2 = queries_ec2.then(|| Arc::clone(&shared.ec2));
        let both = [Some(Arc::clone(&shared.imds)), ec2];
        both.into_iter().flatten().filter(|_| *is_certain).collect()
    }
}

impl Drop for InstanceWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SharedState {
    fn facts(&self) -> MutexGuard<'_, Arc<InstanceFacts>> {
        lock(&self.facts)
    }

    fn update(&self, update: impl FnOnce(&mut InstanceFacts)) {
        update(Arc::make_mut(&mut self.facts()));
    }
}
