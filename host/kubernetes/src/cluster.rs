//! Raw counts of the objects of a whole cluster: a compact store fed by lists and watches.
//!
//! Only the elected leader has one. A [`ClusterWatch`] keeps nine watches, and up to five that pipelines ask for; their
//! objects are read one by one, and only a few numbers of each are kept: 12 bytes of a pod in a hash table, 8 bytes of an
//! endpoint.
//!
//! # Requests to the API server
//!
//! | objects | how | why |
//! |---|---|---|
//! | pods, `status.phase=Running` | metadata only | nearly all pods, and nearly all changes of pods |
//! | pods, `status.phase!=Running` | whole | their phase is counted; of pending ones also labels, owners, conditions |
//! | namespaces | metadata only | names |
//! | nodes, EndpointSlices, Deployments, DaemonSets, StatefulSets | whole | the counts are in `spec` and `status` |
//! | ReplicaSets without the label `pod-template-hash` | whole | every Deployment keeps up to eleven, which are not counted |
//! | on request: PersistentVolumeClaims | whole | the phase is in `status` |
//! | on request: Jobs, CronJobs | whole | counts and times are in `spec` and `status` |
//! | on request: PersistentVolumes, Ingresses | metadata only | they are counted |
//!
//! Each is listed from the API server's watch cache (`resourceVersion=0`). CPU time of the API server and bytes sent, for
//! 20,000 pods of 6.8 KB (JSON, half of it `managedFields`) on Kubernetes 1.34:
//!
//! | list of pods | CPU | bytes |
//! |---|---|---|
//! | whole, JSON, pages of 500 | 4.4 s | 190 MB |
//! | whole, JSON, from the watch cache | 2.2-3.7 s | 190 MB |
//! | the same with gzip | 2.1-5.8 s | 13 MB |
//! | whole, protobuf (what client-go does) | 1.1-1.4 s | 135 MB |
//! | **running ones, metadata, JSON, from the watch cache** | **0.6 s** | 94 MB |
//! | metadata, JSON, as a streaming list (`sendInitialEvents`) | 2.0 s | 97 MB |
//!
//! With 145,000 running pods and etcd 3.4, all at once: 2.4 s, 298 MB, no load on etcd; in pages of 500: 22 s, and 15 s of
//! etcd.
//!
//! Metadata is requested because `managedFields` and labels are passed through as they are, whereas a whole object is
//! encoded field by field. A field selector replaces the phase, which metadata does not contain. gzip is accepted, which
//! servers offer for lists of at least 128 KiB and client-go accepts by default: it reduces a list of metadata to a tenth
//! of its bytes or less. Streaming lists are not used: they wrap every object into an event, save memory only on servers
//! before 1.33, and need etcd 3.5 or newer. Pages are not used either: servers read them from etcd, with one quorum read
//! each, unless they have snapshots of their cache (1.34 with a new etcd). Only a list that broke off is repeated in pages:
//! the server ends a response after one minute, which is too short for the whole list if the server or the agent is starved
//! of CPU ([`ClusterSettings::page_size`]).
//!
//! A watch that ends is resumed from its last version, which bookmarks keep recent; only a version that the server no
//! longer has (410) requires a new list. A new leader starts with lists only: watching permanently in all followers would
//! cost more in an hour than it saves in a change of leaders.
//!
//! # Limits
//!
//! - A ReplicaSet that outlived its Deployment (deleted with `--cascade=orphan`) still has the label and is not counted.
//! - Details of pending pods are kept for at most [`ClusterSettings::max_pending_pods`], and only of pods without a node:
//!   the others are reported by their node. Pending pods are counted in any case.

mod cron_jobs;
mod endpoints;
mod jobs;
mod namespaces;
mod nodes;
mod objects;
mod pods;
mod pods_by_namespace;
mod records;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod wanted;
mod wire;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use insights_batch::{Builder, EntityId};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use crate::client::reflect::{Paging, WATCH_IDLE, WatchSpec, reflect};
use endpoints::Endpoints;
use insightd_upstream::UpstreamStatus;
use namespaces::Namespaces;
use nodes::Nodes;
use objects::ObjectKind;
use pods::Pods;
use store::Store;
use table::{Feed, ObjectTable, SharedTable};
use workloads::{WorkloadKind, Workloads};

/// A watch that is silent for longer than this counts as broken, even without an error: a silent watch is reopened earlier,
/// which confirms the known objects.
const SILENCE: Duration = WATCH_IDLE.saturating_add(Duration::from_secs(60));

/// Settings of the cluster watches.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Number of objects per page if a list from the watch cache broke off; 0 repeats the whole list instead.
    pub page_size: u32,
    /// Reports pods that wait for a node as individual entities.
    pub pending_pods: bool,
    /// Largest number of such entities.
    pub max_pending_pods: usize,
    /// Longest random wait before the first list of a kind, and before a list after its version expired.
    pub start_jitter: Duration,
}

/// The watches of a cluster, which end when this is dropped. Must be started and dropped within the context of a tokio
/// runtime.
#[derive(Debug)]
pub struct ClusterWatch {
    store: Store,
    starter: WatchStarter,
    /// The watches that a pipeline asked for, with their tasks.
    wanted: Vec<(ObjectKind, Arc<UpstreamStatus>, AbortHandle)>,
}

#[derive(Debug)]
struct Source {
    status: Arc<UpstreamStatus>,
    table: Arc<dyn Listed>,
}

/// A table that may not have been listed yet.
trait Listed: Send + Sync + std::fmt::Debug {
    fn is_listed(&self) -> bool;
}

