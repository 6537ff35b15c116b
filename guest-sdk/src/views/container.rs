//! Containers.

use super::{Pod, view};

view! {
    /// A container of a pod, of any kind, also one that does not run.
    Container = "container";

    /// Name within its pod.
    text name = "container.name";
    /// Id at the runtime; absent before the first start.
    text container_id = "container.id";
    /// `containerd`, `cri-o` or `docker`; absent before the first start.
    text runtime = "container.runtime";
    /// `main`, `init`, `sidecar` (an init container that always restarts) or `ephemeral`.
    text container_kind = "container.kind";
    /// Image.
    text image = "container.image";
    /// `running`, `waiting` or `terminated`.
    text state = "container.state";
    /// Why it is in that state.
    text state_reason = "container.state.reason";
    /// Why it ended the last time.
    text last_termination_reason = "container.last_termination_reason";

    /// CPU request, thousandths of a core.
    gauge cpu_request_millicores = "container.request_cpu_millicores";
    /// CPU limit, thousandths of a core.
    gauge cpu_limit_millicores = "container.limit_cpu_millicores";
    /// Memory request, bytes.
    gauge memory_request_bytes = "container.request_memory_bytes";
    /// Memory limit, bytes.
    gauge memory_limit_bytes = "container.limit_memory_bytes";

    /// How often it was started again.
    counter restarts = "container.restarts";
}

impl<'a> Container<'a> {
    /// The pod that it belongs to.
    pub fn pod(self) -> Option<Pod<'a>> {
        self.parent().and_then(Pod::of)
    }
}
