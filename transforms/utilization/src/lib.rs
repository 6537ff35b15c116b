//! `utilization`: the figures of Container Insights.
//!
//! Turns raw figures into rates, ratios and sums under the names that dashboards know, with their units, and drops the raw
//! ones. Works on the events that `decorate` marked with a `Type`. Every formula is in docs/metrics.md.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod core_set;
mod disk;
mod filesystem;
mod metric;
mod network;
mod node;
mod pod;
mod raw;
mod reserve;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

use raw::Raw;

/// The transform, configured.
#[derive(Debug)]
pub struct Utilization {
    /// Also the figures of enhanced Container Insights.
    enhanced: bool,
    /// Raw figures stay beside the published ones.
    keep_raw: bool,
}

impl Transform for Utilization {
    const ABOUT: About = About::new("utilization", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "Type",
            "container.*",
            "cpu.*",
            "ecs.*",
            "fs.*",
            "io.*",
            "kubelet.age_ms",
            "memory.*",
            "network.*",
            "node.*",
            "pod.*",
        ])
        .writes(&["node_*", "pod_*", "container_*", "instance_*", "number_of_container_restarts"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            enhanced: settings.flag("enhanced").unwrap_or(false),
            keep_raw: settings.flag("keep_raw").unwrap_or(false),
        })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        if let Some(node) = batch.node() {
            let raw = Raw::new(batch);
            let capacity = node::Capacity::of(node);
            node::publish(batch, node, &raw, &capacity, self.enhanced);
            pod::publish(batch, &raw, &capacity, self.enhanced);
        }
        if !self.keep_raw {
            batch.retain_points(|name| !name.contains('.'));
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Utilization);
