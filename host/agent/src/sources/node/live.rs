//! Current data of the kubelet, the API server and the instance.

use std::sync::Arc;
use std::time::Instant;

use insightd_collect::HostRoot;
use insightd_instance::{InstanceFacts, InstanceWatch};
use insightd_kubernetes::Facts;
use insightd_kubernetes::facts::{LocalState, NodeFacts};
use insightd_kubernetes::kubelet::KubeletData;
use insightd_kubernetes::local::LocalWatch;
use insightd_kubernetes::pods::PodList;
use insights_batch::{Builder, EntityId};

use crate::sources::ecs::Tasks;
use crate::sources::kubelet::{KubeletFacts, ReadAt};
use crate::sources::{EcsClients, KubeletHandle};

/// The remote endpoints that provide data about a live node.
#[derive(Default)]
pub struct Endpoints {
    /// The kubelet, if its address is known.
    pub kubelet: Option<KubeletHandle>,
    /// The agent of ECS, if that is the orchestrator.
    pub ecs: Option<Arc<EcsClients>>,
    /// Objects of the own node on the API server.
    pub local: Option<Arc<LocalWatch>>,
    /// The EC2 instance, if instance metadata is enabled.
    pub instance: Option<Arc<InstanceWatch>>,
}

impl Endpoints {
    /// Sends the requests; called before the kernel's files are read.
    pub(super) fn request(&mut self) {
        if let Some(kubelet) = &mut self.kubelet {
            kubelet.request();
        }
        if let Some(ecs) = &self.ecs {
            ecs.request();
        }
    }

    /// Takes the tasks of ECS, after [`request`](Self::request) at `requested_at`. Returns `None` for other orchestrators.
    pub(super) fn tasks(&self, requested_at: Instant) -> Option<Tasks> {
        self.ecs.as_deref().map(|ecs| ecs.tasks(requested_at))
    }

    /// Returns the known facts about the instance.
    pub(super) fn machine(&self) -> Option<Arc<InstanceFacts>> {
        self.instance.as_ref().map(|instance| instance.facts())
    }

    /// Requests volume data from the EC2 API, because the volume of some disk is otherwise unknown.
    pub(super) fn want_volumes(&self) {
        if let Some(instance) = &self.instance {
            instance.want_volumes();
        }
    }

    /// Takes the responses.
    pub(super) fn responses(&mut self) -> Responses {
        let kubelet = self.kubelet.as_mut().map(KubeletHandle::responses);
        let local = self.local.as_ref().map(|local| {
            if let Some(pods) = kubelet.as_ref().and_then(|data| data.pods.as_ref()) {
                local.update_pods(pods);
            }
            local.state()
        });
        Responses { kubelet, local }
    }
}

/// The responses of the remote endpoints.
#[derive(Debug)]
pub(super) struct Responses {
    kubelet: Option<Arc<KubeletData>>,
    local: Option<Arc<LocalState>>,
}

impl Responses {
    /// Returns the own Node object.
    pub(super) fn node(&self) -> Option<&NodeFacts> {
        self.local.as_ref()?.node.as_deref()
    }

    /// Returns the list of pods, or `None` if the kubelet's last response failed.
    pub(super) fn fresh_pods(&self) -> Option<&PodList> {
        self.kubelet.as_deref().filter(|data| data.error.is_none())?.pods.as_deref()
    }

    /// Adds all data to the batch and returns the error texts.
    pub(super) fn emit(
        &self,
        facts: &mut KubeletFacts,
        root: &HostRoot,
        node: EntityId,
        builder: &mut Builder,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let kubelet = self.kubelet.as_deref();
        if let Some(error) = kubelet.and_then(|data| data.error.as_ref()) {
            builder.attribute(node, "kubelet.error", error);
            problems.push(error.clone());
        }
        let pods = kubelet.and_then(|data| data.pods.as_deref());
        problems.extend(pods.iter().flat_map(|pods| pods.problems.iter()).map(ToString::to_string));
        let summary = kubelet.and_then(|data| data.summary.as_deref());
        let read = kubelet.and_then(|data| data.pods_read_at).map(|at| {
            let now_ns = root.now_ns();
            let age_ns = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
            ReadAt { at_ns: now_ns.saturating_sub(age_ns), now_ns }
        });
        if let Some(left_out) = pods.map(|list| list.left_out).filter(|&left_out| left_out > 0) {
            builder.gauge(node, "kubelet.pods_left_out", left_out as f64);
        }
        if let Some(read_at) = kubelet.and_then(|data| data.summary_read_at) {
            builder.gauge(node, "kubelet.summary_age_ms", read_at.elapsed().as_millis() as f64);
        }
        let known = Facts { pods, summary, local: self.local.as_deref() };
        facts.emit(&known, read, node, builder);
        problems
    }
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoints").field("kubelet", &self.kubelet).finish_non_exhaustive()
    }
}
