//! The pods on Fargate nodes, by node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use insightd_upstream::lock;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::budget::MemoryBudget;
use crate::client::reflect::Handler;
use crate::item::{self, RepairBudget};
use crate::pods::{MetadataFilter, Pod, PodList};
use crate::problem::Problems;
use crate::selection::Ranked;
use crate::stream::split::Element;
use crate::text::{Object, Text, non_empty};

/// Memory for pods in bytes. Every replica holds all pods on Fargate nodes, a few kilobytes each.
const PODS_BYTES: usize = 64 << 20;

/// The fields that place a pod; the pod itself is read leniently, as from a kubelet.
#[derive(Deserialize)]
struct Placed<'a> {
    #[serde(borrow)]
    metadata: Object<Metadata<'a>>,
    spec: Option<Object<Spec<'a>>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Option<Text<'a>>,
}

impl Placed<'_> {
    fn key(&self) -> String {
        format!("{}/{}", self.metadata.namespace.as_str(), self.metadata.name.as_str())
    }

    fn node(&self) -> Option<&str> {
        non_empty(&self.spec.as_ref()?.node_name)
    }
}

/// The pods by node.
#[derive(Debug)]
pub(super) struct PodTable {
    by_node: HashMap<Box<str>, Arc<PodList>>,
    /// Node of each pod, by `NAMESPACE/NAME`.
    node_of: HashMap<Box<str>, Box<str>>,
    budget: MemoryBudget,
}

impl Default for PodTable {
    fn default() -> Self {
        Self::within(PODS_BYTES)
    }
}

impl PodTable {
    fn within(bytes: usize) -> Self {
        Self { by_node: HashMap::new(), node_of: HashMap::new(), budget: MemoryBudget::new(bytes) }
    }

    /// Returns the pods on a node, by namespace and name.
    pub(super) fn of_node(&self, node: &str) -> Arc<PodList> {
        self.by_node.get(node).cloned().unwrap_or_default()
    }

    /// Adds or replaces a pod. Returns false if there is no room: the pod is missing then, because its old state is outdated.
    fn apply(&mut self, key: String, node: &str, pod: Pod) -> bool {
        self.remove(&key);
        if !self.budget.replace(0, bytes(&pod)) {
            return false;
        }
        let list = Arc::make_mut(self.by_node.entry(node.into()).or_default());
        let id = (&pod.namespace, &pod.name);
        let at = list.pods.partition_point(|other| (&other.namespace, &other.name) < id);
        list.pods.insert(at, pod);
        self.node_of.insert(key.into(), node.into());
        true
    }

    fn remove(&mut self, key: &str) {
        let Some(node) = self.node_of.remove(key) else { return };
        let Some(list) = self.by_node.get_mut(&node) else { return };
        let list = Arc::make_mut(list);
        let is_pod = |pod: &Pod| key.split_once('/').is_some_and(|id| id == (&*pod.namespace, &*pod.name));
        if let Some(at) = list.pods.iter().position(is_pod) {
            self.budget.replace(bytes(&list.pods.remove(at)), 0);
        }
        if list.pods.is_empty() {
            self.by_node.remove(&node);
        }
    }
}

/// Returns the approximate memory of a pod with its keys.
fn bytes(pod: &Pod) -> usize {
    pod.bytes() + 2 * (pod.namespace.len() + pod.name.len()) + 128
}

/// The handler of the watch.
pub(super) struct FargatePods {
    table: Arc<Mutex<PodTable>>,
    listed: PodTable,
    filter: MetadataFilter,
    repair_budget: RepairBudget,
    left_out: u64,
}

impl FargatePods {
    pub(super) fn new(table: Arc<Mutex<PodTable>>, filter: MetadataFilter) -> Self {
        let repair_budget = RepairBudget::default();
        Self { table, listed: PodTable::default(), filter, repair_budget, left_out: 0 }
    }

    /// Adds a pod to a table. A pod that has no node yet, or ended, is not in it.
    fn apply(&mut self, object: &RawValue, is_listed: bool) {
        let text = object.get();
        let Ok(placed) = serde_json::from_str::<Placed<'_>>(text) else {
            self.left_out += 1;
            return;
        };
        let mut problems = Problems::default();
        let element = Element::Whole(text.as_bytes());
        let pod = placed.node().and_then(|_| {
            item::read::<Pod>(0, element, &self.filter, &mut self.repair_budget, &mut problems)
        });
        self.left_out += problems.pods_lost() as u64;
        let mut shared;
        let table = if is_listed {
            &mut self.listed
        } else {
            shared = lock(&self.table);
            &mut *shared
        };
        match placed.node().zip(pod) {
            Some((node, pod)) => self.left_out += u64::from(!table.apply(placed.key(), node, pod)),
            None => table.remove(&placed.key()),
        }
    }
}

