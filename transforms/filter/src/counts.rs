//! Numbers of what was dropped in a tick.

use insights_sdk::prelude::*;

/// Counts of drops by part of the configuration; `None` for a part that is not configured.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Entities of rejected namespaces, with everything below them.
    pub(crate) entities: Option<u64>,
    /// Gauges and counters with rejected names.
    pub(crate) metrics: Option<u64>,
    /// Labels with rejected keys.
    pub(crate) labels: Option<u64>,
    /// Gauges and counters that are new series beyond the limit.
    pub(crate) series: Option<u64>,
    /// Events that were not due.
    pub(crate) events: Option<u64>,
}

impl Counts {
    /// Publishes the counts on the batch's own entity. If that is no event in this tick, or with `to_log`, writes one log line
    /// if anything was dropped.
    pub(crate) fn report(&self, batch: &Batch, to_log: bool) {
        let all = [
            ("filter_dropped_entities", self.entities),
            ("filter_dropped_metrics", self.metrics),
            ("filter_dropped_labels", self.labels),
            ("filter_dropped_series", self.series),
            ("filter_dropped_events", self.events),
        ];
        let counts = all.into_iter().filter_map(|(name, count)| Some((name, count?)));
        // The kind of the batch's own entity is its scope: node, cluster or task.
        let own = batch.of_kind(batch.scope()).into_iter().next();
        if let Some(own) = own.filter(|own| !to_log && own.attribute("Type").is_some()) {
            counts.for_each(|(name, count)| own.publish(name, count as f64, Unit::Count));
            return;
        }
        let mut line = String::new();
        for (name, count) in counts.filter(|&(_, count)| count > 0) {
            line.push_str(if line.is_empty() { "dropped in this tick: " } else { ", " });
            line.push_str(&[name, "=", &json::integer_text(count)].concat());
        }
        if !line.is_empty() {
            log::info(&line);
        }
    }
}
