//! Configuration of the formatter.

use alloc::string::String;
use alloc::vec::Vec;

use insightd_series::{Selection, is_metric_name};
use insights_sdk::Settings;

/// Series of a request, as Prometheus itself sends them.
const MAX_SERIES: usize = 2000;
/// Bound of the option.
const MOST_SERIES: u64 = 100_000;
/// Maximum number of external labels.
const MAX_EXTERNAL: usize = 32;
/// Maximum bytes of the value of such a label.
const MAX_VALUE: usize = 1024;
/// Label with the name of the metric.
pub(crate) const NAME: &str = "__name__";

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) selection: Selection,
    /// Labels of all series that have none of that name. An empty value stands for no label.
    pub(crate) external_labels: Vec<(String, String)>,
    pub(crate) max_series: usize,
    pub(crate) stale_markers: bool,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        Self {
            selection: Selection::read(settings, &[]).with_labels_on_points(),
            external_labels: external_labels(settings),
            max_series: max_series(settings),
            stale_markers: settings.flag("stale_markers").unwrap_or(true),
        }
    }
}

fn max_series(settings: &mut Settings) -> usize {
    match settings.integer("max_series") {
        None => MAX_SERIES,
        Some(series @ 1..=MOST_SERIES) => series as usize,
        Some(_) => {
            settings.problem("max_series", "expected a number from 1 to 100000");
            MAX_SERIES
        }
    }
}

fn external_labels(settings: &mut Settings) -> Vec<(String, String)> {
    let labels = settings.string_map("external_labels").unwrap_or_default();
    if labels.len() > MAX_EXTERNAL {
        settings.problem("external_labels", "expected at most 32 labels");
    }
    for (name, value) in &labels {
        if !is_metric_name(name) || name == NAME || value.len() > MAX_VALUE {
            let message = "expected names of letters, digits and `_`, and values of at most 1024 bytes";
            settings.problem("external_labels", message);
            break;
        }
    }
    labels
}
