//! View of the cluster and its namespaces, in batches of scope `cluster`.

use alloc::vec::Vec;

use super::{Node, Service, Workload, view};

view! {
    /// The cluster, as the API server reports it to the leader's agent.
    Cluster = "cluster";

    /// Name of the cluster.
    text name = "cluster.name";
    /// Name of the leader's node.
    text leader = "node.name";
    /// Orchestrator: `eks`, `kubernetes` or `ecs`.
    text orchestrator = "orchestrator";

    /// Age of the oldest list that the metrics come from, milliseconds; 0 if fresh.
    gauge age_ms = "cluster.age_ms";
    /// Number of nodes; absent if they could not be listed.
    gauge node_count = "cluster.nodes";
    /// Number of pods of any phase; absent if they could not be listed.
    gauge pod_count = "cluster.pods";
}

impl<'a> Cluster<'a> {
    /// Returns the nodes, with names and conditions.
    pub fn nodes(self) -> Vec<Node<'a>> {
        Node::all(self.children_of_kind(Node::KIND))
    }

    /// Returns the namespaces.
    pub fn namespaces(self) -> Vec<Namespace<'a>> {
        Namespace::all(self.children_of_kind(Namespace::KIND))
    }

    /// Returns the services.
    pub fn services(self) -> Vec<Service<'a>> {
        Service::all(self.children_of_kind(Service::KIND))
    }

    /// Returns the workloads. These include owners of pending pods, without metrics.
    pub fn workloads(self) -> Vec<Workload<'a>> {
        Workload::all(self.children_of_kind(Workload::KIND))
    }
}

view! {
    /// A namespace of a cluster.
    Namespace = "namespace";

    /// Name of the namespace.
    text name = "namespace.name";

    /// Number of pending pods.
    gauge pods_pending = "pods.phase.pending";
    /// Number of running pods.
    gauge pods_running = "pods.phase.running";
    /// Number of pods that completed successfully.
    gauge pods_succeeded = "pods.phase.succeeded";
    /// Number of failed pods.
    gauge pods_failed = "pods.phase.failed";
    /// Number of pods in an unknown phase.
    gauge pods_unknown = "pods.phase.unknown";
}
