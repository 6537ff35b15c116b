//! Events that speak for a whole cluster.
//!
//! Their metrics have no dimension that names a node, so an event of that kind from one node changes what everybody sees.
//! A transform may return whatever it likes; the scope of the batch is the host's word, and only the agent that leads has
//! batches of the scope `cluster`.

/// The scope of batches whose events may speak for a cluster.
const SCOPE: &str = "cluster";

/// Values of `Type` of such events.
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

/// Returns true if batches of the scope may hold such events.
pub(crate) fn may_speak(scope: &str) -> bool {
    scope == SCOPE
}

/// Returns true if an event with that `Type` speaks for a cluster.
pub(crate) fn speaks(kind: &str) -> bool {
    TYPES.contains(&kind)
}
