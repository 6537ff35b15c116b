//! Writes every published metric of a pod as one line of text.

use insights_sdk::prelude::*;

/// The formatter, with its configuration.
pub struct Lines {
    group: String,
}

impl Formatter for Lines {
    const ABOUT: About = About::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&["pod.name"]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            group: settings.string("group").unwrap_or_else(|| "/pods".into()),
        })
    }

    fn format(&self, batch: &Batch, _: &Limits) -> Result<Payloads, String> {
        let mut payloads = Payloads::new("text/plain");
        for pod in batch.pods() {
            // Published names contain no dot; raw names, which contain one, are for transforms.
            for (name, value) in pod
                .gauges()
                .into_iter()
                .filter(|(name, _)| !name.contains('.'))
            {
                for text in [pod.name().unwrap_or("unknown"), " ", name, " "] {
                    payloads.body.extend_from_slice(text.as_bytes());
                }
                json::write_number(&mut payloads.body, value);
                let route = [
                    ("log_group", &*self.group),
                    ("log_stream", batch.scope_id()),
                ];
                payloads.commit(&route, batch.time_unix_ms());
            }
        }
        Ok(payloads)
    }
}

insights_sdk::export_formatter!(Lines);
