//! What transforms remember: given to their calls, committed once a tick's outputs are accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use insightd_folder::{PrivateDir, Trouble};
use insightd_state::{Mode, Settings, SpaceId, Stats, Store};
use insights_sdk::Columns;
use insights_sdk::state::{Bounds, Changes, Space, State};

use crate::complaint::Complaint;

/// All spaces together, bytes.
pub const MAX_BYTES: u64 = 8 << 20;

/// File in the folder of the state with which `insightd state clear` asks for it: names of spaces one a line, or nothing for all.
const WISH: &str = "clear";
const STATE: &str = "state";
/// Longest list of names.
const MAX_WISH: u64 = 64 << 10;

/// What one place in a pipeline may remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// `PIPELINE/COMPONENT`: the same whatever version runs there.
    pub transform: String,
    /// For each scope.
    pub bounds: Bounds,
}

/// A space as it was at some moment.
pub type Snapshot = (SpaceId, Arc<Space>);

/// The store, and what a tick did so far.
#[derive(Debug)]
pub struct States {
    store: Store,
    folder: Option<PathBuf>,
    changes: Vec<(SpaceId, Changes)>,
    complaint: Complaint,
}

impl Grant {
    fn space(&self, batch: &Columns) -> SpaceId {
        SpaceId::new(&self.transform, &batch.scope, &batch.scope_id)
    }

    /// For a shadow run: what is remembered in `snapshots`.
    pub fn shadow(&self, batch: &Columns, snapshots: &[Snapshot]) -> State {
        let wanted = self.space(batch);
        let found = snapshots.iter().find(|(id, _)| *id == wanted);
        State { space: found.map(|(_, space)| Arc::clone(space)).unwrap_or_default(), bounds: self.bounds }
    }
}

impl States {
    /// In the folder `state` of this one, or in memory.
    pub fn open(state_dir: Option<&Path>) -> Self {
        let made = state_dir.map(|folder| PrivateDir::make(folder)?.make_subdir(STATE));
        let folder = match made {
            Some(Ok(folder)) => Some(folder.path_of("")),
            // It may be mounted later: the store tries again and says how that goes.
            Some(Err(Trouble::Io { source, .. })) if !is_link(&source) => {
                state_dir.map(|folder| folder.join(STATE))
            }
            Some(Err(trouble)) => {
                tracing::error!(%trouble, "state_dir unavailable: transform state is kept in memory only");
                None
            }
            None => None,
        };
        let store = match &folder {
            Some(folder) => Store::open(Settings { max_bytes: MAX_BYTES, ..Settings::in_folder(folder) }),
            None => Store::in_memory(MAX_BYTES),
        };
        let stats = store.stats();
        if let (Mode::Memory { reason }, Some(_)) = (&stats.mode, &folder) {
            tracing::warn!(reason, "what transforms remember ends with the agent until that is mended");
        }
        if stats.set_aside > 0 {
            tracing::error!(
                folder = folder.as_ref().map(|folder| folder.display().to_string()),
                "what transforms remembered cannot be read, or is of another version: put aside; they begin anew"
            );
        }
        Self { store, folder, changes: Vec::new(), complaint: Complaint::default() }
    }

    /// What a call is given, with what earlier calls of this tick changed.
    pub fn of(&mut self, grant: &Grant, batch: &Columns) -> State {
        let id = grant.space(batch);
        let mut space = self.store.snapshot(&id);
        for (_, changes) in self.changes.iter().filter(|(other, _)| *other == id) {
            Arc::make_mut(&mut space).apply(changes);
        }
        State { space, bounds: grant.bounds }
    }

    /// What a call changed; it counts with the tick.
    pub fn changed(&mut self, grant: &Grant, batch: (&str, &str), changes: Changes) {
        if !changes.is_empty() {
            self.changes.push((SpaceId::new(&grant.transform, batch.0, batch.1), changes));
        }
    }

    /// Ends a tick: its changes count if its outputs were accepted, all of them, or none.
    pub fn end_tick(&mut self, now_unix_ms: u64, accepted: bool) {
        self.commit(now_unix_ms, accepted);
        self.clear_as_wished(now_unix_ms);
    }

