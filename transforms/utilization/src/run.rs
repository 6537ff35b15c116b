//! Publishing of the metrics of one batch, by type of event.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::metrics::{Prefix, Publisher};
use crate::options::Options;
use crate::pod::{self, Pod};
use crate::raw::{Raw, attribute};
use crate::sweep::Sweep;
use crate::task::{self, Tasks};
use crate::usage::Capacity;
use crate::{cluster, disk, filesystem, network, node};

/// Publishes the metrics of all events of a batch.
pub(crate) fn run(options: &Options, batch: &Batch) {
    let raw = Raw::new(batch);
    if batch.scope() == "cluster" {
        run_events(options, batch, &raw, &|out, entity, kind| {
            cluster::publish(out, entity, kind, &raw, options)
        });
    } else if batch.scope() == task::KIND {
        let tasks = Tasks::new(batch, &raw);
        run_events(options, batch, &raw, &|out, entity, kind| {
            tasks.as_ref().is_some_and(|tasks| tasks.publish(out, entity, kind, options.enhanced))
        });
    } else if let Some(node) = batch.node() {
        // Other scopes have no node, so there is nothing to publish.
        let parts = Parts {
            pods: pod::all(batch, &raw),
            tasks: Tasks::new(batch, &raw),
            capacity: Capacity::new(*node),
        };
        run_events(options, batch, &raw, &|out, entity, kind| {
            publish(out, entity, kind, &parts, &raw, options)
        });
    }
}

/// Publishes the metrics of an event of the given type; returns true if the type is known.
type Publish<'p> = &'p dyn Fn(&mut Publisher<'_>, Entity<'_>, &str) -> bool;

fn run_events(options: &Options, batch: &Batch, raw: &Raw, publish: Publish<'_>) {
    let mut out = Publisher::new(batch);
    let mut events = Vec::new();
    for entity in batch.entities() {
        let Some(kind) = attribute(entity, raw.kind) else { continue };
        let before = out.count();
        let is_known = publish(&mut out, entity, kind);
        if is_known && out.count() == before && !has_published_metric(entity) {
            // An event without metrics is useless: first tick of an interface, or a cgroup that is gone.
            entity.remove_attribute(raw.kind);
        } else {
            events.push(entity);
        }
    }
    if !options.keep_raw {
        // Removed last, because sums need the raw metrics of other entities.
        let mut sweep = Sweep::new();
        events.into_iter().for_each(|entity| sweep.drop_raw(entity));
    }
}

/// Facts about a node that its events share.
struct Parts<'b, 'r> {
    pods: Vec<Pod<'b>>,
    tasks: Option<Tasks<'b, 'r>>,
    capacity: Capacity,
}

/// Publishes the metrics of an event of a node. Returns true if the type has metrics here; custom types are left alone.
fn publish(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    kind: &str,
    parts: &Parts<'_, '_>,
    raw: &Raw,
    options: &Options,
) -> bool {
    let (pods, tasks, capacity) = (&*parts.pods, parts.tasks.as_ref(), parts.capacity);
    if tasks.is_some_and(|tasks| tasks.publish(out, entity, kind, options.enhanced)) {
        return true;
    }
    match kind {
        "Node" => node::publish(out, entity, pods, raw, capacity, options),
        "NodeFS" => filesystem::publish(out, entity, Prefix::Node, raw),
        "NodeDiskIO" => disk::publish(out, entity, Prefix::Node, raw),
        "NodeNet" => network::publish(out, entity, Prefix::NodeInterface, raw),
        "Instance" => node::publish_instance(out, entity, tasks, raw, capacity, options),
        "InstanceFS" => filesystem::publish(out, entity, Prefix::Instance, raw),
        "InstanceDiskIO" => disk::publish(out, entity, Prefix::Instance, raw),
        "InstanceNet" => network::publish(out, entity, Prefix::InstanceInterface, raw),
        "Pod" => {
            if let Ok(at) = pods.binary_search_by_key(&entity.index(), |pod| pod.entity.index()) {
                pod::publish(out, &pods[at], raw, capacity, options);
            }
        }
        "PodNet" => network::publish(out, entity, Prefix::PodInterface, raw),
        "Container" => pod::publish_container(out, entity, raw, capacity, options),
        "ContainerFS" => filesystem::publish_layer(out, entity, raw),
        _ => return false,
    }
    true
}

/// Returns true if the entity has a metric published by another transform.
fn has_published_metric(entity: Entity<'_>) -> bool {
    entity.gauges().into_iter().any(|(name, _)| !name.contains('.'))
}
