//! Adds the team of every pod as an attribute, taken from a label of the pod.

use insights_sdk::prelude::*;

/// The transform, with its configuration.
pub struct Team {
    label: String,
}

impl Transform for Team {
    const ABOUT: About = About::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["label.*"])
        .writes(&["Team"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            label: settings.string("label").unwrap_or_else(|| "team".into()),
        })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for pod in batch.pods() {
            pod.set_attribute("Team", pod.label(&self.label).unwrap_or("nobody"));
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Team);
