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

mod bounded;
pub mod devices;
pub mod ec2;
mod explain;
pub mod imds;
pub mod machine;
pub mod tags;
mod task;
pub mod volumes;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use insightd_aws::sdk::AwsSettings;
use insightd_peer::Status;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use ec2::Client;
pub use explain::AskError;
pub use imds::Identity;
pub use volumes::Attachment;

/// Settings of [`InstanceWatch`].
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// `true` if this machine is known to be an EC2 instance: then a missing answer is a failure. Otherwise it means that
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
    known: Arc<Known>,
    is_certain: bool,
    asks_ec2: bool,
    task: JoinHandle<()>,
}

/// State shared by the task and its readers.
#[derive(Debug)]
struct Known {
    facts: Mutex<Arc<InstanceFacts>>,
    imds: Arc<Status>,
    ec2: Arc<Status>,
    wants_volumes: AtomicBool,
    wanted: Notify,
}

impl InstanceWatch {
    /// Spawns the task. Must be called within the runtime.
    pub fn start(settings: InstanceSettings) -> Self {
        let known = Arc::new(Known {
            facts: Mutex::default(),
            imds: Arc::new(Status::new("imds")),
            ec2: Arc::new(Status::new("ec2")),
            wants_volumes: AtomicBool::new(false),
            wanted: Notify::new(),
        });
        // With volumes alone there may never be a request.
        let (is_certain, asks_ec2) = (settings.is_certain, settings.tags);
        let task = tokio::spawn(task::run(Arc::clone(&known), settings));
        Self { known, is_certain, asks_ec2, task }
    }

    /// Returns the facts known so far.
    pub fn facts(&self) -> Arc<InstanceFacts> {
        Arc::clone(&self.known.facts())
    }

    /// Requests volumes from now on, because a disk does not identify its volume.
    pub fn want_volumes(&self) {
        if !self.known.wants_volumes.swap(true, Ordering::Relaxed) {
            self.known.wanted.notify_one();
        }
    }

    /// Returns the status of instance metadata requests.
    pub fn imds(&self) -> &Arc<Status> {
        &self.known.imds
    }

    /// Returns the status of EC2 API requests.
    pub fn ec2(&self) -> &Arc<Status> {
        &self.known.ec2
    }

    /// Returns the statuses to show to operators: none on a machine that may not be an EC2 instance, where a missing answer
    /// means nothing.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        let Self { known, asks_ec2, is_certain, .. } = self;
        let ec2 = asks_ec2.then(|| Arc::clone(&known.ec2));
        let both = [Some(Arc::clone(&known.imds)), ec2];
        both.into_iter().flatten().filter(|_| *is_certain).collect()
    }
}

impl Drop for InstanceWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Known {
    /// Locks the facts. After a panic elsewhere the pointer is still valid.
    fn facts(&self) -> MutexGuard<'_, Arc<InstanceFacts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut InstanceFacts)) {
        change(Arc::make_mut(&mut self.facts()));
    }
}
