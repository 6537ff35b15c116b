//! `otlp`: formats a batch as export requests of the OpenTelemetry protocol for metrics.
//!
//! Each event is a whole `ExportMetricsServiceRequest` in protobuf, within the limits of the receiver. Two dialects decide names
//! and attributes: those of AWS's OpenTelemetry pipeline of Container Insights, and those of the semantic conventions. The README
//! of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod options;
mod proto;
mod request;
mod resource;
mod run;
mod scope;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Formatter, Limits, Payloads, Settings};

use options::Options;

/// The configured formatter.
#[derive(Debug)]
pub struct Otlp {
    options: Options,
}

impl Formatter for Otlp {
    const ABOUT: About = About::new("otlp", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(insightd_series::READS);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String> {
        Ok(run::run(&self.options, batch, limits))
    }
}

insights_sdk::export_formatter!(Otlp);
