//! `remote-write`: formats a batch as requests of Prometheus remote write, version 2.0.
//!
//! Each event is a whole `io.prometheus.write.v2.Request` in protobuf. Names and labels are those of the formatter `prometheus`,
//! with the labels that a scrape would add. Series that were in the last tick and are gone get a stale marker, if the formatter
//! may keep state. The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod labels;
mod options;
mod request;
mod run;
mod seen;
mod symbols;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Formatter, Limits, Payloads, Settings};

use options::Options;

/// The configured formatter.
#[derive(Debug)]
pub struct RemoteWrite {
    options: Options,
}

impl Formatter for RemoteWrite {
    const ABOUT: About = About::new("remote-write", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(insightd_series::READS);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String> {
        Ok(run::run(&self.options, batch, limits))
    }
}

insights_sdk::export_formatter!(RemoteWrite);
