//! `filter`: drops entities, metrics, labels and new series before the formatters, and counts them.
//!
//! The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

mod counts;
mod duration;
mod interval;
mod options;
mod rule;
mod select;
mod series;

use insights_sdk::prelude::*;

use counts::Counts;
use options::Options;

/// The configured transform.
#[derive(Debug)]
pub struct Filter {
    options: Options,
}

impl Transform for Filter {
    const ABOUT: About = About::new("filter", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["*"])
        .writes(&["filter_dropped_*"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let filters = &self.options.filters;
        let mut counts = Counts::default();
        if let Some(rule) = &filters.namespaces {
            counts.entities = Some(select::namespaces(rule, batch));
        }
        if let Some(rule) = &filters.metric_names {
            counts.metrics = Some(select::metric_names(rule, batch));
        }
        if filters.pod_labels.is_some() || filters.node_labels.is_some() {
            counts.labels = Some(select::labels(filters, batch));
        }
        // Before the series, which may fill the state.
        let intervals = Some(&self.options.intervals).filter(|intervals| !intervals.is_empty());
        let previous_ms = intervals.and_then(|_| interval::previous(batch));
        // Before the intervals: a series of a type that is not due is present all the same.
        if let Some(options) = &self.options.new_series {
            counts.series = Some(series::limit(options, batch));
        }
        counts.events = intervals.map(|intervals| interval::apply(intervals, previous_ms, batch));
        counts.report(batch, self.options.to_log);
        Ok(())
    }
}

/// Removes the `Type` of an entity whose last gauge was dropped, so that it becomes no event.
fn end_event(entity: Entity<'_>) {
    if entity.gauge_names().is_empty() {
        entity.remove_attribute("Type");
    }
}

insights_sdk::export_transform!(Filter);
