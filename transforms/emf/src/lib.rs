//! `emf`: formats a batch as CloudWatch embedded metric format.
//!
//! Every entity with an attribute `Type` becomes one event: its attributes without a dot and its gauges are the event's
//! members, and the declarations select the gauges that CloudWatch extracts as metrics, with their dimensions. The README of
//! this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod blob;
mod cluster;
mod declaration;
mod directive;
mod event;
mod json;
mod keys;
mod layout;
mod limits;
mod options;
mod order;
mod origin;
mod pattern;
mod route;
mod run;
mod selector;
mod split;
mod text;
mod watch;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Formatter, Limits, Payloads, Settings};

use options::Options;

/// The configured formatter.
#[derive(Debug)]
pub struct Emf {
    options: Options,
}

impl Formatter for Emf {
    const ABOUT: About = About::new("emf", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "LaunchType",
            "Type",
            "container.id",
            "container.name",
            "container.runtime",
            "label.*",
            "namespace.name",
            "node.name",
            "owner.*",
            "pod.name",
            "pod.namespace",
            "pod.uid",
            "service.name",
            "service.namespace",
            "task.id",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String> {
        Ok(run::run(&self.options, batch, limits))
    }
}

insights_sdk::export_formatter!(Emf);

/// Returns whether an expression of a declaration matches, or `None` if the expression is invalid. For tests and fuzzing
/// only.
#[doc(hidden)]
pub fn selector_matches(expression: &str, anchored: bool, text: &str) -> Option<bool> {
    selector::Selector::new(expression, anchored).ok().map(|selector| selector.matches(text))
}
