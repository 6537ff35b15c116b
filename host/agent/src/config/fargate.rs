//! `fargate:` the nodes of EKS Fargate, for `role: fargate`.

use std::time::Duration;

use insightd_kubernetes::fargate;

use super::reader::{Section, flag, integer};
use super::values;

/// Longest time limit for one node.
const MAX_DEADLINE: Duration = Duration::from_secs(600);

/// Settings for the nodes of EKS Fargate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fargate {
    /// Label selector of the nodes.
    pub node_selector: String,
    /// Label selector of the pods.
    pub pod_selector: String,
    /// Nodes that are read at the same time.
    pub concurrency: usize,
    /// Time limit of one node.
    pub deadline: Duration,
    /// `true` if the replicas of the agent's StatefulSet share the nodes; `false` if this agent reads all of them.
    pub sharded: bool,
}

impl Default for Fargate {
    fn default() -> Self {
        Self {
            node_selector: fargate::NODE_SELECTOR.into(),
            pod_selector: fargate::POD_SELECTOR.into(),
            concurrency: 8,
            deadline: Duration::from_secs(40),
            sharded: true,
        }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Fargate {
    let default = Fargate::default();
    let fargate = Fargate {
        node_selector: section.text("node_selector").unwrap_or(default.node_selector),
        pod_selector: section.text("pod_selector").unwrap_or(default.pod_selector),
        concurrency: section.value("concurrency", concurrency).unwrap_or(default.concurrency),
        deadline: section.value("deadline", deadline).unwrap_or(default.deadline),
        sharded: section.value("sharded", flag).unwrap_or(default.sharded),
    };
    section.finish();
    fargate
}

fn concurrency(text: &str) -> Result<usize, String> {
    match integer(text)? {
        nodes @ 1..=256 => Ok(nodes as usize),
        _ => Err("must be from 1 to 256".into()),
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        Duration::ZERO => Err("must be more than 0ms".into()),
        time if time > MAX_DEADLINE => Err("must be 10m or less".into()),
        time => Ok(time),
    }
}
