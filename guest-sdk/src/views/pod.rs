//! Pods and their owners.

use alloc::vec::Vec;

use super::{Container, Service, Volume, view};

view! {
    /// A pod as the kubelet lists it.
    Pod = "pod";

    /// Uid.
    text uid = "pod.uid";
    /// Name.
    text name = "pod.name";
    /// Namespace.
    text namespace = "pod.namespace";
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    text phase = "pod.phase";
    /// `guaranteed`, `burstable` or `besteffort`, or as the kubelet spells it.
    text qos = "pod.qos";
    /// Address.
    text ip = "pod.ip";

    /// When the kubelet took the pod on, milliseconds since the Unix epoch.
    gauge start_unix_ms = "pod.start_unix_ms";
    /// CPU that the runtime class adds, thousandths of a core.
    gauge cpu_overhead_millicores = "pod.overhead_cpu_millicores";
    /// Memory that the runtime class adds, bytes.
    gauge memory_overhead_bytes = "pod.overhead_memory_bytes";
    /// CPU request of the pod as a whole, where it sets one, thousandths of a core.
    gauge cpu_request_millicores = "pod.request_cpu_millicores";
    /// CPU limit of the pod as a whole, where it sets one, thousandths of a core.
    gauge cpu_limit_millicores = "pod.limit_cpu_millicores";
    /// Memory request of the pod as a whole, where it sets one, bytes.
    gauge memory_request_bytes = "pod.request_memory_bytes";
    /// Memory limit of the pod as a whole, where it sets one, bytes.
    gauge memory_limit_bytes = "pod.limit_memory_bytes";
}

impl<'a> Pod<'a> {
    /// Whether it uses the node's network. Attribute `pod.host_network`.
    pub fn is_host_network(self) -> bool {
        self.attribute("pod.host_network") == Some("true")
    }

    /// A condition, such as `Ready`: `True`, `False` or `Unknown`. Attribute `pod.condition.TYPE`.
    pub fn condition(self, condition: &str) -> Option<&'a str> {
        self.attribute(&["pod.condition.", condition].concat())
    }

    /// A label. Attribute `label.KEY`.
    pub fn label(self, key: &str) -> Option<&'a str> {
        self.attribute(&["label.", key].concat())
    }

    /// All labels, without the prefix.
    pub fn labels(self) -> Vec<(&'a str, &'a str)> {
        let labels = self.attributes().into_iter();
        labels.filter_map(|(key, value)| Some((key.strip_prefix("label.")?, value))).collect()
    }

    /// An annotation that the agent is configured to collect. Attribute `annotation.KEY`.
    pub fn annotation(self, key: &str) -> Option<&'a str> {
        self.attribute(&["annotation.", key].concat())
    }

    /// Its containers of every kind, also those that do not run.
    pub fn containers(self) -> Vec<Container<'a>> {
        Container::all(self.children_of_kind(Container::KIND))
    }

    /// Its volumes.
    pub fn volumes(self) -> Vec<Volume<'a>> {
        Volume::all(self.children_of_kind(Volume::KIND))
    }

    /// What owns it, in the order of its owner references. Links `owned-by`.
    pub fn owners(self) -> Vec<Workload<'a>> {
        Workload::all(self.links("owned-by"))
    }

    /// The services that select it. Links `endpoint-of`.
    pub fn services(self) -> Vec<Service<'a>> {
        Service::all(self.links("endpoint-of"))
    }
}

view! {
    /// An owner of pods, as an owner reference names it: a `ReplicaSet` stays a `ReplicaSet`.
    Workload = "workload";

    /// Kind of the owner, such as `DaemonSet`.
    text workload_kind = "workload.kind";
    /// Name.
    text name = "workload.name";
    /// Namespace, in a cluster's batch.
    text namespace = "workload.namespace";

    /// Pods that it shall have, in a cluster's batch.
    gauge replicas_desired = "replicas.desired";
    /// Pods that are ready.
    gauge replicas_ready = "replicas.ready";
    /// Pods that have been ready for as long as it asks for.
    gauge replicas_available = "replicas.available";
    /// Pods that are missing or not available.
    gauge replicas_unavailable = "replicas.unavailable";
}

impl<'a> Workload<'a> {
    /// The pods of this node that it owns.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.linked_from("owned-by"))
    }
}
