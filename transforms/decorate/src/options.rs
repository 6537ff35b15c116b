//! The configuration.

use alloc::string::String;

use insights_sdk::json::Value;
use insights_sdk::{Patterns, Settings};

/// Values of `orchestrator`.
const ORCHESTRATORS: [&str; 3] = ["eks", "kubernetes", "ecs"];

/// The configuration, read.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) cluster_name: Option<String>,
    pub(crate) node_name: Option<String>,
    /// Whether it is `ecs`; found out from the node where it is not configured.
    pub(crate) is_ecs: Option<bool>,
    pub(crate) prefer_full_pod_name: bool,
    pub(crate) full_pod_name: bool,
    pub(crate) container_name: bool,
    pub(crate) service: bool,
    /// Pods that wait for their first container, and why a container ended on its pod.
    pub(crate) enhanced: bool,
    pub(crate) pods_without_cgroup: bool,
    pub(crate) labels: Labels,
}

/// Which labels of pods their events carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    All,
    /// Keys, or beginnings of keys where they end in `*`.
    Listed(Patterns),
}

impl Options {
    /// Reads all keys; problems stay with `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let enhanced = settings.flag("enhanced").unwrap_or(false);
        Self {
            cluster_name: text(settings, "cluster_name"),
            node_name: text(settings, "node_name"),
            is_ecs: orchestrator(settings),
            prefer_full_pod_name: settings.flag("prefer_full_pod_name").unwrap_or(enhanced),
            full_pod_name: settings.flag("add_full_pod_name_metric_label").unwrap_or(enhanced),
            container_name: settings.flag("add_container_name_metric_label").unwrap_or(enhanced),
            service: settings.flag("add_service_as_attribute").unwrap_or(true),
            enhanced,
            pods_without_cgroup: settings.flag("pods_without_cgroup").unwrap_or(false),
            labels: labels(settings),
        }
    }
}

impl Labels {
    /// Whether events carry the label of that key.
    pub(crate) fn has(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(list) => list.has(key),
        }
    }
}

/// Text; nothing where it is empty, as configuration templates leave it.
fn text(settings: &mut Settings, key: &str) -> Option<String> {
    settings.string(key).filter(|text| !text.is_empty())
}

fn orchestrator(settings: &mut Settings) -> Option<bool> {
    let orchestrator = settings.string("orchestrator")?;
    if !ORCHESTRATORS.contains(&orchestrator.as_str()) {
        settings.problem(
            "orchestrator",
            ["expected one of ", &ORCHESTRATORS.join(", "), ", found ", &orchestrator].concat(),
        );
    }
    Some(orchestrator == "ecs")
}

fn labels(settings: &mut Settings) -> Labels {
    let found = match settings.value("labels") {
        None | Some(Value::Bool(true)) => return Labels::All,
        Some(Value::Bool(false)) => return Labels::Listed(Patterns::default()),
        Some(Value::Array(items)) => {
            let keys: Option<_> = items.iter().map(|item| item.as_str().map(String::from)).collect();
            match keys {
                Some(keys) => return Labels::Listed(Patterns::new(keys)),
                None => "a list of something else",
            }
        }
        Some(other) => other.kind(),
    };
    settings.problem("labels", ["expected true, false or a list of label keys, found ", found].concat());
    Labels::All
}
