//! Golden cases on disk.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compare::{Diff, Outcome};
use crate::state::{Bounds, Space, State};
use crate::{Columns, Limits, json};

const BATCH: &str = "expected.json";
const EVENTS: &str = "expected.events";
const ERROR: &str = "expected.error";
const STATE_BEFORE: &str = "state.json";
const STATE: &str = "expected.state.json";

/// A golden case, read from its directory.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the directory.
    pub name: String,
    /// Path of the directory.
    pub directory: PathBuf,
    /// Text for `configure`.
    pub config: String,
    /// Input batch.
    pub batch: Columns,
    /// Limits for a formatter.
    pub limits: Limits,
    /// State before the call.
    pub state: Space,
    /// Expected outcome; `None` if no expectation is on disk yet.
    pub expected: Option<Expected>,
    /// Expected state after the call; `None` if the state must not change.
    pub expected_state: Option<Space>,
}

/// Expected outcome of a case.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Batch from `expected.json`.
    Batch(Box<Columns>),
    /// Text of `expected.events`.
    Events(String),
    /// Text of `expected.error`.
    Error(String),
}

/// A case that cannot be read or written.
#[derive(Debug)]
pub struct GoldenError {
    /// File or directory concerned.
    pub path: PathBuf,
    /// Error text.
    pub reason: String,
}

impl fmt::Display for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for GoldenError {}

/// Returns the cases in a directory, sorted by name. A directory that is itself a case (it has a `batch.json`) yields
/// that case alone.
///
/// # Errors
/// A directory that cannot be read or holds no case, and the first case that cannot be read.
pub fn cases(directory: impl AsRef<Path>) -> Result<Vec<Case>, GoldenError> {
    let directory = directory.as_ref();
    if directory.join("batch.json").is_file() {
        return Ok(vec![Case::load(directory)?]);
    }
    let entries = fs::read_dir(directory).map_err(|error| failed(directory, &error))?;
    let mut directories = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(directory, &error))?.path();
        if path.is_dir() {
            directories.push(path);
        }
    }
    directories.sort();
    if directories.is_empty() {
        let reason = "no cases found: a case is a directory with a batch.json".into();
        return Err(GoldenError { path: directory.into(), reason });
    }
    directories.iter().map(Case::load).collect()
}

