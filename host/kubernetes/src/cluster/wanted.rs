//! Watches of objects that are read only while a pipeline asks for them.

use std::sync::Arc;

use insightd_collect::{Group, OptionalFacts};
use insightd_upstream::UpstreamStatus;
use tokio::task::AbortHandle;

use super::objects::{ObjectKind, Objects};
use super::records::Records;
use super::store::Store;
use super::table::SharedTable;
use super::{ClusterWatch, WatchParams, WatchStarter, params};

impl ClusterWatch {
    /// Starts the watches of the groups of facts in `facts` that do not run, and ends those of all other groups, with what
    /// they knew. May be called on any thread. Returns the status of each new watch.
    pub fn want(&mut self, facts: OptionalFacts) -> Vec<Arc<UpstreamStatus>> {
        self.store.reports_status = facts.has(Group::Status);
        self.wanted.retain(|(kind, status, task)| {
            let is_wanted = facts.has(kind.group());
            if !is_wanted {
                task.abort();
                self.starter.sources.retain(|source| !Arc::ptr_eq(&source.status, status));
                self.store.forget(*kind);
            }
            is_wanted
        });
        let mut started = Vec::new();
        for kind in ObjectKind::ALL {
            if !facts.has(kind.group()) || self.wanted.iter().any(|(of, ..)| *of == kind) {
                continue;
            }
            let (status, task) = start(kind, &mut self.starter, &mut self.store);
            self.wanted.push((kind, Arc::clone(&status), task));
            started.push(status);
        }
        started
    }
}

/// Starts the watch of a kind, which fills a new table of the store.
fn start(
    kind: ObjectKind,
    starter: &mut WatchStarter,
    store: &mut Store,
) -> (Arc<UpstreamStatus>, AbortHandle) {
    let (name, params) = match kind {
        ObjectKind::Claim => {
            ("persistentvolumeclaims", params("/api/v1/persistentvolumeclaims", "persistentvolumeclaims"))
        }
        ObjectKind::PersistentVolume => {
            let volumes = params("/api/v1/persistentvolumes", "persistentvolumes");
            ("persistentvolumes", WatchParams { metadata_only: true, ..volumes })
        }
        ObjectKind::Ingress => {
            let ingresses = params("/apis/networking.k8s.io/v1/ingresses", "ingresses.networking.k8s.io");
            ("ingresses", WatchParams { metadata_only: true, ..ingresses })
        }
        ObjectKind::Job => {
            let table = store.jobs.insert(SharedTable::new());
            let jobs = params("/apis/batch/v1/jobs", "jobs.batch");
            return starter.add("jobs", jobs, table, Records::default());
        }
        ObjectKind::CronJob => {
            let table = store.cron_jobs.insert(SharedTable::new());
            let cron_jobs = params("/apis/batch/v1/cronjobs", "cronjobs.batch");
            return starter.add("cronjobs", cron_jobs, table, Records::default());
        }
    };
    let table = SharedTable::new();
    let added = starter.add(name, params, &table, Objects::default());
    store.objects.push((kind, table));
    added
}
