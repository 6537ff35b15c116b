//! What the kubelet says about the state of pods and containers.

use insights_sdk::views::{Container, Pod};

/// `pod_status`, and with `enhanced` why one of its containers ended.
pub(crate) fn mark_pod(pod: Pod<'_>, enhanced: bool) {
    if let Some(phase) = pod.phase() {
        pod.set_attribute("pod_status", phase);
    }
    if enhanced {
        let ended = pod.containers().into_iter().filter(|container| container.state() == Some("terminated"));
        if let Some(reason) =
            ended.filter_map(Container::state_reason).filter(|reason| !reason.is_empty()).last()
        {
            pod.set_attribute("container_status_reason", reason);
        }
    }
}

/// `container_status` and reasons.
pub(crate) fn mark_container(container: Container<'_>) {
    let status = match container.state() {
        Some("running") => Some("Running"),
        Some("waiting") => Some("Waiting"),
        Some("terminated") => Some("Terminated"),
        _ => None,
    };
    if let Some(status) = status {
        container.set_attribute("container_status", status);
    }
    if status != Some("Running")
        && let Some(reason) = container.state_reason().filter(|reason| !reason.is_empty())
    {
        container.set_attribute("container_status_reason", reason);
    }
    if let Some(reason) = container.last_termination_reason().filter(|reason| !reason.is_empty()) {
        container.set_attribute("container_last_termination_reason", reason);
    }
}