impl Case {
    /// Reads a case from its directory.
    ///
    /// # Errors
    /// A file that is missing, unreadable or malformed; more than one expectation.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self, GoldenError> {
        let directory = directory.as_ref();
        let batch_path = directory.join("batch.json");
        let Some(batch) = read(&batch_path)? else {
            return Err(GoldenError {
                path: batch_path,
                reason: "not found: every case needs this file".into(),
            });
        };
        let config_path = directory.join("config.json");
        let config = read(&config_path)?.unwrap_or_else(|| "{}".into());
        let expected = expected(directory)?;
        // A case that expects an error may be about a configuration that is not JSON.
        if !matches!(expected, Some(Expected::Error(_)))
            && let Err(error) = json::parse(&config)
        {
            return Err(GoldenError { path: config_path, reason: error.to_string() });
        }
        Ok(Self {
            name: directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            directory: directory.into(),
            config,
            batch: parse_batch(&batch_path, &batch)?,
            limits: limits(&directory.join("limits.json"))?,
            state: state(&directory.join(STATE_BEFORE))?.unwrap_or_default(),
            expected,
            expected_state: state(&directory.join(STATE))?,
        })
    }

    /// State for the call: that of the case, within the default bounds.
    pub fn state(&self) -> State {
        State { space: Arc::new(self.state.clone()), bounds: Bounds::default() }
    }

    /// Compares an outcome with the expectation.
    ///
    /// # Errors
    /// The difference, line by line.
    pub fn check(&self, outcome: &Outcome) -> Result<(), Diff> {
        let found = outcome.text();
        let (file, wanted) = match &self.expected {
            None => return Err(Diff::unexpected(file_of(outcome), &found)),
            Some(Expected::Batch(columns)) => (BATCH, super::compare::batch_text(columns)),
            Some(Expected::Events(text)) => (EVENTS, text.clone()),
            Some(Expected::Error(text)) => (ERROR, text.clone()),
        };
        Diff::between(file, &wanted, file_of(outcome), &found)
    }

    /// Compares the state after the call with the expected state.
    ///
    /// # Errors
    /// The difference, line by line.
    pub fn check_state(&self, after: &Space) -> Result<(), Diff> {
        let wanted = self.expected_state.as_ref().unwrap_or(&self.state);
        Diff::between(STATE, &wanted.to_json(), STATE, &after.to_json())
    }

    /// Records the state after the call as the expectation. If the state did not change, the file is removed.
    ///
    /// # Errors
    /// A file that cannot be written or removed.
    pub fn bless_state(&self, after: &Space) -> Result<(), GoldenError> {
        if self.check_state(after).is_ok() {
            return Ok(());
        }
        let path = self.directory.join(STATE);
        if *after == self.state {
            return remove(&path);
        }
        fs::write(&path, after.to_json()).map_err(|error| failed(&path, &error))
    }

    /// Records an outcome as the expectation. If [`Case::check`] passes already, the file is left alone.
    ///
    /// # Errors
    /// Files that cannot be written or removed.
    pub fn bless(&self, outcome: &Outcome) -> Result<(), GoldenError> {
        if self.check(outcome).is_ok() {
            return Ok(());
        }
        let file = file_of(outcome);
        for stale in [BATCH, EVENTS, ERROR].into_iter().filter(|name| *name != file) {
            remove(&self.directory.join(stale))?;
        }
        let path = self.directory.join(file);
        fs::write(&path, outcome.text()).map_err(|error| failed(&path, &error))
    }
}

fn file_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Batch(_) => BATCH,
        Outcome::Events(_) => EVENTS,
        Outcome::Error(_) => ERROR,
    }
}

fn expected(directory: &Path) -> Result<Option<Expected>, GoldenError> {
    let mut found = Vec::new();
    if let Some(text) = read(&directory.join(BATCH))? {
        found.push(Expected::Batch(Box::new(parse_batch(&directory.join(BATCH), &text)?)));
    }
    found.extend(read(&directory.join(EVENTS))?.map(Expected::Events));
    found.extend(read(&directory.join(ERROR))?.map(Expected::Error));
    if found.len() > 1 {
        let reason = format!("found more than one of {BATCH}, {EVENTS} and {ERROR}; keep one of them");
        return Err(GoldenError { path: directory.into(), reason });
    }
    Ok(found.pop())
}

fn state(path: &Path) -> Result<Option<Space>, GoldenError> {
    let parse =
        |text: String| Space::from_json(&text).map_err(|reason| GoldenError { path: path.into(), reason });
    read(path)?.map(parse).transpose()
}

fn limits(path: &Path) -> Result<Limits, GoldenError> {
    let Some(text) = read(path)? else { return Ok(Limits::default()) };
    let wrong = |reason: String| GoldenError { path: path.into(), reason };
    let value = json::parse(&text).map_err(|error| wrong(error.to_string()))?;
    match value.get("max_event_bytes").and_then(json::Value::as_u64).map(u32::try_from) {
        Some(Ok(max_event_bytes)) => Ok(Limits { max_event_bytes }),
        _ => {
            Err(wrong("expected {\"max_event_bytes\": N}, where N is a whole number below 4294967296".into()))
        }
    }
}

fn parse_batch(path: &Path, text: &str) -> Result<Columns, GoldenError> {
    Columns::from_json(text).map_err(|error| GoldenError { path: path.into(), reason: error.to_string() })
}

fn read(path: &Path) -> Result<Option<String>, GoldenError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Removes a file; a missing file is not an error.
fn remove(path: &Path) -> Result<(), GoldenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> GoldenError {
    GoldenError { path: path.into(), reason: error.to_string() }
}
