//! Resources of pods that were resized in place: those of the specification are only the desired ones.
//!
//! The kubelet reports the granted resources (`allocatedResources`) and those that the runtime has applied (`resources`),
//! for each container since Kubernetes 1.27, for pod-level resources since 1.34. A resize that exceeds the node's free
//! resources stays deferred or infeasible, and the specification then differs from the actual resources for hours.

use crate::text::{Object, elements, non_empty};

use super::{Amounts, build::amounts, wire};

/// Resources reported by the kubelet in addition to the specification.
#[derive(Clone, Copy)]
pub(super) struct Reported {
    pub(super) resources: Option<Object<wire::Resources>>,
    pub(super) allocated: Option<Object<wire::Amounts>>,
    /// `true` if the node can never provide the desired resources.
    pub(super) infeasible: bool,
}

impl Reported {
    /// Returns the limits in force: the applied ones, if the kubelet reports them. Reported resources that have requests
    /// but no limit mean that there is no limit; empty resources come from a kubelet that does not report them.
    pub(super) fn limits(&self, desired: Amounts) -> Amounts {
        let limits = amounts(self.resources.and_then(|resources| resources.limits));
        let requests = self.applied_requests();
        let nothing = Amounts::default();
        if limits == nothing && (requests == nothing || desired == nothing) { desired } else { limits }
    }

    /// Returns the requests that the scheduler counts: the largest of the desired, granted and applied ones, without the
    /// desired ones if the resize is infeasible.
    pub(super) fn requests(&self, desired: Amounts) -> Amounts {
        let granted = largest(amounts(self.allocated), self.applied_requests());
        if !self.infeasible {
            return largest(desired, granted);
        }
        Amounts {
            cpu_millicores: granted.cpu_millicores.or(desired.cpu_millicores),
            memory_bytes: granted.memory_bytes.or(desired.memory_bytes),
        }
    }

    fn applied_requests(&self) -> Amounts {
        amounts(self.resources.and_then(|resources| resources.requests))
    }
}

/// Returns true for a pod whose resize can never fit on the node: `status.resize` until Kubernetes 1.32, the condition
/// `PodResizePending` since 1.33.
pub(super) fn is_infeasible(status: &wire::Status<'_>) -> bool {
    let infeasible = Some("Infeasible");
    non_empty(&status.resize) == infeasible
        || elements(&status.conditions).any(|condition| {
            non_empty(&condition.kind) == Some("PodResizePending")
                && non_empty(&condition.status) == Some("True")
                && non_empty(&condition.reason) == infeasible
        })
}

/// Returns the larger value of each resource.
fn largest(left: Amounts, right: Amounts) -> Amounts {
    // `None` is less than any value.
    Amounts {
        cpu_millicores: left.cpu_millicores.max(right.cpu_millicores),
        memory_bytes: left.memory_bytes.max(right.memory_bytes),
    }
}