impl<K: Send + std::fmt::Debug> Listed for SharedTable<K> {
    fn is_listed(&self) -> bool {
        self.read().is_some()
    }
}

impl ClusterWatch {
    /// Starts the lists and watches. Returns immediately.
    pub fn start(client: kube::Client, settings: ClusterSettings) -> Self {
        let store = Store::new();
        let max_pending = if settings.pending_pods { settings.max_pending_pods } else { 0 };
        let mut starter = WatchStarter {
            client,
            settings,
            runtime: Handle::current(),
            sources: Vec::new(),
            tasks: JoinSet::new(),
        };
        starter.add("nodes", params("/api/v1/nodes", "nodes"), &store.nodes, Nodes::default());
        starter.add(
            "namespaces",
            WatchParams { metadata_only: true, ..params("/api/v1/namespaces", "namespaces") },
            &store.namespaces,
            Namespaces::default(),
        );
        let running = WatchParams {
            metadata_only: true,
            field_selector: Some("status.phase=Running"),
            ..params("/api/v1/pods", "pods")
        };
        starter.add("pods_running", running, &store.running, Pods::new(0));
        let others =
            WatchParams { field_selector: Some("status.phase!=Running"), ..params("/api/v1/pods", "pods") };
        starter.add("pods_other", others, &store.others, Pods::new(max_pending));
        starter.add(
            "endpointslices",
            params("/apis/discovery.k8s.io/v1/endpointslices", "endpointslices.discovery.k8s.io"),
            &store.endpoints,
            Endpoints::default(),
        );
        for (kind, table) in &store.workloads {
            let (name, params) = match kind {
                WorkloadKind::Deployment => {
                    ("deployments", params("/apis/apps/v1/deployments", "deployments.apps"))
                }
                WorkloadKind::DaemonSet => {
                    ("daemonsets", params("/apis/apps/v1/daemonsets", "daemonsets.apps"))
                }
                WorkloadKind::StatefulSet => {
                    ("statefulsets", params("/apis/apps/v1/statefulsets", "statefulsets.apps"))
                }
                WorkloadKind::ReplicaSet => {
                    let all = params("/apis/apps/v1/replicasets", "replicasets.apps");
                    ("replicasets", WatchParams { label_selector: Some("!pod-template-hash"), ..all })
                }
            };
            starter.add(name, params, table, Workloads::new(*kind));
        }
        Self { store, starter, wanted: Vec::new() }
    }

    /// Returns true once every kind has been listed, or has failed more than once: a missing permission does not block the
    /// others.
    pub fn is_complete(&self) -> bool {
        self.starter
            .sources
            .iter()
            .all(|source| source.table.is_listed() || source.status.snapshot().failures_in_a_row > 1)
    }

    /// Adds the known objects below `cluster`, sorted. Kinds that were never listed have no rows.
    pub fn emit(&self, builder: &mut Builder, cluster: EntityId) {
        self.store.emit(builder, cluster);
    }

    /// Returns the number of pending pods beyond [`ClusterSettings::max_pending_pods`], which are counted but not reported
    /// one by one.
    pub fn pending_left_out(&self) -> usize {
        self.store.others.read().as_ref().map_or(0, Pods::left_out)
    }

    /// Returns the status of each kind.
    pub fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.starter.sources.iter().map(|source| Arc::clone(&source.status)).collect()
    }

    /// Returns the age of the oldest data that is reported: zero while all watches work. Kinds that were never listed do
    /// not count.
    pub fn oldest_age(&self) -> Duration {
        let ages =
            self.starter.sources.iter().filter(|source| source.table.is_listed()).filter_map(|source| {
                let state = source.status.snapshot();
                let age = state.last_success?.elapsed();
                (state.failures_in_a_row > 0 || age > SILENCE).then_some(age)
            });
        ages.max().unwrap_or_default()
    }
}

/// Parameters of one list and watch.
struct WatchParams {
    path: &'static str,
    resource: &'static str,
    field_selector: Option<&'static str>,
    label_selector: Option<&'static str>,
    metadata_only: bool,
}

fn params(path: &'static str, resource: &'static str) -> WatchParams {
    WatchParams { path, resource, field_selector: None, label_selector: None, metadata_only: false }
}

struct WatchStarter {
    client: kube::Client,
    settings: ClusterSettings,
    runtime: Handle,
    sources: Vec<Source>,
    /// Aborted on drop.
    tasks: JoinSet<()>,
}

impl std::fmt::Debug for WatchStarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchStarter").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl WatchStarter {
    fn add<K>(
        &mut self,
        source: &'static str,
        params: WatchParams,
        table: &Arc<SharedTable<K>>,
        empty: K,
    ) -> (Arc<UpstreamStatus>, AbortHandle)
    where
        K: ObjectTable + std::fmt::Debug,
    {
        let spec = WatchSpec {
            path: params.path.to_owned(),
            resource: params.resource,
            field_selector: params.field_selector.map(str::to_owned),
            label_selector: params.label_selector.map(str::to_owned),
            paging: match self.settings.page_size {
                0 => Paging::FromCache,
                size => Paging::FromCacheElsePages(size),
            },
            metadata_only: params.metadata_only,
            start_jitter: self.settings.start_jitter,
        };
        let status = Arc::new(UpstreamStatus::new(source));
        self.sources
            .push(Source { status: Arc::clone(&status), table: Arc::clone(table) as Arc<dyn Listed> });
        let (client, mut feed) = (self.client.clone(), Feed::new(Arc::clone(table), empty));
        let shared = Arc::clone(&status);
        let task = async move { match reflect(&client, &spec, &mut feed, &status).await {} };
        (shared, self.tasks.spawn_on(task, &self.runtime))
    }
}
