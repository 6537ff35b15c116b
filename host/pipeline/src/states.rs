//! The state of transforms: handed to their calls, and committed once an output of their pipeline is accepted.

mod clear;
mod runs;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use insightd_files::{DirError, PrivateDir};
use insightd_state::{Settings, SpaceId, Stats, StorageMode, Store};
use insights_batch::Columns;
use insights_batch::state::{Bounds, Changes, Space, State};

pub use clear::{ClearError, request_clear};

use crate::log_throttle::LogThrottle;
use runs::{Outcome, Runs};

/// Maximum size of all spaces together, bytes.
pub const MAX_BYTES: u64 = 8 << 20;

/// Name of the file by which `insightd state clear` requests a clear, in the state directory. It contains the names of
/// transforms, one per line, or nothing for all of them.
const REQUEST: &str = "clear";
const STATE: &str = "state";
/// Maximum number of names of a request that are logged.
const MAX_NAMED: usize = 20;
/// Maximum size of a request, bytes.
const MAX_REQUEST_BYTES: u64 = 64 << 10;

/// The permission of one slot of a pipeline to keep state.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// `PIPELINE/COMPONENT`, independent of the version that runs there.
    pub transform: String,
    /// Limits of each scope's space.
    pub bounds: Bounds,
}

/// A space and its contents at one time.
pub type Snapshot = (SpaceId, Arc<Space>);

/// The state store, and the changes made so far in this tick.
#[derive(Debug)]
pub struct States {
    store: Store,
    directory: Option<PathBuf>,
    runs: Runs,
    throttles: Throttles,
}

/// A throttle for each message, so that a frequent one does not suppress the others.
#[derive(Debug, Default)]
struct Throttles {
    undelivered: LogThrottle,
    refused: LogThrottle,
    invalid_request: LogThrottle,
    undeletable_request: LogThrottle,
}

impl Grant {
    fn space(&self, batch: &Columns) -> SpaceId {
        SpaceId::new(&self.transform, &batch.scope, &batch.scope_id)
    }

    /// Returns the state in `snapshots` for a shadow run.
    pub fn shadow(&self, batch: &Columns, snapshots: &[Snapshot]) -> State {
        let wanted = self.space(batch);
        let found = snapshots.iter().find(|(id, _)| *id == wanted);
        State { space: found.map(|(_, space)| Arc::clone(space)).unwrap_or_default(), bounds: self.bounds }
    }
}

impl States {
    /// Opens the store in the subdirectory `state` of `state_dir`, or in memory if there is no `state_dir` or it cannot be used.
    pub fn open(state_dir: Option<&Path>) -> Self {
        let made = state_dir.map(|directory| PrivateDir::make(directory)?.make_subdir(STATE));
        let directory = match made {
            Some(Ok(directory)) => Some(directory.path_of("")),
            // The volume may be mounted later: the store retries and reports its mode.
            Some(Err(DirError::Io { source, .. })) if !is_link(&source) => {
                state_dir.map(|directory| directory.join(STATE))
            }
            Some(Err(error)) => {
                tracing::error!(%error, "state_dir unavailable: transform state is kept in memory only");
                None
            }
            None => None,
        };
        let store = match &directory {
            Some(directory) => Store::open(Settings { max_bytes: MAX_BYTES, ..Settings::new(directory) }),
            None => Store::in_memory(MAX_BYTES),
        };
        let stats = store.stats();
        if let (StorageMode::Memory { reason }, Some(_)) = (&stats.mode, &directory) {
            tracing::warn!(reason, "state_dir unavailable: transform state is kept in memory only");
        }
        if stats.quarantined > 0 {
            tracing::error!(
                directory = directory.as_ref().map(|directory| directory.display().to_string()),
                "stored state unreadable or of another version: quarantined; transforms start without state"
            );
        }
        Self { store, directory, runs: Runs::default(), throttles: Throttles::default() }
    }

    /// Returns the state for a call, including the changes of earlier calls in this tick.
    pub fn get(&mut self, grant: &Grant, batch: &Columns) -> State {
        let id = grant.space(batch);
        let mut space = self.store.snapshot(&id);
        for changes in self.runs.changes(&id) {
            Arc::make_mut(&mut space).apply(changes);
        }
        State { space, bounds: grant.bounds }
    }

