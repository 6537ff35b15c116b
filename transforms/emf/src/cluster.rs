//! Events that describe a whole cluster.
//!
//! Their metrics have no dimension that names a node, so such an event from a single node would change the metrics of the
//! whole cluster. A transform may return anything; the scope of the batch comes from the host, and only the leader has
//! batches of scope `cluster`.

/// The scope of batches that may contain cluster events.
const SCOPE: &str = "cluster";

/// Values of `Type` of cluster events.
const TYPES: [&str; 8] = [
    "Cluster",
    "ClusterDaemonSet",
    "ClusterDeployment",
    "ClusterNamespace",
    "ClusterReplicaSet",
    "ClusterService",
    "ClusterStatefulSet",
    "HyperPodNode",
];

/// Returns true if batches of the scope may contain cluster events.
pub(crate) fn may_speak(scope: &str) -> bool {
    scope == SCOPE
}

/// Returns true if an event with this `Type` is a cluster event.
pub(crate) fn speaks(kind: &str) -> bool {
    TYPES.contains(&kind)
}
