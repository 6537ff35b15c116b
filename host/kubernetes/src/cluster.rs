//! What the whole cluster holds, reduced to raw counts: a compact store fed by lists and watches.
//!
//! Only the elected leader has one. A [`ClusterWatch`] keeps nine watches; what they send is read object by object, and of
//! each a few numbers stay: of a pod 12 bytes in a hash table, of an endpoint eight.
//!
//! # What is asked of the API server
//!
//! | objects | how | why |
//! |---|---|---|
//! | pods, `status.phase=Running` | metadata only | nearly all pods, and nearly all changes of pods |
//! | pods, `status.phase!=Running` | whole | their phase counts, and of pending ones labels, owners, conditions |
//! | namespaces | metadata only | names |
//! | nodes, EndpointSlices, Deployments, DaemonSets, StatefulSets | whole | figures are in `spec` and `status` |
//! | ReplicaSets without the label `pod-template-hash` | whole | every Deployment keeps up to eleven, none of which counts |
//!
//! Each is listed out of the API server's watch cache (`resourceVersion=0`), unless pages are configured.
//! With 20,000 pods of 6.8 KB (JSON, half of it `managedFields`) on Kubernetes 1.34, CPU of the API server and what it sent:
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
//! With 145,000 running pods and etcd 3.4, all at once: 2.4 s, 298 MB, no etcd; in pages of 500: 22 s, and 15 s of etcd.
//!
//! So: metadata, because `managedFields` and labels pass through as they are, where a whole object is encoded field by field;
//! a field selector in place of the phase that metadata lacks; gzip where the server offers it, for lists from 128 KiB on, as
//! client-go does unasked: a list of metadata comes to a tenth of its bytes or less; no streaming list, which wraps every object into an event and saves memory only on servers before 1.33,
//! while it needs etcd 3.5 or newer; no pages, which servers read from etcd, one quorum read each, unless they have snapshots
//! of their cache (1.34 with a new etcd). Pages come after a list that broke off: the server gives an answer one minute,
//! which all at once may outlast where server or agent are starved ([`ClusterSettings::page_size`]).
//!
//! A watch that ends is resumed from its last version, for which bookmarks keep it recent; only a version that the server
//! forgot (410) costs a new list. The next leader starts with nothing but the lists: what followers would have to watch
//! all the time to be faster costs more in an hour than it saves in a change of leaders.
//!
//! # What is left out
//!
//! - A ReplicaSet that outlived its Deployment (deleted with `--cascade=orphan`) still has the label and is not seen.
//! - Details of pending pods are kept up to [`ClusterSettings::max_pending_pods`], of those that no node was chosen for:
//!   others are their node's to report. They are counted in any case.

mod endpoints;
mod namespaces;
mod nodes;
mod pods;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod wire;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use insights_sdk::{Builder, EntityId};
use tokio::task::JoinSet;

use crate::client::reflect::{Paging, WATCH_IDLE, Watched, reflect};
use endpoints::Endpoints;
use insightd_peer::Status;
use namespaces::Namespaces;
use nodes::Nodes;
use pods::Pods;
use store::Store;
use table::{Feed, Kind, Table};
use workloads::{Of, Workloads};

/// A watch that said nothing for so long does not stand any more, though nobody told: a silent one is opened anew before, which
/// confirms what is known.
const SILENCE: Duration = WATCH_IDLE.saturating_add(Duration::from_secs(60));

/// How the cluster is watched.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Objects in one page of a list, where one out of the watch cache broke off; 0 to ask for all at once again.
    pub page_size: u32,
    /// Whether pods that wait for a node are shown one by one.
    pub pending_pods: bool,
    /// How many of them at most.
    pub max_pending_pods: usize,
    /// The longest wait before each list.
    pub start_jitter: Duration,
}

/// Watches the cluster until it is dropped. Must be started, and dropped, within a tokio runtime's context.
#[derive(Debug)]
pub struct ClusterWatch {
    store: Store,
    sources: Vec<Source>,
    /// Aborted on drop.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Source {
    status: Arc<Status>,
    table: Arc<dyn Listed>,
}

/// Whether a kind was listed.
trait Listed: Send + Sync + std::fmt::Debug {
    fn is_listed(&self) -> bool;
}

impl<K: Send + std::fmt::Debug> Listed for Table<K> {
    fn is_listed(&self) -> bool {
        self.read().is_some()
    }
}

