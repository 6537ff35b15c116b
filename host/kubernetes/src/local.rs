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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::reflect::{Handler, Paging, Watched, reflect};
use crate::pods::PodList;
use insightd_peer::Status;

pub use crate::facts::{ConditionStatus, LocalState, NodeFacts, Service, Services, job_key};

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
pub struct Local {
    known: Arc<Known>,
    statuses: Vec<Arc<Status>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Facts written by the tasks and read by the tick.
#[derive(Default)]
struct Known {
    state: Mutex<LocalState>,
    jobs: jobs::Jobs,
}

impl Known {
    /// Ignores poisoning: a panic elsewhere leaves whole pointers.
    fn state(&self) -> MutexGuard<'_, LocalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    /// Spawns the tasks. Must be called within the runtime.
    pub fn start(client: kube::Client, settings: LocalSettings) -> Self {
        let mut local = Self { known: Arc::default(), statuses: Vec::new(), tasks: Vec::new() };
        if settings.watch_node {
            let watched = Watched {
                path: "/api/v1/nodes".into(),
                resource: "nodes",
                field_selector: Some(format!("metadata.name={}", settings.node_name)),
                ..watched(settings.start_jitter)
            };
            local.watch("node", &client, watched, node::OwnNode::new(Arc::clone(&local.known)));
        }
        if settings.watch_services {
            let watched = Watched {
                path: "/api/v1/services".into(),
                resource: "services",
                ..watched(settings.start_jitter)
            };
            local.watch("services", &client, watched, services::AllServices::new(Arc::clone(&local.known)));
        }
        if settings.read_jobs {
            let (status, known) = (Arc::new(Status::new("jobs")), Arc::clone(&local.known));
            local.statuses.push(Arc::clone(&status));
            local.tasks.push(tokio::spawn(async move {
                match jobs::look_up(&client, &known, &status, settings.start_jitter).await {}
            }));
        }
        local
    }

    fn watch<H: Handler + 'static>(
        &mut self,
        name: &'static str,
        client: &kube::Client,
        watched: Watched,
        mut handler: H,
    ) {
        let (status, client) = (Arc::new(Status::new(name)), client.clone());
        self.statuses.push(Arc::clone(&status));
        self.tasks.push(tokio::spawn(async move {
            match reflect(&client, &watched, &mut handler, &status).await {}
        }));
    }

    /// Returns the facts known now.
    pub fn state(&self) -> Arc<LocalState> {
        Arc::new(self.known.state().clone())
    }

    /// Returns the status of each source.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        self.statuses.clone()
    }

    /// Updates the pods of this node: Jobs that own one of them are looked up, those that no longer do are forgotten.
    pub fn pods_seen(&self, pods: &PodList) {
        self.known.jobs.pods_seen(pods, &self.known);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn watched(start_jitter: Duration) -> Watched {
    Watched {
        path: String::new(),
        resource: "",
        field_selector: None,
        label_selector: None,
        paging: Paging::FromCache,
        metadata_only: false,
        start_jitter,
    }
}
