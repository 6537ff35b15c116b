//! View of containers.

use super::{Pod, Task, view};

view! {
    /// A container of a pod or of an ECS task, of any kind, whether it runs or not.
    Container = "container";

    /// Name of the container within its pod or task.
    text name = "container.name";
    /// Id assigned by the runtime; absent before the first start.
    text container_id = "container.id";
    /// Container runtime: `containerd`, `cri-o` or `docker`; absent before the first start.
    text runtime = "container.runtime";
    /// Kind of container: `main`, `init`, `sidecar` (an init container that always restarts) or `ephemeral`; of a task:
    /// `main` or `internal` (a container of the platform).
    text container_kind = "container.kind";
    /// Image of the container.
    text image = "container.image";
    /// Current state: `running`, `waiting` or `terminated`.
    text state = "container.state";
    /// Reason of the current state.
    text state_reason = "container.state.reason";
    /// Reason of the last termination.
    text last_termination_reason = "container.last_termination_reason";
    /// Last known status of a task's container, such as `RUNNING`.
    text status = "container.status";
    /// Health of a task's container that has a health check: `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    text health = "container.health";
    /// Network mode of a task's container: `awsvpc`, `bridge`, `host` or `none`.
    text network_mode = "network.mode";

    /// CPU request, thousandths of a core.
    gauge cpu_request_millicores = "container.request_cpu_millicores";
    /// CPU limit, thousandths of a core.
    gauge cpu_limit_millicores = "container.limit_cpu_millicores";
    /// CPU limit of a task's container, 1024ths of a vCPU.
    gauge cpu_limit_shares = "container.limit_cpu_shares";
    /// Memory request, bytes.
    gauge memory_request_bytes = "container.request_memory_bytes";
    /// Memory limit, bytes.
    gauge memory_limit_bytes = "container.limit_memory_bytes";

    /// Number of restarts.
    counter restarts = "container.restarts";
}

impl<'a> Container<'a> {
    /// Returns the pod that the container belongs to.
    pub fn pod(self) -> Option<Pod<'a>> {
        self.parent().and_then(Pod::of)
    }

    /// Returns the ECS task that the container belongs to.
    pub fn task(self) -> Option<Task<'a>> {
        self.parent().and_then(Task::of)
    }
}