    /// Begins the run of a pipeline on a batch.
    pub fn begin(&mut self, pipeline: &str) {
        self.runs.begin(pipeline);
    }

    /// Records the changes of a stage of the current run. They are committed if one of the pipeline's outputs is accepted.
    pub fn changed(&mut self, grant: &Grant, batch: (&str, &str), changes: Changes) {
        if !changes.is_empty() {
            self.runs.changed((SpaceId::new(&grant.transform, batch.0, batch.1), changes));
        }
    }

    /// Records that an output of the current run handed its events to the sink at this index, and the changes of its formatter.
    pub fn delivered(&mut self, sink: usize, grant: Option<&Grant>, batch: (&str, &str), changes: Changes) {
        let change = grant.filter(|_| !changes.is_empty());
        let id = change.map(|grant| SpaceId::new(&grant.transform, batch.0, batch.1));
        self.runs.delivered(sink, id.map(|id| (id, changes)));
    }

    /// Ends a tick. Commits the changes of each pipeline with at least one accepted output; `accepted` returns true if the
    /// sink at an index accepted its events.
    pub fn end_tick(&mut self, now_unix_ms: u64, accepted: impl Fn(usize) -> bool) {
        let outcome = self.runs.end(accepted);
        self.commit(now_unix_ms, outcome);
        self.clear_on_request(now_unix_ms);
    }

    fn commit(&mut self, now_unix_ms: u64, outcome: Outcome) {
        let Outcome { to_commit, dropped } = outcome;
        if !dropped.is_empty()
            && let Some(suppressed) = self.throttles.undelivered.record(Instant::now())
        {
            let pipelines = dropped.join(", ");
            tracing::warn!(
                pipelines,
                suppressed,
                "state changes of this tick are dropped: no output of the pipeline delivered its events"
            );
        }
        // The changes of one pipeline may exceed the limit of all spaces together. Those of the others are committed.
        let (pipelines, changes): (Vec<_>, Vec<_>) = to_commit.into_iter().unzip();
        for (number, error) in self.store.commit_groups(now_unix_ms, changes) {
            if let Some(suppressed) = self.throttles.refused.record(Instant::now()) {
                let pipeline = pipelines.get(number);
                tracing::error!(%error, pipeline, suppressed, "state changes of this tick are dropped");
            }
        }
    }

    /// Returns all spaces, for shadow runs.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.store.all()
    }

    /// Returns the statistics for `/status` and `/metrics`.
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    fn clear_on_request(&mut self, now_unix_ms: u64) {
        // The request is for the agent that holds the lock of the directory: it has the state.
        if !self.store.holds_directory() {
            return;
        }
        // Opened by path, because the directory may have been replaced.
        let Some(Ok(directory)) = self.directory.as_deref().map(PrivateDir::open) else { return };
        let names = match directory.read(REQUEST, MAX_REQUEST_BYTES) {
            Ok(None) => return,
            Ok(Some(names)) => String::from_utf8_lossy(&names).into_owned(),
            Err(error) => {
                if let Some(suppressed) = self.throttles.invalid_request.record(Instant::now()) {
                    tracing::warn!(%error, suppressed, "invalid clear-state request; removed");
                }
                let _ = directory.remove_all(REQUEST);
                return;
            }
        };
        let is_all = names.trim().is_empty();
        let cleared = self
            .store
            .clear(now_unix_ms, |id| is_all || names.lines().any(|name| name.trim() == id.transform));
        let wanted: Vec<&str> =
            names.lines().map(str::trim).filter(|name| !name.is_empty()).take(MAX_NAMED).collect();
        tracing::info!(cleared, wanted = wanted.join(", "), "state cleared on request");
        if let Err(error) = directory.remove_all(REQUEST)
            && let Some(suppressed) = self.throttles.undeletable_request.record(Instant::now())
        {
            tracing::warn!(%error, suppressed, "cannot delete the clear-state request; state is cleared on every tick");
        }
    }
}

/// Returns true for the kernel's errors for a symbolic link or a file with the name of a directory.
fn is_link(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NOTDIR))
}

#[cfg(test)]
mod tests;
