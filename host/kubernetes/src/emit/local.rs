//! Emits the API server's facts about a node and its pods.

use std::collections::{BTreeMap, BTreeSet};

use insights_batch::{Builder, EntityId};

use super::{Emitter, gauge, joined};
use crate::facts::{NodeFacts, Services};
use crate::pods::{Owner, Pod};

/// Adds the conditions of the node, and its capacity of pods.
pub(super) fn node(facts: &NodeFacts, node: EntityId, text: &mut String, builder: &mut Builder) {
    for (kind, status) in &facts.conditions {
        text.clear();
        text.push_str("node.condition.");
        text.push_str(kind);
        builder.gauge(node, text, status.value());
    }
    gauge(builder, node, "node.capacity_pods", facts.capacity_pods);
    gauge(builder, node, "node.allocatable_pods", facts.allocatable_pods);
}

impl Emitter {
    /// Links every Job of a local pod to its own owner.
    pub(super) fn jobs(
        &mut self,
        owners: &BTreeMap<Box<str>, Owner>,
        pods: &[Pod],
        node: EntityId,
        builder: &mut Builder,
    ) {
        if owners.is_empty() {
            return;
        }
        let mut done = BTreeSet::new();
        for pod in pods {
            for job in pod.owners.iter().filter(|owner| &*owner.kind == "Job") {
                let Some(owner) = owners.get(joined(&mut self.text, &[&pod.namespace, &job.name])) else {
                    continue;
                };
                if done.insert((&pod.namespace, &job.name)) {
                    let below = self.workload(&job.kind, &pod.namespace, &job.name, node, builder);
                    let above = self.workload(&owner.kind, &pod.namespace, &owner.name, node, builder);
                    builder.link(below, above, "owned-by");
                }
            }
        }
    }

    /// Adds the services that select a pod which has not ended, by namespace and name; `pods` must be sorted by namespace.
    pub(super) fn services(
        &mut self,
        services: &Services,
        pods: &[Pod],
        node: EntityId,
        builder: &mut Builder,
    ) {
        let mut at = 0;
        for group in pods.chunk_by(|left, right| left.namespace == right.namespace) {
            let entities = at..at + group.len();
            at = entities.end;
            let Some(namespace) = group.first().map(|pod| &*pod.namespace) else { continue };
            for service in services.in_namespace(namespace) {
                let mut entity = None;
                for (pod, index) in group.iter().zip(entities.clone()) {
                    let ended = matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed"));
                    if ended || !service.selects(pod) {
                        continue;
                    }
                    let service = *entity.get_or_insert_with(|| {
                        let id = joined(&mut self.text, &[namespace, service.name()]);
                        let entity = builder.entity("service", id, Some(node));
                        builder.attribute(entity, "service.name", service.name());
                        builder.attribute(entity, "service.namespace", namespace);
                        entity
                    });
                    if let Some(pod) = self.pods.get(index) {
                        builder.link(*pod, service, "endpoint-of");
                    }
                }
            }
        }
    }
}
