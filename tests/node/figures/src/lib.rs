//! `figures`: replaces `utilization` in a second pipeline of the agent under test.
//!
//! Published metrics are rates and ratios, and `emf` writes only gauges, but the kubelet reports counters. Therefore every
//! counter of an event becomes gauges: the reading under the counter's name, `NAME.previous`, and `NAME.elapsed_ns` between the
//! two. The attribute `Figures` distinguishes these events from those of the first pipeline.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

/// The transform.
#[derive(Debug)]
pub struct Figures;

impl Transform for Figures {
    const ABOUT: About = About::new("figures", env!("CARGO_PKG_VERSION"));

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for entity in batch.entities() {
            if entity.attribute("Type").is_none() {
                continue;
            }
            entity.set_attribute("Figures", "raw");
            for (name, counter) in entity.counters() {
                entity.set_gauge(name, counter.current as f64);
                if let Some(previous) = counter.previous {
                    entity.set_gauge(format!("{name}.previous").as_str(), previous as f64);
                    entity.set_gauge(format!("{name}.elapsed_ns").as_str(), counter.elapsed_ns as f64);
                }
            }
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Figures);
