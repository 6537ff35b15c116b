//! The EC2 instance that the agent runs on: what it is, which group and cluster it belongs to, which volumes are behind its
//! disks.
//!
//! ```text
//! instance metadata   instance id, type, region, zone     until they are known, then never again
//! ec2:DescribeTags    Auto Scaling group, cluster name    hourly; more often while a name is missing
//! ec2:DescribeVolumes volumes by the name they were       every few minutes, only where a disk does not say itself
//!                     attached under                      which volume it is: Xen
//! ```
//!
//! One task asks; whoever wants to know gets what is known. Nothing waits for it, and what is known stays when asking
//! fails. Tags come from the API and not from instance metadata, which refuses keys with a `/` in them, such as
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

/// What to find out.
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// Whether this machine is known to be an EC2 instance: then no answer is a failure. Otherwise it means that the machine
    /// is elsewhere, which is said once.
    pub is_certain: bool,
    /// Address of instance metadata in place of its own; `AWS_EC2_METADATA_SERVICE_ENDPOINT` comes next.
    pub imds_endpoint: Option<String>,
    /// How the EC2 API is asked.
    pub access: Access,
    /// Whether tags are asked for.
    pub tags: bool,
    /// Whether the name of the cluster is wanted of them.
    pub wants_cluster_name: bool,
    /// Whether volumes are asked for, where that tells more than the disks themselves.
    pub volumes: bool,
    /// Time between two questions for volumes.
    pub refresh: Duration,
    /// The longest wait before the EC2 API is first asked: a fleet that restarts comes in one by one.
    pub start_jitter: Duration,
}

/// How the EC2 API is asked. Its region is always that of the instance.
#[derive(Clone, Debug)]
pub enum Access {
    /// Made ready for each question and dropped after it: it is asked so rarely that connections, certificates and
    /// credentials are not worth keeping.
    Load(AwsSettings),
    /// Made ready by others.
    Ready(Box<SdkConfig>),
}

/// What is known of the instance at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// What it is.
    pub identity: Option<Identity>,
    /// Name of its Auto Scaling group.
    pub autoscaling_group: Option<String>,
    /// Name of the cluster that its tags name.
    pub cluster_name: Option<String>,
    /// Volumes by the name they were attached under.
    pub attachments: Vec<Attachment>,
}

/// Finds out about the instance until it is dropped.
#[derive(Debug)]
pub struct InstanceWatch {
    known: Arc<Known>,
    is_certain: bool,
    asks_ec2: bool,
    task: JoinHandle<()>,
}

/// What the task writes and others read.
#[derive(Debug)]
struct Known {
    facts: Mutex<Arc<InstanceFacts>>,
    imds: Arc<Status>,
    ec2: Arc<Status>,
    wants_volumes: AtomicBool,
    wanted: Notify,
}

impl InstanceWatch {
    /// Spawns the task. To be called within the runtime.
    pub fn start(settings: InstanceSettings) -> Self {
        let known = Arc::new(Known {
            facts: Mutex::default(),
            imds: Arc::new(Status::new("imds")),
            ec2: Arc::new(Status::new("ec2")),
            wants_volumes: AtomicBool::new(false),
            wanted: Notify::new(),
        });
        // Volumes alone may never have to be asked for.
        let (is_certain, asks_ec2) = (settings.is_certain, settings.tags);
        let task = tokio::spawn(task::run(Arc::clone(&known), settings));
        Self { known, is_certain, asks_ec2, task }
    }

    /// What is known now.
    pub fn facts(&self) -> Arc<InstanceFacts> {
        Arc::clone(&self.known.facts())
    }

    /// There is a disk that does not say itself which volume it is: from now on volumes are asked for.
    pub fn want_volumes(&self) {
        if !self.known.wants_volumes.swap(true, Ordering::Relaxed) {
            self.known.wanted.notify_one();
        }
    }

    /// How asking instance metadata goes.
    pub fn imds(&self) -> &Arc<Status> {
        &self.known.imds
    }

    /// How asking the EC2 API goes.
    pub fn ec2(&self) -> &Arc<Status> {
        &self.known.ec2
    }

    /// Those of them that are for operators to see: on a machine that may be no EC2 instance, silence means nothing.
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
    /// A panic elsewhere leaves a whole pointer behind.
    fn facts(&self) -> MutexGuard<'_, Arc<InstanceFacts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut InstanceFacts)) {
        change(Arc::make_mut(&mut self.facts()));
    }
}
