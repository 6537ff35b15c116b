//! The configuration.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Interfaces of a node that carry what pods and containers send, before or after it passes the node's own: those of
/// network plugins (AWS VPC, Calico, Cilium, Flannel, Weave, Kube-router, Azure, GKE, ECS), bridges and tunnels.
const POD_SIDE: &[&str] = &[
    "azv*",
    "br-*",
    "cali*",
    "cilium*",
    "cni*",
    "docker*",
    "dummy*",
    "ecs-*",
    "eni*",
    "fargate-*",
    "flannel*",
    "gke*",
    "kube-*",
    "lxc*",
    "nodelocaldns",
    "tunl*",
    "veth*",
    "virbr*",
    "vlan*",
    "vxlan*",
    "weave*",
    "wireguard*",
];

/// The configuration, read.
#[derive(Debug)]
pub(crate) struct Options {
    /// Status figures of nodes and pods, and ratios to a container's own limits.
    pub(crate) enhanced: bool,
    /// Leaves the raw figures on the events.
    pub(crate) keep_raw: bool,
    pod_side: Option<Vec<String>>,
}

impl Options {
    /// Reads all keys; problems stay with `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        Self {
            enhanced: settings.flag("enhanced").unwrap_or(false),
            keep_raw: settings.flag("keep_raw").unwrap_or(false),
            pod_side: settings.strings("pod_interfaces"),
        }
    }

    /// Whether the node's interface of that name carries what pods send.
    pub(crate) fn is_pod_side(&self, interface: &str) -> bool {
        match &self.pod_side {
            Some(patterns) => patterns.iter().any(|pattern| Patterns::matches(pattern, interface)),
            None => POD_SIDE.iter().any(|pattern| Patterns::matches(pattern, interface)),
        }
    }
}
