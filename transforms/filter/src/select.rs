//! Filters by namespace, name of a metric, and key of a label.

use insights_sdk::prelude::*;

use crate::end_event;
use crate::options::Filters;
use crate::rule::{Rule, Tested};

/// Attributes that name the namespace of an entity, in the order of precedence.
pub(crate) const NAMESPACE: [&str; 5] =
    ["pod.namespace", "namespace.name", "service.namespace", "workload.namespace", "Namespace"];
const LABEL: &str = "label.";

/// Removes the entities of rejected namespaces with everything below them; returns their number.
pub(crate) fn namespaces(rule: &Rule, batch: &Batch) -> u64 {
    let keys = NAMESPACE.map(|key| batch.name(key));
    let mut tested = Tested::new(|namespace| rule.passes(batch.text(namespace)));
    let entities = batch.entities();
    for entity in &entities {
        if entity.is_live() && namespace(*entity, &keys).is_some_and(|namespace| !tested.passes(namespace)) {
            entity.remove();
        }
    }
    entities.into_iter().filter(|entity| !entity.is_live()).count() as u64
}

/// Returns the namespace of an entity; `None` if it has none of its own, as a node or what is below a pod.
pub(crate) fn namespace(entity: Entity<'_>, keys: &[Name]) -> Option<Name> {
    let attribute = keys.iter().find_map(|&key| entity.attribute_name(key));
    attribute.or_else(|| {
        // Workloads of a node have no attribute of it: their id is `KIND/NAMESPACE/NAME`.
        let id = Some(entity.id()).filter(|_| entity.kind() == Workload::KIND)?;
        let (_, rest) = id.split_once('/')?;
        rest.split_once('/').map(|(namespace, _)| entity.batch().name(namespace))
    })
}

/// Removes the gauges and counters with rejected names, and the descriptors of these names; returns the number of values.
pub(crate) fn metric_names(rule: &Rule, batch: &Batch) -> u64 {
    let mut tested = Tested::new(|name| rule.passes(batch.text(name)));
    let mut dropped = 0;
    for entity in batch.entities() {
        let before = dropped;
        entity.retain_point_names(|name| {
            let passes = tested.passes(name);
            dropped += u64::from(!passes);
            passes
        });
        if dropped > before {
            end_event(entity);
        }
    }
    for name in tested.failed() {
        if let Some(descriptor) = batch.find("metric", batch.text(name)) {
            descriptor.remove();
        }
    }
    dropped
}

/// Removes the labels with rejected keys: on entities of kind `node` those of the node, on all others those of the pod;
/// returns their number.
pub(crate) fn labels(filters: &Filters, batch: &Batch) -> u64 {
    let mut of_pods = Tested::new(|key| passes(filters.pod_labels.as_ref(), batch.text(key)));
    let mut of_nodes = Tested::new(|key| passes(filters.node_labels.as_ref(), batch.text(key)));
    let mut dropped = 0;
    for entity in batch.entities() {
        let is_node = entity.kind() == Node::KIND;
        for (key, _) in entity.attribute_names() {
            let passes = if is_node { of_nodes.passes(key) } else { of_pods.passes(key) };
            if !passes {
                entity.remove_attribute(key);
                dropped += 1;
            }
        }
    }
    dropped
}

/// Returns true for an attribute that is no label, and for a label that the rule passes.
fn passes(rule: Option<&Rule>, attribute: &str) -> bool {
    match (rule, attribute.strip_prefix(LABEL)) {
        (Some(rule), Some(key)) => rule.passes(key),
        _ => true,
    }
}
