//! One call: each event's figures, by its type.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::metrics::{Prefix, Publisher};
use crate::options::Options;
use crate::pod::{self, Pod};
use crate::raw::{Raw, attribute};
use crate::sweep::Sweep;
use crate::usage::Capacity;
use crate::{cluster, disk, filesystem, network, node};

/// Publishes the figures of all events of a batch.
pub(crate) fn run(options: &Options, batch: &Batch) {
    let raw = Raw::new(batch);
    if batch.scope() == "cluster" {
        run_events(options, batch, &raw, &|out, entity, kind| {
            cluster::publish(out, entity, kind, &raw, options)
        });
    } else if let Some(node) = batch.node() {
        // Other scopes have no node, and nothing here is about them.
        let capacity = Capacity::of(*node);
        let pods = pod::all(batch, &raw);
        run_events(options, batch, &raw, &|out, entity, kind| {
            publish(out, entity, kind, &pods, &raw, capacity, options)
        });
    }
}

/// Publishes the figures of an event of that type; whether the type is known.
type Publish<'p> = &'p dyn Fn(&mut Publisher<'_>, Entity<'_>, &str) -> bool;

fn run_events(options: &Options, batch: &Batch, raw: &Raw, publish: Publish<'_>) {
    let mut out = Publisher::new(batch);
    let mut events = Vec::new();
    for entity in batch.entities() {
        let Some(kind) = attribute(entity, raw.kind) else { continue };
        let before = out.count();
        let is_known = publish(&mut out, entity, kind);
        if is_known && out.count() == before && !has_figure(entity) {
            // An event without a figure tells nothing: first tick of an interface, cgroup that went away.
            entity.remove_attribute(raw.kind);
        } else {
            events.push(entity);
        }
    }
    if !options.keep_raw {
        // Last of all: sums need the raw figures of others.
        let mut sweep = Sweep::new();
        events.into_iter().for_each(|entity| sweep.drop_raw(entity));
    }
}

/// Whether the type is one of those that have figures here; a team's own types are left to it.
fn publish(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    kind: &str,
    pods: &[Pod<'_>],
    raw: &Raw,
    capacity: Capacity,
    options: &Options,
) -> bool {
    match kind {
        "Node" => node::publish(out, entity, pods, raw, capacity, options),
        "NodeFS" => filesystem::publish(out, entity, Prefix::Node, raw),
        "NodeDiskIO" => disk::publish(out, entity, Prefix::Node, raw),
        "NodeNet" => network::publish(out, entity, Prefix::NodeInterface, raw),
        "Instance" => node::publish_instance(out, entity, entity.batch(), raw, capacity, options),
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

/// Whether the entity has a figure that somebody else published.
fn has_figure(entity: Entity<'_>) -> bool {
    entity.gauges().into_iter().any(|(name, _)| !name.contains('.'))
}
