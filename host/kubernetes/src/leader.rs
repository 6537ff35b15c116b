//! Leader election: which agent speaks for the cluster.
