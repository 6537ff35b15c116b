//! Views of pods and their owners.

use alloc::vec::Vec;

use super::{Container, Service, Volume, view};

view! {
    /// A pod, as the kubelet reports it.
    Pod = "pod";

    /// Uid of the pod.
    text uid = "pod.uid";
    /// Name of the pod.
    text name = "pod.name";
    /// Namespace of the pod.
    text namespace = "pod.namespace";
    /// Phase: `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    text phase = "pod.phase";
    /// QoS class: `guaranteed`, `burstable` or `besteffort`, or as the kubelet spells it.
    text qos = "pod.qos";
    /// IP address of the pod.
    text ip = "pod.ip";

    /// Time at which the kubelet accepted the pod, milliseconds since the Unix epoch.
    gauge start_unix_ms = "pod.start_unix_ms";
    /// CPU overhead of the runtime class, thousandths of a core.
    gauge cpu_overhead_millicores = "pod.overhead_cpu_millicores";
    /// Memory overhead of the runtime class, bytes.
    gauge memory_overhead_bytes = "pod.overhead_memory_bytes";
    /// CPU request at pod level, if set, thousandths of a core.
    gauge cpu_request_millicores = "pod.request_cpu_millicores";
    /// CPU limit at pod level, if set, thousandths of a core.
    gauge cpu_limit_millicores = "pod.limit_cpu_millicores";
    /// Memory request at pod level, if set, bytes.
    gauge memory_request_bytes = "pod.request_memory_bytes";
    /// Memory limit at pod level, if set, bytes.
    gauge memory_limit_bytes = "pod.limit_memory_bytes";
}

impl<'a> Pod<'a> {
    /// Returns true if the pod uses the node's network. Attribute `pod.host_network`.
    pub fn is_host_network(self) -> bool {
        self.attribute("pod.host_network") == Some("true")
    }

    /// Returns a condition, such as `Ready`: `True`, `False` or `Unknown`. Attribute `pod.condition.TYPE`.
    pub fn condition(self, condition: &str) -> Option<&'a str> {
        self.attribute(&["pod.condition.", condition].concat())
    }

    /// Returns the value of a label. Attribute `label.KEY`.
    pub fn label(self, key: &str) -> Option<&'a str> {
        self.attribute(&["label.", key].concat())
    }

    /// Returns all labels, without the prefix.
    pub fn labels(self) -> Vec<(&'a str, &'a str)> {
        let labels = self.attributes().into_iter();
        labels.filter_map(|(key, value)| Some((key.strip_prefix("label.")?, value))).collect()
    }

    /// Returns an annotation that the agent is configured to collect. Attribute `annotation.KEY`.
    pub fn annotation(self, key: &str) -> Option<&'a str> {
        self.attribute(&["annotation.", key].concat())
    }

    /// Returns the containers of every kind, whether they run or not.
    pub fn containers(self) -> Vec<Container<'a>> {
        Container::all(self.children_of_kind(Container::KIND))
    }

    /// Returns the volumes of the pod.
    pub fn volumes(self) -> Vec<Volume<'a>> {
        Volume::all(self.children_of_kind(Volume::KIND))
    }

    /// Returns the owners, in the order of the owner references. Links `owned-by`.
    pub fn owners(self) -> Vec<Workload<'a>> {
        Workload::all(self.links("owned-by"))
    }

    /// Returns the services that select the pod. Links `endpoint-of`.
    pub fn services(self) -> Vec<Service<'a>> {
        Service::all(self.links("endpoint-of"))
    }
}

view! {
    /// An owner of pods, as owner references name it: a `ReplicaSet` is not replaced by its `Deployment`.
    Workload = "workload";

    /// Kind of the owner, such as `DaemonSet`.
    text workload_kind = "workload.kind";
    /// Name of the owner.
    text name = "workload.name";
    /// Namespace of the owner, in the batch of a cluster.
    text namespace = "workload.namespace";

    /// Desired number of pods, in the batch of a cluster.
    gauge replicas_desired = "replicas.desired";
    /// Number of ready pods.
    gauge replicas_ready = "replicas.ready";
    /// Number of available pods: ready for at least `minReadySeconds`.
    gauge replicas_available = "replicas.available";
    /// Number of pods that are missing or not available.
    gauge replicas_unavailable = "replicas.unavailable";
}

impl<'a> Workload<'a> {
    /// Returns the pods of the batch that it owns.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.linked_from("owned-by"))
    }
}