impl Handler for FargatePods {
    type Item<'a> = &'a RawValue;

    fn on_restart(&mut self) {
        self.listed = PodTable::default();
        self.repair_budget = RepairBudget::default();
    }

    fn on_listed(&mut self, object: &RawValue) {
        self.apply(object, true);
    }

    fn on_list_end(&mut self) {
        *lock(&self.table) = std::mem::take(&mut self.listed);
    }

    fn on_applied(&mut self, object: &RawValue) {
        self.repair_budget = RepairBudget::default();
        self.apply(object, false);
    }

    fn on_deleted(&mut self, object: &RawValue) {
        if let Ok(placed) = serde_json::from_str::<Placed<'_>>(object.get()) {
            lock(&self.table).remove(&placed.key());
        }
    }

    fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, node: Option<&str>) -> Value {
        json!({
            "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "labels": {"app": name}},
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "web:1"}]},
            "status": {"phase": "Running"}
        })
    }

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    fn handler(bytes: usize) -> (FargatePods, Arc<Mutex<PodTable>>) {
        let table = Arc::new(Mutex::new(PodTable::within(bytes)));
        (FargatePods::new(Arc::clone(&table), MetadataFilter::default()), table)
    }

    fn names(table: &Mutex<PodTable>, node: &str) -> Vec<String> {
        lock(table).of_node(node).pods.iter().map(|pod| pod.name.to_string()).collect()
    }

    #[test]
    fn pods_are_kept_by_node() {
        let (mut handler, table) = handler(PODS_BYTES);
        handler.on_restart();
        for (name, node) in [("b", Some("n1")), ("a", Some("n1")), ("c", Some("n2")), ("pending", None)] {
            handler.on_listed(&raw(&pod(name, node)));
        }
        assert!(names(&table, "n1").is_empty(), "until the list is complete");
        handler.on_list_end();
        assert_eq!(
            (names(&table, "n1"), names(&table, "n2")),
            (vec!["a".into(), "b".into()], vec!["c".into()])
        );
        // The pod was deleted and created again, and has another node.
        handler.on_applied(&raw(&pod("a", None)));
        assert_eq!(names(&table, "n1"), ["b"]);
        handler.on_applied(&raw(&pod("a", Some("n2"))));
        handler.on_deleted(&raw(&pod("b", Some("n1"))));
        assert!(names(&table, "n1").is_empty());
        assert_eq!(names(&table, "n2"), ["a", "c"]);
        assert_eq!(lock(&table).by_node.len(), 1, "nodes without pods are forgotten");
        assert_eq!(handler.left_out(), 0);
    }

    #[test]
    fn a_malformed_field_does_not_cost_the_pod() {
        let (mut handler, table) = handler(PODS_BYTES);
        let mut odd = pod("a", Some("n1"));
        odd["status"]["startTime"] = json!("yesterday");
        handler.on_applied(&raw(&odd));
        assert_eq!((names(&table, "n1"), handler.left_out()), (vec!["a".to_owned()], 0));
        odd["metadata"]["uid"] = Value::Null;
        handler.on_applied(&raw(&odd));
        assert_eq!((names(&table, "n1"), handler.left_out()), (Vec::<String>::new(), 1));
    }

    #[test]
    fn pods_beyond_the_memory_budget_are_left_out_and_counted() {
        let (mut handler, table) = handler(PODS_BYTES);
        handler.on_applied(&raw(&pod("a", Some("n1"))));
        let one = PODS_BYTES - {
            let table = lock(&table);
            let pod = &table.of_node("n1").pods[0];
            PODS_BYTES - bytes(pod)
        };
        let (mut handler, table) = self::handler(one);
        handler.on_applied(&raw(&pod("a", Some("n1"))));
        handler.on_applied(&raw(&pod("b", Some("n1"))));
        assert_eq!((names(&table, "n1"), handler.left_out()), (vec!["a".to_owned()], 1));
        handler.on_deleted(&raw(&pod("a", Some("n1"))));
        handler.on_applied(&raw(&pod("b", Some("n1"))));
        assert_eq!((names(&table, "n1"), handler.left_out()), (vec!["b".to_owned()], 0));
    }
}
