//! The state of transforms: handed to their calls, and committed once an output of their pipeline is accepted.

mod runs;

mod clear;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use insightd_folder::{PrivateDir, Trouble};
use insightd_state::{Mode, Settings, SpaceId, Stats, Store};
use insights_sdk::Columns;
use insights_sdk::state::{Bounds, Changes, Space, State};

pub use clear::{ClearError, wish_to_clear};

use crate::complaint::Complaint;
use runs::{Outcome, Runs};

/// Maximum size of all spaces together, bytes.
pub const MAX_BYTES: u64 = 8 << 20;

/// Name of the file by which `insightd state clear` requests a clear, in the state directory. It contains the names of
/// transforms, one per line, or nothing for all of them.
const WISH: &str = "clear";
const STATE: &str = "state";
/// Maximum number of names of a request that are logged.
const MAX_NAMED: usize = 20;
/// Maximum size of a request, bytes.
const MAX_WISH: u64 = 64 << 10;

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
    complaint: Complaint,
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
            Some(Err(Trouble::Io { source, .. })) if !is_link(&source) => {
                state_dir.map(|directory| directory.join(STATE))
            }
            Some(Err(trouble)) => {
                tracing::error!(%trouble, "state_dir unavailable: transform state is kept in memory only");
                None
            }
            None => None,
        };
        let store = match &directory {
            Some(directory) => {
                Store::open(Settings { max_bytes: MAX_BYTES, ..Settings::in_folder(directory) })
            }
            None => Store::in_memory(MAX_BYTES),
        };
        let stats = store.stats();
        if let (Mode::Memory { reason }, Some(_)) = (&stats.mode, &directory) {
            tracing::warn!(reason, "state_dir unavailable: transform state is kept in memory only");
        }
        if stats.set_aside > 0 {
            tracing::error!(
                directory = directory.as_ref().map(|directory| directory.display().to_string()),
                "stored state unreadable or of another version: quarantined; transforms start without state"
            );
        }
        Self { store, directory, runs: Runs::default(), complaint: Complaint::default() }
    }

    /// Returns the state for a call, including the changes of earlier calls in this tick.
    pub fn of(&mut self, grant: &Grant, batch: &Columns) -> State {
        let id = grant.space(batch);
        let mut space = self.store.snapshot(&id);
        for changes in self.runs.of(&id) {
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

    /// Ends a tick. Commits the changes of each pipeline with at least one accepted output; `took` returns true if the
    /// sink at an index accepted its events.
    pub fn end_tick(&mut self, now_unix_ms: u64, took: impl Fn(usize) -> bool) {
        let outcome = self.runs.end(took);
        self.commit(now_unix_ms, outcome);
        self.clear_as_wished(now_unix_ms);
    }

    fn commit(&mut self, now_unix_ms: u64, outcome: Outcome) {
        let Outcome { counts, dropped } = outcome;
        if !dropped.is_empty()
            && let Some(kept_back) = self.complaint.say(Instant::now())
        {
            let pipelines = dropped.join(", ");
            tracing::warn!(
                pipelines,
                kept_back,
                "state changes of this tick are dropped: no output of the pipeline delivered its events"
            );
        }
        // The changes of one pipeline may exceed the limit of all spaces together. Those of the others are committed.
        let (pipelines, changes): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
        for (number, error) in self.store.commit_groups(now_unix_ms, changes) {
            if let Some(kept_back) = self.complaint.say(Instant::now()) {
                let pipeline = pipelines.get(number);
                tracing::error!(%error, pipeline, kept_back, "state changes of this tick are dropped");
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

    fn clear_as_wished(&mut self, now_unix_ms: u64) {
        // Opened by path, because the directory may have been replaced.
        let Some(Ok(directory)) = self.directory.as_deref().map(PrivateDir::open) else { return };
        let names = match directory.read(WISH, MAX_WISH) {
            Ok(None) => return,
            Ok(Some(names)) => String::from_utf8_lossy(&names).into_owned(),
            Err(trouble) => {
                if let Some(kept_back) = self.complaint.say(Instant::now()) {
                    tracing::warn!(%trouble, kept_back, "invalid clear-state request; removed");
                }
                let _ = directory.remove_all(WISH);
                return;
            }
        };
        let spaces: Vec<SpaceId> = self.store.stats().spaces.into_iter().map(|space| space.id).collect();
        let mut cleared = 0;
        for id in spaces {
            let is_wanted = names.trim().is_empty() || names.lines().any(|name| name.trim() == id.transform);
            cleared += usize::from(is_wanted && self.store.clear(now_unix_ms, Some(&id)));
        }
        let wanted: Vec<&str> =
            names.lines().map(str::trim).filter(|name| !name.is_empty()).take(MAX_NAMED).collect();
        tracing::info!(cleared, wanted = wanted.join(", "), "state cleared on request");
        if let Err(error) = directory.remove_all(WISH)
            && let Some(kept_back) = self.complaint.say(Instant::now())
        {
            tracing::warn!(%error, kept_back, "cannot delete the clear-state request; state is cleared on every tick");
        }
    }
}

/// Returns true for the kernel's errors for a symbolic link or a file with the name of a directory.
fn is_link(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NOTDIR))
}

#[cfg(test)]
mod tests {
    use insights_sdk::state::Overlay;

    use super::*;

    fn batch() -> Columns {
        Columns { scope: "node".into(), scope_id: "n1".into(), ..Columns::default() }
    }

    fn grant(transform: &str) -> Grant {
        Grant { transform: transform.into(), bounds: Bounds::of_bytes(1024) }
    }

    /// Counts the calls of the transform, in a stage of the current run. Returns the count before.
    fn count(states: &mut States, transform: &str) -> u8 {
        let grant = grant(transform);
        let state = states.of(&grant, &batch());
        let before = state.space.get("ticks").map_or(0, |value| value[0]);
        let mut overlay = Overlay::new(state);
        overlay.set("ticks", &[before + 1]).unwrap();
        states.changed(&grant, ("node", "n1"), overlay.into_changes());
        before
    }

    /// Runs one tick in which the transform counts its ticks. Returns the count before.
    fn tick(states: &mut States, transform: &str, accepted: bool) -> u8 {
        states.begin("p");
        let before = count(states, transform);
        states.delivered(0, None, ("node", "n1"), Changes::default());
        states.end_tick(1, |_| accepted);
        before
    }

    #[test]
    fn a_pipeline_that_fails_holds_no_other_back() {
        let mut states = States::open(None);
        let mut seen = Vec::new();
        for _ in 0..3 {
            states.begin("good");
            let good = count(&mut states, "good/a");
            states.delivered(0, None, ("node", "n1"), Changes::default());
            // A formatter that fails delivers nothing.
            states.begin("silent");
            let silent = count(&mut states, "silent/a");
            // A sink that accepts nothing.
            states.begin("refused");
            let refused = count(&mut states, "refused/a");
            states.delivered(1, None, ("node", "n1"), Changes::default());
            // One of two outputs is enough.
            states.begin("half");
            let half = count(&mut states, "half/a");
            states.delivered(1, None, ("node", "n1"), Changes::default());
            states.delivered(0, None, ("node", "n1"), Changes::default());
            states.end_tick(1, |sink| sink == 0);
            seen.push([good, silent, refused, half]);
        }
        assert_eq!(seen, [[0, 0, 0, 0], [1, 0, 0, 1], [2, 0, 0, 2]]);
    }

    #[test]
    fn what_a_formatter_remembers_counts_with_its_own_output() {
        let mut states = States::open(None);
        let grant = grant("p/emf");
        let mut seen = Vec::new();
        for _ in 0..2 {
            states.begin("p");
            for sink in [0, 1] {
                let state = states.of(&grant, &batch());
                seen.push(state.space.get("n").map_or(0, |value| value[0]));
                let mut overlay = Overlay::new(state);
                overlay.set("n", &[sink + 1]).unwrap();
                states.delivered(sink.into(), Some(&grant), ("node", "n1"), overlay.into_changes());
            }
            states.end_tick(1, |sink| sink == 0);
        }
        // Within a tick, the second call sees the changes of the first; the next tick sees the accepted changes only.
        assert_eq!(seen, [0, 1, 1, 1]);
    }

    #[test]
    fn a_pipeline_that_remembers_too_much_holds_no_other_back() {
        let mut states = States::open(None);
        let grant =
            |transform: &str| Grant { transform: transform.into(), bounds: Bounds::of_bytes(2 * MAX_BYTES) };
        for tick in 1..=2_u8 {
            for (pipeline, values) in [("hoard", 200), ("modest", 1)] {
                let grant = grant(&format!("{pipeline}/a"));
                states.begin(pipeline);
                let mut overlay = Overlay::new(states.of(&grant, &batch()));
                for value in 0..values {
                    overlay.set(&value.to_string(), &vec![tick; 60_000]).unwrap();
                }
                states.changed(&grant, ("node", "n1"), overlay.into_changes());
                states.delivered(0, None, ("node", "n1"), Changes::default());
            }
            states.end_tick(1, |_| true);
            let modest = states.of(&grant("modest/a"), &batch()).space;
            assert_eq!(modest.get("0").map(|value| value[0]), Some(tick));
            assert!(states.of(&grant("hoard/a"), &batch()).space.get("0").is_none());
        }
    }

    #[test]
    fn only_ticks_that_were_accepted_count() {
        let mut states = States::open(None);
        let seen: Vec<u8> = [true, false, false, true, true].map(|ok| tick(&mut states, "p/a", ok)).into();
        assert_eq!(seen, [0, 1, 1, 1, 2]);
        assert_eq!(tick(&mut states, "p/b", true), 0);
        assert_eq!(states.stats().spaces.len(), 2);
    }

    #[test]
    fn it_outlives_a_restart_and_is_cleared_on_demand() {
        let directory = tempfile::tempdir().unwrap();
        let mut states = States::open(Some(directory.path()));
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
        drop(states);
        let mut states = States::open(Some(directory.path()));
        assert_eq!(tick(&mut states, "p/a", true), 1);
        wish_to_clear(directory.path(), &["p/a".to_owned()]).unwrap();
        states.end_tick(2, |_| true);
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 1]);
        wish_to_clear(directory.path(), &[]).unwrap();
        states.end_tick(3, |_| true);
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
        let elsewhere = directory.path().join("elsewhere");
        assert!(
            matches!(wish_to_clear(&elsewhere, &[]), Err(ClearError::Nowhere(path)) if path == elsewhere)
        );
    }

    #[test]
    fn a_pipe_or_a_link_as_request_stops_nothing() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        let mut states = States::open(Some(directory.path()));
        let wish = directory.path().join("state/clear");
        mknodat(CWD, &wish, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(tick(&mut states, "p/a", true), 0);
        assert!(!wish.exists());
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "p/a").unwrap();
        std::os::unix::fs::symlink(&victim, &wish).unwrap();
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/a", true)], [1, 2]);
        std::os::unix::fs::symlink(&victim, directory.path().join("state/clear.new")).unwrap();
        let error = wish_to_clear(directory.path(), &["p/a".to_owned(), "none".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "no state for `none`; state exists for: p/a");
        assert_eq!(wish_to_clear(directory.path(), &["p/a".to_owned()]).unwrap(), ["p/a"]);
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "p/a");
    }
}
