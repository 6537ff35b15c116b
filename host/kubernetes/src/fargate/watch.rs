//! The watches, and the facts that they keep.

use std::sync::{Arc, Mutex};

use insightd_upstream::{UpstreamStatus, lock};
use tokio::task::JoinHandle;

use super::FargateSettings;
use super::nodes::{FargateNodes, NodeTable};
use super::pods::{FargatePods, PodTable};
use crate::client::reflect::{Handler, Paging, WatchSpec, reflect};
use crate::facts::LocalState;
use crate::local::{LocalSettings, LocalWatch};
use crate::pods::{Pod, PodList};

/// Number of objects per page if a list from the watch cache broke off.
const PAGE_SIZE: u32 = 500;

/// The watches of Fargate nodes, their pods, Services and Jobs; they end when this is dropped.
pub(super) struct FargateWatch {
    nodes: Arc<Mutex<NodeTable>>,
    pods: Arc<Mutex<PodTable>>,
    local: LocalWatch,
    statuses: Vec<Arc<UpstreamStatus>>,
    tasks: Vec<JoinHandle<()>>,
}

impl FargateWatch {
    pub(super) fn start(client: &kube::Client, settings: &FargateSettings) -> Self {
        let local = LocalSettings {
            node_name: String::new(),
            watch_node: false,
            watch_services: settings.watch_services,
            read_jobs: settings.read_jobs,
            start_jitter: settings.start_jitter,
        };
        let mut watch = Self {
            nodes: Arc::default(),
            pods: Arc::default(),
            local: LocalWatch::start(client.clone(), local),
            statuses: Vec::new(),
            tasks: Vec::new(),
        };
        let spec = |path: &str, resource, selector: &str| WatchSpec {
            path: path.to_owned(),
            resource,
            field_selector: None,
            label_selector: Some(selector.to_owned()),
            paging: Paging::FromCacheElsePages(PAGE_SIZE),
            metadata_only: false,
            start_jitter: settings.start_jitter,
        };
        let nodes = FargateNodes::new(Arc::clone(&watch.nodes));
        watch.spawn("fargate_nodes", client, spec("/api/v1/nodes", "nodes", &settings.node_selector), nodes);
        let pods = FargatePods::new(Arc::clone(&watch.pods), settings.metadata_filter.clone());
        watch.spawn("fargate_pods", client, spec("/api/v1/pods", "pods", &settings.pod_selector), pods);
        watch
    }

    fn spawn<H: Handler + 'static>(
        &mut self,
        name: &'static str,
        client: &kube::Client,
        spec: WatchSpec,
        mut handler: H,
    ) {
        let (status, client) = (Arc::new(UpstreamStatus::new(name)), client.clone());
        self.statuses.push(Arc::clone(&status));
        self.tasks
            .push(tokio::spawn(async move { match reflect(&client, &spec, &mut handler, &status).await {} }));
    }

    /// Returns the names of all Fargate nodes, sorted.
    pub(super) fn nodes(&self) -> Vec<Arc<str>> {
        lock(&self.nodes).names()
    }

    /// Returns the compute type, the facts and the pods of a node; `None` if it does not exist any more.
    pub(super) fn facts(&self, node: &str) -> Option<(Option<Box<str>>, LocalState, Arc<PodList>)> {
        let (compute_type, facts) = lock(&self.nodes).get(node)?;
        let state = LocalState { node: Some(facts), ..LocalState::clone(&self.local.state()) };
        Some((compute_type, state, lock(&self.pods).of_node(node)))
    }

    /// Updates the Jobs to look up: those of pods on these nodes.
    pub(super) fn expect_jobs_of(&self, nodes: &[Arc<str>]) {
        let table = lock(&self.pods);
        let mut of_jobs = PodList::default();
        for node in nodes {
            for pod in &table.of_node(node).pods {
                if pod.owners.iter().any(|owner| &*owner.kind == "Job") {
                    // Only the owners are used.
                    let (namespace, owners) = (pod.namespace.clone(), pod.owners.clone());
                    of_jobs.pods.push(Pod { namespace, owners, ..Pod::default() });
                }
            }
        }
        drop(table);
        self.local.update_pods(&of_jobs);
    }

    pub(super) fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.statuses.iter().cloned().chain(self.local.statuses()).collect()
    }
}

impl Drop for FargateWatch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
