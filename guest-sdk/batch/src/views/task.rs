//! View of ECS tasks.

use alloc::vec::Vec;

use super::{Container, view};

view! {
    /// A task of Amazon ECS: one of those on this container instance or, in a batch of scope `task`, the agent's own.
    Task = "task";

    /// Id of the task: the last part of its ARN.
    text task_id = "task.id";
    /// ARN of the task.
    text arn = "task.arn";
    /// Family of the task definition.
    text family = "task.family";
    /// Revision of the task definition.
    text revision = "task.revision";
    /// Last known status, such as `RUNNING`.
    text status = "task.status";
    /// Status that ECS wants the task to have.
    text desired_status = "task.desired_status";
    /// Name of the service that the task belongs to.
    text service = "task.service";
    /// Launch type: `EC2` or `FARGATE`.
    text launch_type = "task.launch_type";
    /// Availability zone that the task runs in.
    text zone = "task.zone";
    /// Time at which the task was created, as ECS reports it.
    text created_at = "task.created_at";
    /// Time at which the task started, as ECS reports it.
    text started_at = "task.started_at";
    /// Time at which the first image pull began, as ECS reports it.
    text pull_started_at = "task.pull_started_at";
    /// Time at which the last image pull ended, as ECS reports it.
    text pull_stopped_at = "task.pull_stopped_at";
    /// Name of the cluster, in a batch of scope `task`.
    text cluster_name = "cluster.name";

    /// CPU limit of the task, thousandths of a vCPU.
    gauge cpu_limit_millicores = "task.limit_cpu_millicores";
    /// Memory limit of the task, bytes.
    gauge memory_limit_bytes = "task.limit_memory_bytes";
    /// Ephemeral storage reserved for the task, bytes.
    gauge ephemeral_storage_reserved_bytes = "task.ephemeral_storage_reserved_bytes";
    /// Ephemeral storage that the task uses, bytes.
    gauge ephemeral_storage_used_bytes = "task.ephemeral_storage_used_bytes";
}

impl<'a> Task<'a> {
    /// Returns the value of a tag that the agent is configured to collect. Attribute `task.tag.KEY`.
    pub fn tag(self, key: &str) -> Option<&'a str> {
        self.attribute(&["task.tag.", key].concat())
    }

    /// Returns the containers, including those of the platform.
    pub fn containers(self) -> Vec<Container<'a>> {
        Container::all(self.children_of_kind(Container::KIND))
    }
}
