//! Nodes: their conditions, and two labels.

use std::collections::BTreeMap;

use super::table::Kind;
use super::wire;
use crate::text::{Pairs, each, filled};

/// Health of a HyperPod node.
pub(super) const HEALTH_LABEL: &str = "sagemaker.amazonaws.com/node-health-status";

/// The second one is its name before Kubernetes 1.17.
const TYPE_LABELS: [&str; 2] = ["node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"];

/// What is kept of a node.
#[derive(Debug)]
pub(super) struct Node {
    /// Index of the type, and 1 when it holds, 0 when not, -1 when nobody knows.
    conditions: Box<[(u16, i8)]>,
    pub(super) hyperpod: Option<HyperPod>,
}

/// What is kept of a node that has the label of its health.
#[derive(Debug)]
pub(super) struct HyperPod {
    pub(super) health: Box<str>,
    pub(super) instance_type: Option<Box<str>>,
}

/// The nodes, by name.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: BTreeMap<Box<str>, Node>,
    /// Types of conditions. Nodes share them: a handful in a cluster, and never forgotten before the next list.
    types: Vec<Box<str>>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (&**name, node))
    }

    /// Types of conditions, by index.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(|kind| &**kind)
    }

    fn kind(&mut self, name: &str) -> Option<u16> {
        let known = self.types.iter().position(|kind| **kind == *name);
        let index = known.unwrap_or(self.types.len());
        let number = u16::try_from(index).ok()?;
        if known.is_none() {
            self.types.push(name.into());
        }
        Some(number)
    }
}

impl Node {
    /// Index of the type and value, in the node's order.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (usize, f64)> {
        self.conditions.iter().map(|&(kind, value)| (usize::from(kind), f64::from(value)))
    }
}

impl Kind for Nodes {
    type Item<'a> = wire::Node<'a>;

    fn empty(&self) -> Self {
        Self::default()
    }

    fn apply(&mut self, item: wire::Node<'_>) {
        let Some(metadata) = item.metadata else { return };
        let Some(name) = filled(&metadata.name) else { return };
        let conditions = item
            .status
            .iter()
            .flat_map(|status| each(&status.conditions))
            .filter_map(|condition| {
                let value = match filled(&condition.status)? {
                    "True" => 1,
                    "False" => 0,
                    _ => -1,
                };
                Some((self.kind(filled(&condition.kind)?)?, value))
            })
            .collect();
        let label = |key| metadata.labels.as_ref().and_then(|labels: &Pairs<'_>| labels.get(key));
        let hyperpod = label(HEALTH_LABEL).map(|health| HyperPod {
            health: health.into(),
            instance_type: TYPE_LABELS.iter().find_map(|key| label(key)).map(Box::from),
        });
        self.nodes.insert(name.into(), Node { conditions, hyperpod });
    }

    fn remove(&mut self, item: wire::Node<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|metadata| filled(&metadata.name)) {
            self.nodes.remove(name);
        }
    }
}
