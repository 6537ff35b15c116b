//! The configuration.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Figures whose sum over pods means something: no ratios to a pod's own limit, no peaks, and no limits, which are absent
/// where there is none.
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

/// The configuration, read.
#[derive(Debug)]
pub(crate) struct Options {
    /// How many pods stay.
    pub(crate) count: usize,
    /// The figure that they are ranked by.
    pub(crate) by: String,
    /// Whether there is one rest for each namespace.
    pub(crate) per_namespace: bool,
    /// Figures that are summed.
    pub(crate) sum: Patterns,
    /// `Type` of the rest.
    pub(crate) kind: String,
}

impl Options {
    /// Reads all keys; problems stay with `settings`.
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
