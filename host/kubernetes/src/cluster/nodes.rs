//! Nodes: their conditions and two labels.

use std::collections::BTreeMap;

use super::table::{ENTRY_BYTES, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::{Pairs, elements, non_empty};

/// Label with the health of a HyperPod node.
pub(super) const HEALTH_LABEL: &str = "sagemaker.amazonaws.com/node-health-status";

/// Labels with the instance type. The second is its name before Kubernetes 1.17.
const TYPE_LABELS: [&str; 2] = ["node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"];

/// The stored facts of a node.
#[derive(Debug)]
pub(super) struct Node {
    /// Index of the condition type, and its value: 1 for true, 0 for false, -1 for unknown.
    conditions: Box<[(u16, i8)]>,
    pub(super) hyperpod: Option<HyperPod>,
}

/// The stored facts of a node that has the health label.
#[derive(Debug)]
pub(super) struct HyperPod {
    pub(super) health: Box<str>,
    pub(super) instance_type: Option<Box<str>>,
}

/// Nodes by name.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: BTreeMap<Box<str>, Node>,
    /// Condition types, shared by all nodes: a cluster has a handful of them. A type is removed only by the next list.
    condition_types: Vec<Box<str>>,
    budget: MemoryBudget,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { nodes: BTreeMap::new(), condition_types: Vec::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (&**name, node))
    }

    /// Returns the condition types in the order of their indexes.
    pub(super) fn condition_types(&self) -> impl Iterator<Item = &str> {
        self.condition_types.iter().map(|kind| &**kind)
    }

    /// Returns the index of a condition type, which is added if it is new; `None` if there is no room for it.
    fn condition_index(&mut self, name: &str) -> Option<u16> {
        let known = self.condition_types.iter().position(|kind| **kind == *name);
        let index = known.unwrap_or(self.condition_types.len());
        let number = u16::try_from(index).ok()?;
        if known.is_none() {
            if !self.budget.replace(0, ENTRY_BYTES + name.len()) {
                return None;
            }
            self.condition_types.push(name.into());
        }
        Some(number)
    }
}

impl Node {
    /// Returns the approximate memory in bytes, including the name.
    fn bytes(&self, name: &str) -> usize {
        let hyperpod = self.hyperpod.as_ref().map_or(0, |hyperpod| {
            hyperpod.health.len() + hyperpod.instance_type.as_ref().map_or(0, |kind| kind.len())
        });
        ENTRY_BYTES + size_of::<Self>() + name.len() + size_of_val(&*self.conditions) + hyperpod
    }

    /// Returns the index of the type and the value of each condition, in the node's order.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (usize, f64)> {
        self.conditions.iter().map(|&(kind, value)| (usize::from(kind), f64::from(value)))
    }
}

impl ObjectTable for Nodes {
    type Item<'a> = wire::Node<'a>;

    fn empty(&self) -> Self {
        Self { budget: self.budget.cleared(), ..Self::default() }
    }

    fn apply(&mut self, item: wire::Node<'_>) -> bool {
        let Some(metadata) = item.metadata else { return true };
        let Some(name) = non_empty(&metadata.name) else { return true };
        let conditions = item
            .status
            .iter()
            .flat_map(|status| elements(&status.conditions))
            .filter_map(|condition| {
                let value = match non_empty(&condition.status)? {
                    "True" => 1,
                    "False" => 0,
                    _ => -1,
                };
                Some((self.condition_index(non_empty(&condition.kind)?)?, value))
            })
            .collect();
        let label = |key| metadata.labels.as_ref().and_then(|labels: &Pairs<'_>| labels.get(key));
        let hyperpod = label(HEALTH_LABEL).map(|health| HyperPod {
            health: health.into(),
            instance_type: TYPE_LABELS.iter().find_map(|key| label(key)).map(Box::from),
        });
        let node = Node { conditions, hyperpod };
        let before = self.nodes.remove(name).map_or(0, |node| node.bytes(name));
        let fits = self.budget.replace(before, node.bytes(name));
        if fits {
            self.nodes.insert(name.into(), node);
        }
        fits
    }

    fn remove(&mut self, item: wire::Node<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|metadata| non_empty(&metadata.name)) {
            let before = self.nodes.remove(name).map_or(0, |node| node.bytes(name));
            self.budget.replace(before, 0);
        }
    }
}
