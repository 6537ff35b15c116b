//! A sink that counts payloads, whatever the configured sink does with them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use insights_batch::{Columns, Event};

use crate::offline::chains;
use crate::replay::Chains;
use insightd::config::{self, Config, SinkKind};
use insightd::sinks::{Delivered, Sink};

use super::usage::Usage;
use super::{emf, otlp};

/// The pipelines of a configuration with the counts of their payloads.
#[derive(Debug)]
pub(super) struct Metered {
    pub(super) chains: Chains,
    usage: Arc<Mutex<Usage>>,
}

impl Metered {
    /// Assembles the pipelines of a configuration.
    pub(super) fn new(config: &Config, file: Option<&Path>) -> anyhow::Result<Self> {
        let usage = Arc::new(Mutex::new(Usage::default()));
        let outputs = config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
        let emf: BTreeSet<&str> =
            outputs.filter(|output| output.formatter.name == "emf").map(|output| &*output.sink).collect();
        let meter = |sink: &config::Sink| -> anyhow::Result<Box<dyn Sink>> {
            let is_log = emf.contains(&*sink.name) || matches!(sink.kind, SinkKind::CloudWatch(_));
            Ok(Box::new(Meter { sink: sink.name.clone(), is_log, usage: Arc::clone(&usage) }))
        };
        Ok(Self { chains: chains(config, file, &[], meter)?, usage })
    }

    /// Runs a batch, and counts its payloads.
    ///
    /// # Errors
    /// If the counts exceed their bounds.
    pub(super) fn run(&mut self, batch: Columns) -> anyhow::Result<()> {
        lock(&self.usage).begin(&batch.scope, &batch.scope_id, batch.interval_ms);
        self.chains.run(batch)?;
        if lock(&self.usage).is_full {
            bail!("too many distinct series or names to count; cut the recording, or leave labels out");
        }
        Ok(())
    }

    /// Returns the counts, and leaves none.
    pub(super) fn take(&self) -> Usage {
        std::mem::take(&mut *lock(&self.usage))
    }
}

fn lock(usage: &Mutex<Usage>) -> MutexGuard<'_, Usage> {
    usage.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Meter {
    sink: String,
    /// True if JSON goes to CloudWatch Logs, with or without declarations.
    is_log: bool,
    usage: Arc<Mutex<Usage>>,
}

impl Sink for Meter {
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut usage = lock(&self.usage);
        let mut delivered = Delivered::default();
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        for event in events {
            let length = event.bytes.len() as u64;
            delivered.events += 1;
            delivered.bytes += length;
            let output = (self.sink.clone(), content_type.to_owned());
            usage.add(|usage| usage.outputs.entry(output).or_default(), 1, length);
            let is_counted = match kind {
                // With the name of a message it is remote write.
                "application/x-protobuf" if !content_type.contains("proto=") => {
                    let is_request = otlp::count(&mut usage, event.bytes).is_ok();
                    usage.undecoded += u64::from(!is_request);
                    is_request
                }
                "application/json" => emf::count(&mut usage, event.bytes, self.is_log),
                _ => false,
            };
            if !is_counted {
                usage.add(|usage| &mut usage.other, 1, length);
            }
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        Delivered::default()
    }
}
