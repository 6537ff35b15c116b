//! Resources of pods that were resized in place: those of the specification are what is wished for.
//!
//! The kubelet reports what it granted (`allocatedResources`) and what the runtime has applied (`resources`), for each
//! container since Kubernetes 1.27, for pod-level resources since 1.34. A resize that the node has no room for stays deferred
//! or infeasible, and the specification then says for hours what does not hold.

use crate::text::{Object, each, filled};

use super::{Amounts, build::amounts, wire};

/// Figures that the kubelet reports beside the specification.
#[derive(Clone, Copy)]
pub(super) struct Reported {
    pub(super) resources: Option<Object<wire::Resources>>,
    pub(super) allocated: Option<Object<wire::Amounts>>,
    /// The node will never have room for what the specification wishes.
    pub(super) infeasible: bool,
}

impl Reported {
    /// The limits that are in force: those applied, where the kubelet says so. Reported resources without a limit are
    /// without a limit; resources that name nothing at all are a kubelet that does not report them.
    pub(super) fn limits(&self, wished: Amounts) -> Amounts {
        let limits = amounts(self.resources.and_then(|resources| resources.limits));
        let requests = self.applied_requests();
        let nothing = Amounts::default();
        if limits == nothing && (requests == nothing || wished == nothing) { wished } else { limits }
    }

    /// The requests that the scheduler counts: the largest of those wished for, granted and applied, and without the wished
    /// ones where the resize is infeasible.
    pub(super) fn requests(&self, wished: Amounts) -> Amounts {
        let held = largest(amounts(self.allocated), self.applied_requests());
        if !self.infeasible {
            return largest(wished, held);
        }
        Amounts {
            cpu_millicores: held.cpu_millicores.or(wished.cpu_millicores),
            memory_bytes: held.memory_bytes.or(wished.memory_bytes),
        }
    }

    fn applied_requests(&self) -> Amounts {
        amounts(self.resources.and_then(|resources| resources.requests))
    }
}

/// Returns true for a pod whose resize the node will never have room for: `status.resize` until Kubernetes 1.32, the
/// condition `PodResizePending` since 1.33.
pub(super) fn is_infeasible(status: &wire::Status<'_>) -> bool {
    let infeasible = Some("Infeasible");
    filled(&status.resize) == infeasible
        || each(&status.conditions).any(|condition| {
            filled(&condition.kind) == Some("PodResizePending")
                && filled(&condition.status) == Some("True")
                && filled(&condition.reason) == infeasible
        })
}

/// The larger of each resource.
fn largest(left: Amounts, right: Amounts) -> Amounts {
    // `None` is less than any value.
    Amounts {
        cpu_millicores: left.cpu_millicores.max(right.cpu_millicores),
        memory_bytes: left.memory_bytes.max(right.memory_bytes),
    }
}
