//! The Node objects of Fargate nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use insightd_upstream::lock;

use crate::client::reflect::Handler;
use crate::facts::NodeFacts;
use crate::local::Node;

/// Label of a node whose value is reported.
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

/// Largest number of nodes. A cluster of Kubernetes has at most some thousands.
const MAX_NODES: usize = 20_000;

/// The nodes by name.
#[derive(Debug, Default)]
pub(super) struct NodeTable {
    nodes: BTreeMap<Arc<str>, KnownNode>,
}

#[derive(Clone, Debug, PartialEq)]
struct KnownNode {
    facts: Arc<NodeFacts>,
    compute_type: Option<Box<str>>,
}

impl NodeTable {
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.nodes.keys().cloned().collect()
    }

    /// Returns the compute type and the facts of a node.
    pub(super) fn get(&self, name: &str) -> Option<(Option<Box<str>>, Arc<NodeFacts>)> {
        let node = self.nodes.get(name)?;
        Some((node.compute_type.clone(), Arc::clone(&node.facts)))
    }

    /// Adds or replaces a node. Returns false if there is no room.
    fn apply(&mut self, node: &Node<'_>) -> bool {
        let Some(name) = node.name() else { return false };
        let compute_type = node.label(COMPUTE_TYPE).map(Box::from);
        let known = KnownNode { facts: Arc::new(node.facts()), compute_type };
        if let Some(slot) = self.nodes.get_mut(name) {
            *slot = known;
            return true;
        }
        let has_room = self.nodes.len() < MAX_NODES;
        if has_room {
            self.nodes.insert(name.into(), known);
        }
        has_room
    }
}

/// The handler of the watch.
pub(super) struct FargateNodes {
    table: Arc<Mutex<NodeTable>>,
    listed: NodeTable,
    left_out: u64,
}

impl FargateNodes {
    pub(super) fn new(table: Arc<Mutex<NodeTable>>) -> Self {
        Self { table, listed: NodeTable::default(), left_out: 0 }
    }
}

impl Handler for FargateNodes {
    type Item<'a> = Node<'a>;

    fn on_restart(&mut self) {
        self.listed = NodeTable::default();
    }

    fn on_listed(&mut self, node: Node<'_>) {
        self.left_out += u64::from(!self.listed.apply(&node));
    }

    fn on_list_end(&mut self) {
        *lock(&self.table) = std::mem::take(&mut self.listed);
    }

    fn on_applied(&mut self, node: Node<'_>) {
        self.left_out += u64::from(!lock(&self.table).apply(&node));
    }

    fn on_deleted(&mut self, node: Node<'_>) {
        if let Some(name) = node.name() {
            lock(&self.table).nodes.remove(name);
        }
    }

    fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}
