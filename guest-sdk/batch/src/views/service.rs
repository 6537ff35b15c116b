//! View of services.

use alloc::vec::Vec;

use super::{Pod, view};

view! {
    /// A service that selects pods of this node or, in the batch of a cluster, any service.
    Service = "service";

    /// Name of the service.
    text name = "service.name";
    /// Namespace of the service.
    text namespace = "service.namespace";

    /// Number of ready pods behind it, in the batch of a cluster.
    gauge endpoints_ready = "endpoints.ready";
}

impl<'a> Service<'a> {
    /// Returns the pods of the batch that it selects. Links `endpoint-of`.
    pub fn pods(self) -> Vec<Pod<'a>> {
        Pod::all(self.linked_from("endpoint-of"))
    }
}
