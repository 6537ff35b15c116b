//! Reads a recording and runs its batches through the pipelines, as `replay` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use insightd::error::Usage;
use insightd::logging;
use insightd::recording::Reader;

use crate::offline::{collecting, configuration};
use crate::replay::{Chains, Collect};
use crate::top::model::Update;
use crate::top::stage::StageRow;

/// A recording and the pipelines to run it through.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    chains: Chains,
    events: Collect,
}

impl Recording {
    /// Assembles the pipelines.
    ///
    /// # Errors
    /// Fails with [`Usage`], if the file cannot be opened, or if a component cannot be used.
    pub(crate) fn new(path: &Path, config: Option<&Path>, pipeline: Option<&str>) -> anyhow::Result<Self> {
        // Log lines would be written over the screen; failures of components are among the stages.
        let loaded = configuration(config, pipeline, Some("off"))?;
        logging::start(&loaded.log);
        Reader::open(path).map_err(|error| Usage(error.to_string()))?;
        let (chains, events) = collecting(&loaded, config, &[])?;
        Ok(Self { path: path.to_owned(), chains, events })
    }

    /// Sends a frame for each batch until `send` returns false, then the end.
    pub(crate) fn read(mut self, mut send: impl FnMut(Update) -> bool) {
        if let Some(ended) = self.frames(&mut send) {
            send(Update::End(ended.err().map(|error| format!("{error:#}"))));
        }
    }

    /// Returns `None` if `send` returned false.
    fn frames(&mut self, send: &mut impl FnMut(Update) -> bool) -> Option<anyhow::Result<()>> {
        let mut reader = match Reader::open(&self.path) {
            Ok(reader) => reader,
            Err(error) => return Some(Err(error.into())),
        };
        loop {
            let batch = match reader.next_batch() {
                Ok(Some(batch)) => batch,
                Ok(None) => return Some(Ok(())),
                Err(error) => return Some(Err(error.into())),
            };
            match frame(&mut self.chains, &self.events, batch) {
                Ok(Some(update)) => {
                    if !send(update) {
                        return None;
                    }
                }
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Runs a batch: once up to the last transform for its values, once as the agent does for state and stages.
fn frame(
    chains: &mut Chains,
    events: &Collect,
    batch: insights_batch::Columns,
) -> anyhow::Result<Option<Update>> {
    let time_unix_ms = batch.time_unix_ms;
    let transformed = chains.transformed(batch.clone());
    let Some((pipeline, transformed)) = transformed else {
        chains.run(batch)?;
        return Ok(None);
    };
    chains.run(batch.clone())?;
    events.clear();
    let stages: Arc<[StageRow]> = chains.stages(time_unix_ms).iter().map(StageRow::from_stats).collect();
    let (batch, problem) = match transformed {
        Ok(transformed) => (transformed, None),
        Err(error) => (batch, Some(format!("{error:#}"))),
    };
    Ok(Some(Update::Batch { pipeline, batch: Box::new(batch), stages: Some(stages), problem }))
}
