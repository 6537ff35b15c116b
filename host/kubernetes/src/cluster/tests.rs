//! Tests with objects as the API server writes them: through a feed into the store, and from it into a batch.

mod budget;
mod jobs;
mod model;
mod objects;
mod watch;

use std::sync::Arc;

use insights_batch::{Batch, Builder, Entity};
use serde_json::Value;

use super::endpoints::Endpoints;
use super::namespaces::Namespaces;
use super::nodes::Nodes;
use super::objects::{ObjectKind, Objects};
use super::pods::{Others, Pods, Running};
use super::store::Store;
use super::table::{Feed, ObjectTable};
use super::workloads::{WorkloadKind, Workloads};
use crate::client::reflect::Handler;

/// A store and its feeds.
struct Cluster {
    store: Store,
    nodes: Feed<Nodes>,
    namespaces: Feed<Namespaces>,
    running: Feed<Pods<Running>>,
    others: Feed<Pods<Others>>,
    endpoints: Feed<Endpoints>,
    workloads: [Feed<Workloads>; 4],
}

impl Cluster {
    fn new(max_pending: usize) -> Self {
        let store = Store::new();
        Self {
            nodes: Feed::new(Arc::clone(&store.nodes), Nodes::default()),
            namespaces: Feed::new(Arc::clone(&store.namespaces), Namespaces::default()),
            running: Feed::new(Arc::clone(&store.running), Pods::new(0)),
            others: Feed::new(Arc::clone(&store.others), Pods::new(max_pending)),
            endpoints: Feed::new(Arc::clone(&store.endpoints), Endpoints::default()),
            workloads: store
                .workloads
                .each_ref()
                .map(|(kind, table)| Feed::new(Arc::clone(table), Workloads::new(*kind))),
            store,
        }
    }

    /// Adds a table of objects that are read on request, and returns its feed.
    fn feed_of(&mut self, kind: ObjectKind) -> Feed<Objects> {
        let table = super::table::SharedTable::new();
        self.store.objects.push((kind, Arc::clone(&table)));
        Feed::new(table, Objects::default())
    }

    fn workloads_of(&mut self, kind: WorkloadKind) -> &mut Feed<Workloads> {
        let index = self.store.workloads.iter().position(|(of, _)| *of == kind).unwrap();
        &mut self.workloads[index]
    }

    fn batch(&self) -> Batch {
        let mut builder = Builder::new("cluster", "prod", 1_735_790_400_000, 60_000);
        let cluster = builder.entity("cluster", "prod", None);
        self.store.emit(&mut builder, cluster);
        let columns = builder.finish();
        columns.check().unwrap();
        Batch::from_columns(columns)
    }
}

fn restart<K: ObjectTable>(feed: &mut Feed<K>) {
    feed.on_restart();
}

fn listed<K: ObjectTable>(feed: &mut Feed<K>, object: &Value) {
    feed.on_listed(serde_json::from_str(&object.to_string()).unwrap());
}

fn applied<K: ObjectTable>(feed: &mut Feed<K>, object: &Value) {
    feed.on_applied(serde_json::from_str(&object.to_string()).unwrap());
}

fn deleted<K: ObjectTable>(feed: &mut Feed<K>, object: &Value) {
    feed.on_deleted(serde_json::from_str(&object.to_string()).unwrap());
}

fn list<K: ObjectTable>(feed: &mut Feed<K>, objects: &[Value]) {
    restart(feed);
    objects.iter().for_each(|object| listed(feed, object));
    feed.on_list_end();
}

fn ids<'b>(batch: &'b Batch, kind: &str) -> Vec<&'b str> {
    batch.of_kind(kind).into_iter().map(Entity::id).collect()
}

fn gauges(entity: Entity<'_>) -> Vec<(&str, f64)> {
    let mut gauges = entity.gauges();
    gauges.sort_by(|left, right| left.0.cmp(right.0));
    gauges
}

fn attributes(entity: Entity<'_>) -> Vec<(&str, &str)> {
    let mut attributes = entity.attributes();
    attributes.sort_unstable();
    attributes
}

fn gauge(entity: Entity<'_>, name: &str) -> Option<f64> {
    entity.gauges().into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn cluster(batch: &Batch) -> Entity<'_> {
    batch.find("cluster", "prod").unwrap()
}
