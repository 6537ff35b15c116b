//! Configuration of the transform.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Default of `sum`: metrics whose sum over pods is meaningful. Ratios to a pod's own limit and peaks are not, nor are
/// limits, which unlimited pods lack.
const SUMMED: [&str; 15] = [
    "pod_cpu_request",
    "pod_cpu_reserved_capacity",
    "pod_cpu_usage_*",
    "pod_cpu_utilization",
    "pod_memory_cache",
    "pod_memory_request",
    "pod_memory_reserved_capacity",
    "pod_memory_rss",
    "pod_memory_swap",
    "pod_memory_usage",
    "pod_memory_utilization",
    "pod_memory_working_set",
    "pod_network_*",
    "pod_number_of_*",
    "pod_status_*",
];

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    /// Number of pods that are kept.
    pub(crate) count: usize,
    /// The metric that pods are ranked by.
    pub(crate) by: String,
    /// `true` for one rest entity per namespace.
    pub(crate) per_namespace: bool,
    /// Metrics that are summed.
    pub(crate) sum: Patterns,
    /// `Type` of the rest entity.
    pub(crate) kind: String,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let summed = || SUMMED.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
        Self {
            count: settings.integer("count").unwrap_or(20).try_into().unwrap_or(usize::MAX),
            by: settings.string("by").unwrap_or_else(|| "pod_cpu_utilization".to_string()),
            per_namespace: per_namespace(settings),
            sum: Patterns::new(settings.strings("sum").unwrap_or_else(summed)),
            kind: settings.string("type").unwrap_or_else(|| "PodRest".to_string()),
        }
    }
}

fn per_namespace(settings: &mut Settings) -> bool {
    match settings.string("per").as_deref() {
        None | Some("node") => false,
        Some("namespace") => true,
        Some(other) => {
            settings.problem("per", ["expected node or namespace, found ", other].concat());
            false
        }
    }
}
