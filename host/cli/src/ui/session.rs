//! State that all requests share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use insightd::config::Config;
use insightd::recording::Reader;
use insights_batch::Columns;
use serde_json::Value;

use super::history::AgentHistory;
use crate::arguments::View;
use crate::demo;
use crate::top::model::{Mode, Model, Update};

/// State of the computation of the cost.
#[derive(Debug, Default)]
pub(super) enum CostState {
    #[default]
    Idle,
    Running,
    Done(Arc<Value>),
    Failed(String),
}

/// The model that is shown, and its source.
#[derive(Debug)]
pub(super) struct Session {
    model: Mutex<Model>,
    started: Instant,
    history: Mutex<AgentHistory>,
    /// The recording; absent if an agent is shown.
    pub(super) recording: Option<PathBuf>,
    /// The configuration file; the built-in pipelines if absent.
    pub(super) config_file: Option<PathBuf>,
    /// The text of the configuration, to begin with in the playground.
    pub(super) config_text: String,
    /// The configuration of recording and playground.
    pub(super) config: Config,
    cost: Mutex<CostState>,
    /// Held by the run of the playground.
    pub(super) playground: Mutex<()>,
}

/// The configuration of a session.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) file: Option<PathBuf>,
    pub(super) text: String,
    pub(super) config: Config,
}

impl Session {
    /// Creates the session of a recording, or of an agent of this name.
    pub(super) fn new(recording: Option<PathBuf>, name: &str, configured: Configured) -> Self {
        let mode = if recording.is_some() { Mode::Recording } else { Mode::Live };
        let Configured { file, text, config } = configured;
        Self {
            model: Mutex::new(Model::new(mode, name, View::Pods, 0)),
            started: Instant::now(),
            history: Mutex::default(),
            recording,
            config_file: file,
            config_text: text,
            config,
            cost: Mutex::default(),
            playground: Mutex::default(),
        }
    }

    /// Applies news. Returns false if no more of a recording fits into memory.
    pub(super) fn apply(&self, update: Update) -> bool {
        lock(&self.model).apply(update, self.now_ms())
    }

    /// Returns the milliseconds since the session began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Reads the model at a frame, from 1, in a view; at the newest frame if absent or beyond the last.
    pub(super) fn read<R>(&self, view: View, frame: Option<usize>, read: impl FnOnce(&mut Model) -> R) -> R {
        let mut model = lock(&self.model);
        model.view = view;
        let count = model.frames.len();
        model.shown = frame.unwrap_or(count).clamp(count.min(1), count);
        let result = read(&mut model);
        // Of an agent, the newest frame is followed.
        model.show_newest();
        result
    }

    /// Returns the history of the agent's own metrics.
    pub(super) fn history(&self) -> MutexGuard<'_, AgentHistory> {
        lock(&self.history)
    }

    /// Returns the state of the computation of the cost.
    pub(super) fn cost(&self) -> MutexGuard<'_, CostState> {
        lock(&self.cost)
    }

    /// Opens the recording, or that of the demo if an agent is shown.
    ///
    /// # Errors
    /// Returns the error text if it cannot be read.
    pub(super) fn reader(&self) -> Result<Reader, String> {
        match &self.recording {
            Some(file) => Reader::open(file).map_err(|error| error.to_string()),
            None => demo::reader().map_err(|error| error.to_string()),
        }
    }

    /// Reads the batch of a frame; the first batch of the demo if an agent is shown.
    ///
    /// # Errors
    /// Returns the error text if the recording cannot be read or has no such batch.
    pub(super) fn batch(&self, frame: Option<usize>) -> Result<Columns, String> {
        let wanted = self.read(View::Pods, frame, |model| {
            let frame = model.newest().filter(|_| self.recording.is_some());
            frame.map(|frame| (frame.scope.clone(), frame.scope_id.clone(), frame.time_unix_ms))
        });
        let is_it = |batch: &Columns| {
            wanted.as_ref().is_none_or(|(scope, id, time)| {
                (&batch.scope, &batch.scope_id, &batch.time_unix_ms) == (scope, id, time)
            })
        };
        let mut reader = self.reader()?;
        while let Some(batch) = reader.next_batch().map_err(|error| error.to_string())? {
            if is_it(&batch) {
                return Ok(batch);
            }
        }
        Err("the recording has no such batch".into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
