//! View of containers.

use super::{Pod, view};

view! {
    /// A container of a pod, of any kind, whether it runs or not.
    Container = "container";

    /// Name of the container within its pod.
    text name = "container.name";
    /// Id assigned by the runtime; absent before the first start.
    text container_id = "container.id";
    /// Container runtime: `containerd`, `cri-o` or `docker`; absent before the first start.
    text runtime = "container.runtime";
    /// Kind of container: `main`, `init`, `sidecar` (an init container that always restarts) or `ephemeral`.
    text container_kind = "container.kind";
    /// Image of the container.
    text image = "container.image";
    /// Current state: `running`, `waiting` or `terminated`.
    text state = "container.state";
    /// Reason of the current state.
    text state_reason = "container.state.reason";
    /// Reason of the last termination.
    text last_termination_reason = "container.last_termination_reason";

    /// CPU request, thousandths of a core.
    gauge cpu_request_millicores = "container.request_cpu_millicores";
    /// CPU limit, thousandths of a core.
    gauge cpu_limit_millicores = "container.limit_cpu_millicores";
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
}
