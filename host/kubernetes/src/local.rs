//! Facts that every node reads from the API server: its own Node, Services, and the owners of Jobs.
//!
//! ```text
//! Node       list + watch, metadata.name=OWN NAME, from the server's watch cache
//! Services   list + watch, all namespaces, from the watch cache; kept: name, namespace, selector
//! Jobs       one GET of metadata for each Job that owns a local pod, kept until no local pod has it
//! ```
//!
//! Each is retried independently, and known facts are kept: losing a watch means older labels, never lost metrics.

mod jobs;
mod node;
mod services;
#[cfg(test)]
mod tests;

pub(crate) use node::Node;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::reflect::{Handler, Paging, WatchSpec, reflect};
use crate::pods::PodList;
use insightd_upstream::{UpstreamStatus, lock};

use crate::facts::{ConditionStatus, LocalState, NodeFacts, Service, Services, job_key};

/// Selection of the facts to read.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// Name of the agent's own Node object.
    pub node_name: String,
    /// Watches the own Node.
    pub watch_node: bool,
    /// Watches Services.
    pub watch_services: bool,
    /// Reads the Jobs of local pods.
    pub read_jobs: bool,
    /// Longest random wait before the first request, which spreads the requests of nodes that restart together.
    pub start_jitter: Duration,
}

/// The watches and look-ups; they end when this is dropped.
pub struct LocalWatch {
    shared: Arc<SharedFacts>,
    statuses: Vec<Arc<UpstreamStatus>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Facts written by the tasks and read by the tick.
#[derive(Default)]
struct SharedFacts {
    state: Mutex<LocalState>,
    jobs: jobs::Jobs,
}

impl SharedFacts {
    fn state(&self) -> MutexGuard<'_, LocalState> {
        lock(&self.state)
    }
}

impl LocalWatch {
    /// Spawns the tasks. Must be called within the runtime.
    pub fn start(client: kube::Client, settings: LocalSettings) -> Self {
        let mut local = Self { shared: Arc::default(), statuses: Vec::new(), tasks: Vec::new() };
        if settings.watch_node {
            let watch_spec = WatchSpec {
                path: "/api/v1/nodes".into(),
                resource: "nodes",
                field_selector: Some(format!("metadata.name={}", settings.node_name)),
                ..watch_spec(settings.start_jitter)
            };
            local.watch("node", &client, watch_spec, node::OwnNode::new(Arc::clone(&local.shared)));
        }
        if settings.watch_services {
            let watch_spec = WatchSpec {
                path: "/api/v1/services".into(),
                resource: "services",
                ..watch_spec(settings.start_jitter)
            };
            local.watch(
                "services",
                &client,
                watch_spec,
                services::AllServices::new(Arc::clone(&local.shared)),
            );
        }
        if settings.read_jobs {
            let (status, shared) = (Arc::new(UpstreamStatus::new("jobs")), Arc::clone(&local.shared));
            local.statuses.push(Arc::clone(&status));
            local.tasks.push(tokio::spawn(async move {
                match jobs::look_up(&client, &shared, &status, settings.start_jitter).await {}
            }));
        }
        local
    }

    fn watch<H: Handler + 'static>(
        &mut self,
        name: &'static str,
        client: &kube::Client,
        watch_spec: WatchSpec,
        mut handler: H,
    ) {
        let (status, client) = (Arc::new(UpstreamStatus::new(name)), client.clone());
        self.statuses.push(Arc::clone(&status));
        self.tasks.push(tokio::spawn(async move {
            match reflect(&client, &watch_spec, &mut handler, &status).await {}
        }));
    }

    /// Returns the facts known now.
    pub fn state(&self) -> Arc<LocalState> {
        Arc::new(self.shared.state().clone())
    }

    /// Returns the status of each source.
    pub fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.statuses.clone()
    }

    /// Updates the pods of this node: Jobs that own one of them are looked up, those that no longer do are forgotten.
    pub fn update_pods(&self, pods: &PodList) {
        self.shared.jobs.update_pods(pods, &self.shared);
    }
}

impl Drop for LocalWatch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn watch_spec(start_jitter: Duration) -> WatchSpec {
    WatchSpec {
        path: String::new(),
        resource: "",
        field_selector: None,
        label_selector: None,
        paging: Paging::FromCache,
        metadata_only: false,
        start_jitter,
    }
}
