//! The agent's own Node object.

use std::sync::Arc;

use serde::Deserialize;

use super::{ConditionStatus, NodeFacts, SharedFacts};
use crate::client::reflect::Handler;
use crate::quantity;
use crate::text::{List, Object, Pairs, Text, elements, non_empty};

#[derive(Deserialize)]
pub(crate) struct Node<'a> {
    #[serde(borrow)]
    metadata: Option<Object<Metadata<'a>>>,
    spec: Option<Object<Spec<'a>>>,
    status: Option<Object<NodeStatus<'a>>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    labels: Option<Pairs<'a>>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow, rename = "providerID")]
    provider_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct NodeStatus<'a> {
    #[serde(borrow)]
    conditions: Option<List<Object<Condition<'a>>>>,
    capacity: Option<Object<Amounts<'a>>>,
    allocatable: Option<Object<Amounts<'a>>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Amounts<'a> {
    #[serde(borrow)]
    pods: Option<Text<'a>>,
}

impl Node<'_> {
    pub(crate) fn name(&self) -> Option<&str> {
        non_empty(&self.metadata.as_ref()?.name)
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.labels.as_ref()?.get(key)
    }

    pub(crate) fn facts(&self) -> NodeFacts {
        let status = self.status.as_deref();
        let pods = |amounts: Option<&Option<Object<Amounts<'_>>>>| {
            quantity::bytes(non_empty(&amounts?.as_ref()?.pods)?).ok()?
        };
        let labels = self.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
        NodeFacts {
            conditions: status
                .into_iter()
                .flat_map(|status| elements(&status.conditions))
                .filter_map(|condition| {
                    let status = ConditionStatus::parse(non_empty(&condition.status)?);
                    Some((non_empty(&condition.kind)?.into(), status))
                })
                .collect(),
            capacity_pods: pods(status.map(|status| &status.capacity)),
            allocatable_pods: pods(status.map(|status| &status.allocatable)),
            instance_type: labels
                .and_then(|labels| {
                    let old = || labels.get("beta.kubernetes.io/instance-type");
                    labels.get("node.kubernetes.io/instance-type").or_else(old)
                })
                .map(Box::from),
            provider_id: self.spec.as_ref().and_then(|spec| non_empty(&spec.provider_id)).map(Box::from),
        }
    }
}

pub(super) struct OwnNode {
    shared: Arc<SharedFacts>,
    listed: Option<NodeFacts>,
}

impl OwnNode {
    pub(super) fn new(shared: Arc<SharedFacts>) -> Self {
        Self { shared, listed: None }
    }

    fn set(&self, facts: Option<NodeFacts>) {
        let mut state = self.shared.state();
        // The kubelet updates the object every five minutes, usually without a change to these facts.
        if state.node.as_deref() != facts.as_ref() {
            state.node = facts.map(Arc::new);
        }
    }
}

impl Handler for OwnNode {
    type Item<'a> = Node<'a>;

    fn on_restart(&mut self) {
        self.listed = None;
    }

    fn on_listed(&mut self, node: Node<'_>) {
        self.listed = Some(node.facts());
    }

    fn on_list_end(&mut self) {
        let facts = self.listed.take();
        if facts.is_none() {
            tracing::warn!(
                "no Node object has this node's name: events lack its conditions and its capacity for pods; set `node.name` or \
                 K8S_NODE_NAME"
            );
        }
        self.set(facts);
    }

    fn on_applied(&mut self, node: Node<'_>) {
        self.set(Some(node.facts()));
    }

    fn on_deleted(&mut self, _: Node<'_>) {
        self.set(None);
    }
}
