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
//!
//! The requests are behind the feature `client`: without it the task cannot be started, and only the types are left.

pub mod devices;
#[cfg(feature = "client")]
pub mod ec2;
mod facts;
#[cfg(feature = "client")]
pub mod imds;
pub mod machine;
#[cfg(feature = "client")]
mod settings;
#[cfg(feature = "client")]
pub mod tags;
#[cfg(feature = "client")]
mod task;
#[cfg(feature = "client")]
pub mod volumes;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use insightd_upstream::{UpstreamStatus, lock};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

#[cfg(feature = "client")]
pub use ec2::Client;
pub use facts::{Attachment, Identity, InstanceFacts};
#[cfg(feature = "client")]
pub use insightd_aws::operation::ApiError as Ec2Error;
#[cfg(feature = "client")]
pub use insightd_aws::sdk::Access;
#[cfg(feature = "client")]
pub use settings::InstanceSettings;

/// Message about a machine that is not an EC2 instance.
pub const NOT_EC2: &str = "this does not seem to be an EC2 instance: events lack AutoScalingGroupName and EBS volumes, and \
                           InstanceId and InstanceType unless the Node object has them; set `node.instance` if you need them";

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
}
