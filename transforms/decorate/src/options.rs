//! Configuration of the transform.

use alloc::string::String;

use insights_sdk::json::Value;
use insights_sdk::{Patterns, Settings};

/// Allowed values of `orchestrator`.
const ORCHESTRATORS: [&str; 3] = ["eks", "kubernetes", "ecs"];

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) cluster_name: Option<String>,
    pub(crate) node_name: Option<String>,
    /// `true` for `ecs`; `None` if not configured, then detected from the node.
    pub(crate) is_ecs: Option<bool>,
    pub(crate) prefer_full_pod_name: bool,
    pub(crate) full_pod_name: bool,
    pub(crate) container_name: bool,
    pub(crate) service: bool,
    /// Enables events of pods that wait for their first container, and the reason of an ended container on its pod.
    pub(crate) enhanced: bool,
    pub(crate) pods_without_cgroup: bool,
    /// Identifies every pod, container and volume, and keeps the paths of cgroups.
    pub(crate) identify_all: bool,
    pub(crate) labels: Labels,
    pub(crate) task_tags: Labels,
}

/// Selection of the pod labels or task tags that events carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    All,
    /// Keys, or prefixes of keys if they end in `*`.
    Listed(Patterns),
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
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
            identify_all: settings.flag("identify_all").unwrap_or(false),
            labels: selection(settings, "labels", "label").unwrap_or(Labels::All),
            task_tags: selection(settings, "task_tags", "tag").unwrap_or(Labels::Listed(Patterns::default())),
        }
    }
}

impl Labels {
    /// Returns true if events carry the label or tag `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(list) => list.has(key),
        }
    }
}

/// Reads a text; returns `None` if it is empty, as configuration templates leave it.
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

/// Reads a selection of keys. Returns `None` if it is not configured or invalid.
fn selection(settings: &mut Settings, option: &str, what: &str) -> Option<Labels> {
    let found = match settings.value(option)? {
        Value::Bool(true) => return Some(Labels::All),
        Value::Bool(false) => return Some(Labels::Listed(Patterns::default())),
        Value::Array(items) => {
            let keys: Option<_> = items.iter().map(|item| item.as_str().map(String::from)).collect();
            match keys {
                Some(keys) => return Some(Labels::Listed(Patterns::new(keys))),
                None => "a list of other values",
            }
        }
        other => other.kind(),
    };
    settings.problem(option, ["expected true, false or a list of ", what, " keys, found ", found].concat());
    None
}
