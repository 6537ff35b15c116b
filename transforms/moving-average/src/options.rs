//! Configuration of the transform.

use insights_sdk::prelude::*;

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) metrics: Vec<Metric>,
    /// Number of ticks that an average covers.
    pub(crate) ticks: u64,
    /// Ticks after which an average without an update is deleted.
    pub(crate) forget_after: u64,
}

/// A metric and the name of its average.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) publish_as: String,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut metrics: Vec<Metric> = Vec::new();
        settings.objects("metrics", |item, _| {
            let (name, publish_as) = (item.string("name"), item.string("as"));
            let Some(name) = name else { return item.problem("name", "expected the name of a metric") };
            let publish_as = publish_as.unwrap_or_else(|| [&name, "_avg"].concat());
            if publish_as == name || publish_as.contains('.') {
                item.problem("as", "expected a name without a dot, other than the name of the metric");
            }
            // The state has one average for each metric, and an entity one gauge for each name.
            if metrics.iter().any(|known| known.name == name) {
                item.problem("name", "the metric is listed twice");
            } else if metrics.iter().any(|known| known.publish_as == publish_as) {
                item.problem("as", "the metric is listed twice");
            }
            metrics.push(Metric { name, publish_as });
        });
        if metrics.is_empty() {
            settings.problem(
                "metrics",
                "expected at least one metric, such as [{\"name\": \"pod_cpu_utilization\"}]",
            );
        }
        let mut at_least_one = |key: &str, default: u64| {
            let value = settings.integer(key).unwrap_or(default);
            if value == 0 {
                settings.problem(key, "expected at least 1");
            }
            value.max(1)
        };
        let ticks = at_least_one("ticks", 10);
        let forget_after = at_least_one("forget_after", ticks);
        Self { metrics, ticks, forget_after }
    }
}
