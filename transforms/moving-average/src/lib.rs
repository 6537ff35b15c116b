//! `moving-average`: exponential moving averages of published metrics, per entity.
//!
//! An example of a transform with state (`insights_sdk::state`): it needs `state` in its configuration, and runs after
//! `utilization`. The README of this crate describes formula and options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

mod memory;
mod options;

use insights_sdk::prelude::*;

use memory::Memory;
use options::Options;

/// The configured transform.
#[derive(Debug)]
pub struct MovingAverage {
    options: Options,
}

impl Transform for MovingAverage {
    const ABOUT: About = About::new("moving-average", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["*"])
        .writes(&["*"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let memory = Memory::read(&self.options, batch);
        let mut refused = None;
        for metric in &self.options.metrics {
            let (name, unit) = (batch.name(&metric.name), batch.unit(&metric.name));
            let publish_as = batch.name(&metric.publish_as);
            for entity in batch.entities() {
                let Some(value) = entity.gauge(name) else { continue };
                match memory.average(entity, &metric.name, value) {
                    Ok(average) => entity.publish(publish_as, average, unit),
                    Err(error) => _ = refused.get_or_insert(error),
                }
            }
        }
        // Logged once. Without state the average would equal the metric itself, so it is not published.
        if let Some(error) = refused {
            log::warn(&["some averages are not published: ", &error].concat());
        }
        Ok(())
    }
}

insights_sdk::export_transform!(MovingAverage);
