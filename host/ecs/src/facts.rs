//! Facts about the container instance, its tasks and their containers.

use std::collections::HashMap;

use crate::json::Problems;

/// The container instance, as its ECS agent describes it. A value is absent until the agent has registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Short name of the cluster.
    pub cluster: Option<Box<str>>,
    /// Container instance id, the last part of its ARN.
    pub container_instance_id: Option<Box<str>>,
    /// Version of the agent, such as `Amazon ECS Agent - v1.30.0 (02ff320c)`.
    pub agent_version: Option<Box<str>>,
}

/// A list of tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskList {
    /// The tasks, each id once, in the order of the response.
    pub tasks: Vec<Task>,
    /// Parts of the response that were left out.
    pub problems: Problems,
}

/// A task. Times are texts as AWS gives them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Task id, the last part of the ARN.
    pub id: Box<str>,
    /// ARN of the task.
    pub arn: Box<str>,
    /// Family of the task definition.
    pub family: Option<Box<str>>,
    /// Revision of the task definition.
    pub revision: Option<Box<str>>,
    /// Known status, such as `RUNNING`.
    pub known_status: Option<Box<str>>,
    /// Desired status, such as `RUNNING` or `STOPPED`.
    pub desired_status: Option<Box<str>>,
    /// Name of the service; `daemon:NAME` for daemons of the platform. The introspection API does not have it.
    pub service: Option<Box<str>>,
    /// Launch type: `EC2`, `FARGATE` or `EXTERNAL`.
    pub launch_type: Option<Box<str>>,
    /// Availability zone.
    pub zone: Option<Box<str>>,
    /// Time at which the task was created.
    pub created_at: Option<Box<str>>,
    /// Time at which the task was started.
    pub started_at: Option<Box<str>>,
    /// Time at which the first image pull began.
    pub pull_started_at: Option<Box<str>>,
    /// Time at which the last image pull ended.
    pub pull_stopped_at: Option<Box<str>>,
    /// Limits of the whole task.
    pub limits: TaskLimits,
    /// Ephemeral storage of a task on Fargate.
    pub ephemeral_storage: EphemeralStorage,
    /// Tags of the task, sorted by key.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// The containers.
    pub containers: Vec<Container>,
}

/// Limits of a task. Absent values are unlimited or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskLimits {
    /// CPU in thousandths of a vCPU.
    pub cpu_millicores: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// Ephemeral storage of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EphemeralStorage {
    /// Reserved bytes.
    pub reserved_bytes: Option<u64>,
    /// Used bytes.
    pub used_bytes: Option<u64>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Docker's id of the container; absent until it was created.
    pub docker_id: Option<Box<str>>,
    /// Name in the task definition.
    pub name: Box<str>,
    /// Image as in the task definition.
    pub image: Option<Box<str>>,
    /// Known status, such as `RUNNING` or `RESOURCES_PROVISIONED`.
    pub known_status: Option<Box<str>>,
    /// True for containers of the platform, such as the pause container of a task's network namespace.
    pub is_internal: bool,
    /// Network mode: `awsvpc`, `bridge`, `host` or `none`.
    pub network_mode: Option<Box<str>>,
    /// Result of the health check: `HEALTHY`, `UNHEALTHY` or `UNKNOWN`. Absent without a health check.
    pub health: Option<Box<str>>,
    /// Number of restarts under a restart policy.
    pub restarts: Option<u64>,
    /// Limits of the container.
    pub limits: ContainerLimits,
}

/// Limits of a container. Absent values are unlimited or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ContainerLimits {
    /// CPU shares, of which a vCPU has 1024.
    pub cpu_shares: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// Facts about a task that only the ECS API has, and that never change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOrigin {
    /// Name of the service, if a service started the task.
    pub service: Option<Box<str>>,
    /// Launch type.
    pub launch_type: Option<Box<str>>,
    /// Availability zone.
    pub zone: Option<Box<str>>,
}

/// Origins of tasks, by task id.
pub type TaskOrigins = HashMap<Box<str>, TaskOrigin>;