    fn commit(&mut self, now_unix_ms: u64, accepted: bool) {
        let changes = std::mem::take(&mut self.changes);
        if !accepted && !changes.is_empty() {
            if let Some(kept_back) = self.complaint.say(Instant::now()) {
                tracing::warn!(
                    kept_back,
                    "what transforms remembered of this tick is dropped: not all of its events were accepted"
                );
            }
            return;
        }
        if let Err(error) = self.store.commit(now_unix_ms, changes)
            && let Some(kept_back) = self.complaint.say(Instant::now())
        {
            tracing::error!(%error, kept_back, "what transforms remembered of this tick is dropped");
        }
    }

    /// All spaces, for shadow runs.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.store.all()
    }

    /// For `/status` and `/metrics`.
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    fn clear_as_wished(&mut self, now_unix_ms: u64) {
        // By its path: the folder may have been replaced.
        let Some(Ok(folder)) = self.folder.as_deref().map(PrivateDir::open) else { return };
        let names = match folder.read(WISH, MAX_WISH) {
            Ok(None) => return,
            Ok(Some(names)) => String::from_utf8_lossy(&names).into_owned(),
            Err(trouble) => {
                if let Some(kept_back) = self.complaint.say(Instant::now()) {
                    tracing::warn!(%trouble, kept_back, "the clear-state request is not one: it is removed");
                }
                let _ = folder.remove_all(WISH);
                return;
            }
        };
        let spaces: Vec<SpaceId> = self.store.stats().spaces.into_iter().map(|space| space.id).collect();
        let mut cleared = 0;
        for id in spaces {
            let is_wanted = names.trim().is_empty() || names.lines().any(|name| name.trim() == id.transform);
            cleared += usize::from(is_wanted && self.store.clear(now_unix_ms, Some(&id)));
        }
        tracing::info!(cleared, wanted = names.trim().replace('\n', ", "), "state was cleared on demand");
        if let Err(error) = folder.remove_all(WISH)
            && let Some(kept_back) = self.complaint.say(Instant::now())
        {
            tracing::warn!(%error, kept_back, "cannot delete the clear-state request; state is cleared on every tick");
        }
    }
}

/// What the kernel says where a link or a file has the name of a directory.
fn is_link(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NOTDIR))
}

/// `insightd state clear`: leaves the wish for the agent whose folder this is.
///
/// # Errors
/// The file cannot be written.
pub fn wish_to_clear(state_dir: &Path, transforms: &[String]) -> Result<(), Trouble> {
    let text: String = transforms.iter().map(|name| format!("{name}\n")).collect();
    PrivateDir::open(state_dir)?.subdir(STATE)?.write(WISH, text.as_bytes())
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

    /// One tick in which the transform counts its ticks; what it had before.
    fn tick(states: &mut States, transform: &str, accepted: bool) -> u8 {
        let grant = grant(transform);
        let state = states.of(&grant, &batch());
        let before = state.space.get("ticks").map_or(0, |value| value[0]);
        let mut overlay = Overlay::new(state);
        overlay.set("ticks", &[before + 1]).unwrap();
        states.changed(&grant, ("node", "n1"), overlay.into_changes());
        states.end_tick(1, accepted);
        before
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
        let folder = tempfile::tempdir().unwrap();
        let mut states = States::open(Some(folder.path()));
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
        drop(states);
        let mut states = States::open(Some(folder.path()));
        assert_eq!(tick(&mut states, "p/a", true), 1);
        wish_to_clear(folder.path(), &["p/a".to_owned()]).unwrap();
        states.end_tick(2, true);
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 1]);
        wish_to_clear(folder.path(), &[]).unwrap();
        states.end_tick(3, true);
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
        assert!(wish_to_clear(&folder.path().join("elsewhere"), &[]).is_err());
    }

    #[test]
    fn a_pipe_or_a_link_as_request_stops_nothing() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let mut states = States::open(Some(folder.path()));
        let wish = folder.path().join("state/clear");
        mknodat(CWD, &wish, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(tick(&mut states, "p/a", true), 0);
        assert!(!wish.exists());
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "p/a").unwrap();
        std::os::unix::fs::symlink(&victim, &wish).unwrap();
        assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/a", true)], [1, 2]);
        std::os::unix::fs::symlink(&victim, folder.path().join("state/clear.new")).unwrap();
        wish_to_clear(folder.path(), &["none".to_owned()]).unwrap();
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "p/a");
    }
}