impl ClusterWatch {
    /// Starts listing. Returns at once.
    pub fn start(client: kube::Client, settings: ClusterSettings) -> Self {
        let store = Store::new();
        let most_pending = if settings.pending_pods { settings.max_pending_pods } else { 0 };
        let mut starting = Starting { client, settings, sources: Vec::new(), tasks: JoinSet::new() };
        starting.add("nodes", ask("/api/v1/nodes", "nodes"), &store.nodes, Nodes::default());
        starting.add(
            "namespaces",
            Ask { metadata_only: true, ..ask("/api/v1/namespaces", "namespaces") },
            &store.namespaces,
            Namespaces::default(),
        );
        let running = Ask {
            metadata_only: true,
            field_selector: Some("status.phase=Running"),
            ..ask("/api/v1/pods", "pods")
        };
        starting.add("pods_running", running, &store.running, Pods::new(0));
        let others = Ask { field_selector: Some("status.phase!=Running"), ..ask("/api/v1/pods", "pods") };
        starting.add("pods_other", others, &store.others, Pods::new(most_pending));
        starting.add(
            "endpointslices",
            ask("/apis/discovery.k8s.io/v1/endpointslices", "endpointslices.discovery.k8s.io"),
            &store.endpoints,
            Endpoints::default(),
        );
        for (of, table) in &store.workloads {
            let (name, ask) = match of {
                Of::Deployment => ("deployments", ask("/apis/apps/v1/deployments", "deployments.apps")),
                Of::DaemonSet => ("daemonsets", ask("/apis/apps/v1/daemonsets", "daemonsets.apps")),
                Of::StatefulSet => ("statefulsets", ask("/apis/apps/v1/statefulsets", "statefulsets.apps")),
                Of::ReplicaSet => {
                    let all = ask("/apis/apps/v1/replicasets", "replicasets.apps");
                    ("replicasets", Ask { label_selector: Some("!pod-template-hash"), ..all })
                }
            };
            starting.add(name, ask, table, Workloads::new(*of));
        }
        Self { store, sources: starting.sources, _tasks: starting.tasks }
    }

    /// Whether every kind was listed once, or failed to be more than once: a right that is missing holds up nothing else.
    pub fn is_complete(&self) -> bool {
        self.sources
            .iter()
            .all(|source| source.table.is_listed() || source.status.snapshot().failures_in_a_row > 1)
    }

    /// Adds what is known below `cluster`, sorted. Kinds that were never listed have no rows.
    pub fn emit(&self, builder: &mut Builder, cluster: EntityId) {
        self.store.emit(builder, cluster);
    }

    /// Pending pods of which only the number is shown, for they are more than [`ClusterSettings::max_pending_pods`].
    pub fn pending_left_out(&self) -> usize {
        self.store.others.read().as_ref().map_or(0, Pods::left_out)
    }

    /// How it goes, kind by kind.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        self.sources.iter().map(|source| Arc::clone(&source.status)).collect()
    }

    /// Age of the oldest data that is shown: zero while all watches stand. Kinds that were never listed show none.
    pub fn oldest_age(&self) -> Duration {
        let ages = self.sources.iter().filter(|source| source.table.is_listed()).filter_map(|source| {
            let state = source.status.snapshot();
            let age = state.last_success?.elapsed();
            (state.failures_in_a_row > 0 || age > SILENCE).then_some(age)
        });
        ages.max().unwrap_or_default()
    }
}

/// What is asked for.
struct Ask {
    path: &'static str,
    resource: &'static str,
    field_selector: Option<&'static str>,
    label_selector: Option<&'static str>,
    metadata_only: bool,
}

fn ask(path: &'static str, resource: &'static str) -> Ask {
    Ask { path, resource, field_selector: None, label_selector: None, metadata_only: false }
}

struct Starting {
    client: kube::Client,
    settings: ClusterSettings,
    sources: Vec<Source>,
    tasks: JoinSet<()>,
}

impl Starting {
    fn add<K>(&mut self, source: &'static str, ask: Ask, table: &Arc<Table<K>>, empty: K)
    where
        K: Kind + std::fmt::Debug,
    {
        let watched = Watched {
            path: ask.path.to_owned(),
            resource: ask.resource,
            field_selector: ask.field_selector.map(str::to_owned),
            label_selector: ask.label_selector.map(str::to_owned),
            paging: match self.settings.page_size {
                0 => Paging::FromCache,
                size => Paging::FromCacheElsePages(size),
            },
            metadata_only: ask.metadata_only,
            start_jitter: self.settings.start_jitter,
        };
        let status = Arc::new(Status::new(source));
        self.sources
            .push(Source { status: Arc::clone(&status), table: Arc::clone(table) as Arc<dyn Listed> });
        let (client, mut feed) = (self.client.clone(), Feed::new(Arc::clone(table), empty));
        self.tasks.spawn(async move { match reflect(&client, &watched, &mut feed, &status).await {} });
    }
}
