//! Rest entities, which replace the removed pods.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name, Unit};

use crate::options::Options;

/// Attributes that identify a pod's event and are equal for all pods of a node.
const SHARED: [&str; 6] =
    ["ClusterName", "NodeName", "InstanceId", "InstanceType", "AutoScalingGroupName", "node.name"];
const PREFIX: &str = "rest_";

/// A sum over removed pods.
pub(crate) struct Rest<'a, 'b> {
    options: &'a Options,
    batch: &'b Batch,
    node: Entity<'b>,
    /// Known metric names, with the name of their sum, or `None` for a metric that is not summed.
    names: Vec<(Name, Option<Name>)>,
}

impl<'a, 'b> Rest<'a, 'b> {
    pub(crate) fn new(options: &'a Options, batch: &'b Batch, node: Entity<'b>) -> Self {
        Self { options, batch, node, names: Vec::new() }
    }

    /// Adds a pod's metrics to the rest entity of its node or namespace.
    pub(crate) fn add(&mut self, pod: Entity<'b>) {
        let rest = self.rest_of(pod);
        rest.publish("rest_pods", rest.gauge("rest_pods").unwrap_or(0.0) + 1.0, Unit::Count);
        for (name, value) in pod.gauge_names() {
            if let Some(sum) = self.sum_name(name) {
                rest.set_gauge(sum, rest.gauge(sum).unwrap_or(0.0) + value);
            }
        }
    }

    fn rest_of(&self, pod: Entity<'b>) -> Entity<'b> {
        let namespace = pod.attribute("pod.namespace").filter(|_| self.options.per_namespace);
        let id = match namespace {
            Some(namespace) => ["rest/", namespace].concat(),
            None => "rest".into(),
        };
        if let Some(rest) = self.batch.find("pod_rest", &id) {
            return rest;
        }
        let rest = self.batch.add("pod_rest", &id, Some(self.node));
        rest.set_attribute("Type", &self.options.kind);
        for key in SHARED {
            if let Some(value) = pod.attribute(key) {
                rest.set_attribute(key, value);
            }
        }
        if let Some(namespace) = namespace {
            rest.set_attribute("Namespace", namespace);
            rest.set_attribute("pod.namespace", namespace);
        }
        rest
    }

    /// Returns the name of a metric's sum, or `None` if it is not summed. The sum has the metric's unit.
    fn sum_name(&mut self, name: Name) -> Option<Name> {
        if let Some((_, sum)) = self.names.iter().find(|(known, _)| *known == name) {
            return *sum;
        }
        let text = self.batch.text(name);
        let sum = self.options.sum.has(text).then(|| {
            let sum = [PREFIX, text].concat();
            self.batch.describe(&sum, self.batch.unit(text));
            self.batch.name(&sum)
        });
        self.names.push((name, sum));
        sum
    }
}
