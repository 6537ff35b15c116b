//! `prometheus`: formats a batch as Prometheus text, version 0.0.4.
//!
//! Each event is one metric family of the slice: `# HELP`, `# TYPE` and its samples. The names are those of cAdvisor, the
//! kubelet, node_exporter and kube-state-metrics. The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod text;
mod write;

use alloc::string::String;

use insightd_series::{PROMETHEUS, Selection, Series};
use insights_sdk::{About, Batch, ConfigError, Formatter, Limits, Payloads, Settings};

/// The configured formatter.
#[derive(Debug)]
pub struct Prometheus {
    selection: Selection,
    timestamps: bool,
}

impl Formatter for Prometheus {
    const ABOUT: About = About::new("prometheus", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(insightd_series::READS);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        let selection = Selection::read(settings, &[]).with_labels_on_points();
        Ok(Self { selection, timestamps: settings.flag("timestamps").unwrap_or(false) })
    }

    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String> {
        let series = Series::new(batch, &PROMETHEUS, &self.selection);
        let time = self.timestamps.then(|| batch.time_unix_ms());
        let payloads = write::write(&series, time, batch.time_unix_ms(), limits);
        series.report();
        Ok(payloads)
    }
}

insights_sdk::export_formatter!(Prometheus);
