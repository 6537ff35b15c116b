//! Configuration of the transform.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Interfaces of a node that carry traffic of pods and containers, before or after it passes the node's own interfaces:
/// those of network plugins (AWS VPC, Calico, Cilium, Flannel, Weave, Kube-router, Azure, GKE, ECS), bridges and tunnels.
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

/// Usual names of bridges and tunnels, for interfaces whose kind the host does not report.
const SOFTWARE: &[&str] = &[
    "antrea-*",
    "bareudp*",
    "br*",
    "cbr*",
    "erspan*",
    "genev*",
    "gre*",
    "ifb*",
    "ip6gre*",
    "ip6tnl*",
    "ip_vti*",
    "ipip*",
    "ipsec*",
    "kilo*",
    "lxdbr*",
    "nebula*",
    "ovn-*",
    "ovs-*",
    "podman*",
    "sit*",
    "tailscale*",
    "tap*",
    "teql*",
    "tun*",
    "vrf*",
    "vti*",
    "wg*",
    "wt0",
    "xfrm*",
    "zt*",
];

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    /// Enables status metrics of nodes and pods, and ratios to a container's own limits.
    pub(crate) enhanced: bool,
    /// `true` to keep the raw metrics on the events.
    pub(crate) keep_raw: bool,
    pod_side: Option<Vec<String>>,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        Self {
            enhanced: settings.flag("enhanced").unwrap_or(false),
            keep_raw: settings.flag("keep_raw").unwrap_or(false),
            pod_side: settings.strings("pod_interfaces"),
        }
    }

    /// Returns true if the node's interface with this name carries traffic of pods. `is_kind_known` is true if the host
    /// reports the interface's kind.
    pub(crate) fn is_pod_side(&self, interface: &str, is_kind_known: bool) -> bool {
        let fits = |patterns: &[&str]| patterns.iter().any(|pattern| Patterns::matches(pattern, interface));
        match &self.pod_side {
            Some(patterns) => patterns.iter().any(|pattern| Patterns::matches(pattern, interface)),
            None => fits(POD_SIDE) || !is_kind_known && fits(SOFTWARE),
        }
    }
}
