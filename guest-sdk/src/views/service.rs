//! Services.

use alloc::vec::Vec;

use super::{Pod, view};

view! {
    /// A service that selects pods of this node, or one of the cluster.
    Service = "service";

    /// Name.
    text name = "service.name";
    /// Namespace.
    text namespace = "service.namespace";

    /// Pods behind it that are ready, in a cluster's batch.
    gauge endpoints_ready = "endpoints.ready";
}

impl<'a> Service<'a> {
    /// The pods of this node that it selects. Links `endpoint-of`.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.linked_from("endpoint-of"))
    }
}
