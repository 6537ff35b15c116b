//! `cost-labels`: attributes for cost allocation, and removal of metrics and attributes that are not queried.
//! The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod drop;
mod options;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Entity, Settings, Transform};

use options::{Options, Tag};

/// The configured transform.
#[derive(Debug)]
pub struct CostLabels {
    options: Options,
}

impl Transform for CostLabels {
    const ABOUT: About = About::new("cost-labels", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["Namespace", "Type", "label.*", "pod.namespace"])
        .writes(&["CostCentre", "Team"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for event in batch.entities() {
            if event.attribute("Type").is_none() {
                continue;
            }
            // Entities without a namespace, such as the node, have no owner.
            if let Some(namespace) = event.attribute("pod.namespace").or_else(|| event.attribute("Namespace"))
            {
                self.options.tags.iter().for_each(|tag| set(tag, event, namespace));
            }
            drop::unqueried(&self.options, event);
        }
        Ok(())
    }
}

/// Sets the attribute of a tag: the first non-empty label of the event, else the first matching namespace rule, else the
/// default.
fn set(tag: &Tag, event: Entity<'_>, namespace: &str) {
    let labelled =
        tag.labels.iter().filter_map(|label| event.attribute(label)).find(|value| !value.is_empty());
    if let Some(value) = labelled.or_else(|| tag.of_namespace(namespace)).or(tag.default.as_deref()) {
        event.set_attribute(&tag.attribute, value);
    }
}

insights_sdk::export_transform!(CostLabels);
