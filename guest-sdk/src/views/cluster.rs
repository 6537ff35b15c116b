//! The cluster, in batches of scope `cluster`.

use alloc::vec::Vec;

use super::{Node, Service, Workload, view};

view! {
    /// The cluster as the API server tells it to the agent that leads.
    Cluster = "cluster";

    /// Name of the cluster.
    text name = "cluster.name";
    /// Name of the node whose agent leads.
    text leader = "node.name";
    /// `eks`, `kubernetes` or `ecs`.
    text orchestrator = "orchestrator";

    /// Age of the oldest of the lists behind the figures, milliseconds; 0 when fresh.
    gauge age_ms = "cluster.age_ms";
    /// Number of nodes; absent where they could not be listed.
    gauge node_count = "cluster.nodes";
    /// Number of pods of any phase; absent where they could not be listed.
    gauge pod_count = "cluster.pods";
}

impl<'a> Cluster<'a> {
    /// Its nodes: name and conditions.
    pub fn nodes(self) -> Vec<Node<'a>> {
        Node::all(self.children_of_kind(Node::KIND))
    }

    /// Its namespaces.
    pub fn namespaces(self) -> Vec<Namespace<'a>> {
        Namespace::all(self.children_of_kind(Namespace::KIND))
    }

    /// Its services.
    pub fn services(self) -> Vec<Service<'a>> {
        Service::all(self.children_of_kind(Service::KIND))
    }

    /// Its workloads. Owners of pods that wait are among them, without figures.
    pub fn workloads(self) -> Vec<Workload<'a>> {
        Workload::all(self.children_of_kind(Workload::KIND))
    }
}

view! {
    /// A namespace of a cluster.
    Namespace = "namespace";

    /// Name.
    text name = "namespace.name";

    /// Pods that wait.
    gauge pods_pending = "pods.phase.pending";
    /// Pods that run.
    gauge pods_running = "pods.phase.running";
    /// Pods that have ended well.
    gauge pods_succeeded = "pods.phase.succeeded";
    /// Pods that have failed.
    gauge pods_failed = "pods.phase.failed";
    /// Pods of which nothing is known.
    gauge pods_unknown = "pods.phase.unknown";
}
