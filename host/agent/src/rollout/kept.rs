//! What is kept of the last good set, for the agent that starts next: its configuration and components, and which sets failed.
//!
//! ```text
//! STATE_DIR/last-good/insightd.yaml    the configuration
//! STATE_DIR/last-good/NAME.wasm        a component
//! STATE_DIR/last-good/id               of both; what has another id is not used
//! STATE_DIR/taken-ID/...               likewise, of a set whose trial goes on; it counts for nothing until that is over
//! STATE_DIR/failed                     ids of sets that were taken back, one a line, the latest last
//! ```
//!
//! WebAssembly and text alone: native code is never read from disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::set::{SetId, Snapshot};
use crate::config::{Environment, Sha256};

/// What folders of sets on trial begin with.
const TAKEN: &str = "taken-";

/// Failed sets that are remembered.
const MAX_FAILED: usize = 20;

/// The folder.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
}

/// Why something cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {error}", path.display())]
pub struct KeptError {
    action: &'static str,
    path: PathBuf,
    error: io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeptError {
    move |error| KeptError { action, path: path.into(), error }
}

impl Kept {
    /// In `STATE_DIR`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    fn last_good(&self) -> PathBuf {
        self.folder.join("last-good")
    }

    /// The last good set, if there is one and it is whole.
    pub fn read(&self, environment: &Environment) -> Option<Snapshot> {
        // Whoever was killed while it was put in place left it under the other name.
        [self.last_good(), self.fresh()].iter().find_map(|folder| read(folder, environment))
    }

    fn fresh(&self) -> PathBuf {
        self.folder.join("last-good.new")
    }
}

/// A set in a folder, if it is whole.
fn read(folder: &Path, environment: &Environment) -> Option<Snapshot> {
    let id = fs::read_to_string(folder.join("id")).ok()?;
    let file = folder.join("insightd.yaml");
    match Snapshot::read(Some(&file), Some(folder), environment) {
        Ok(snapshot) if snapshot.id.0.to_string() == id.trim() => Some(snapshot),
        Ok(_) => {
            tracing::warn!(folder = %folder.display(), "the last good set is not whole: not used");
            None
        }
        Err(report) => {
            tracing::warn!(folder = %folder.display(), %report, "the last good set cannot be read: not used");
            None
        }
    }
}

impl Kept {
    /// Writes down a set whose trial begins, beside those of `others` that are on trial too; what else was written down is removed.
    /// So nobody has to hold its bytes until the trial is over.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn write_taken(&self, snapshot: &Snapshot, others: &[SetId]) -> Result<(), KeptError> {
        let folder = self.taken(snapshot.id);
        self.forget_taken_but(others)?;
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, content)
                .and_then(|()| fs::File::open(&path)?.sync_all())
                .map_err(failed("write", &path))
        };
        write("insightd.yaml", snapshot.text.as_bytes())?;
        for (name, content) in &snapshot.files {
            if let Ok(content) = content {
                write(&format!("{name}.wasm"), content)?;
            }
        }
        write("id", snapshot.id.0.to_string().as_bytes())
    }

    /// Keeps a set that was written down as taken, in place of the one that was kept.
    ///
    /// # Errors
    /// What cannot be removed or renamed; the set that is kept is the one before or this one.
    pub fn keep(&self, id: SetId) -> Result<(), KeptError> {
        let (taken, fresh, folder) = (self.taken(id), self.fresh(), self.last_good());
        remove(&fresh)?;
        fs::rename(&taken, &fresh).map_err(failed("rename", &taken))?;
        remove(&folder)?;
        fs::rename(&fresh, &folder).map_err(failed("rename", &fresh))
    }

    fn taken(&self, id: SetId) -> PathBuf {
        self.folder.join(format!("{TAKEN}{}", id.0))
    }

    fn forget_taken_but(&self, ids: &[SetId]) -> Result<(), KeptError> {
        let wanted: Vec<PathBuf> = ids.iter().map(|id| self.taken(*id)).collect();
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(TAKEN))
            .map(|entry| entry.path())
            .filter(|path| !wanted.contains(path))
            .try_for_each(|path| remove(&path))
    }

    /// Whether a set was taken back.
    pub fn has_failed(&self, id: SetId) -> bool {
        self.failed().contains(&id)
    }

    /// Remembers that a set was taken back.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn remember_failed(&self, id: SetId) -> Result<(), KeptError> {
        let mut ids = self.failed();
        ids.retain(|other| *other != id);
        ids.push(id);
        let first = ids.len().saturating_sub(MAX_FAILED);
        let text: String = ids[first..].iter().map(|id| format!("{}\n", id.0)).collect();
        let (path, fresh) = (self.folder.join("failed"), self.folder.join("failed.new"));
        fs::create_dir_all(&self.folder).map_err(failed("make", &self.folder))?;
        fs::write(&fresh, text).map_err(failed("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(failed("rename", &fresh))
    }

    fn failed(&self) -> Vec<SetId> {
        let text = fs::read_to_string(self.folder.join("failed")).unwrap_or_default();
        text.lines().filter_map(|line| Some(SetId(Sha256::parse(line).ok()?))).collect()
    }
}

fn remove(folder: &Path) -> Result<(), KeptError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const TEXT: &str = "pipelines: [{name: p, scope: node, transforms: [{use: 'file:a'}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]\ntransforms_dir: /nowhere\n";

    fn snapshot(content: &[u8]) -> Snapshot {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wasm"), content).unwrap();
        let config = Config::parse(TEXT, None, &Environment::default()).unwrap();
        Snapshot::of(TEXT.into(), config, Some(folder.path()))
    }

    #[test]
    fn what_is_kept_is_read_again_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(&folder.path().join("state"));
        assert!(kept.read(&Environment::default()).is_none());
        for content in [b"one", b"two"] {
            let snapshot = snapshot(content);
            kept.write_taken(&snapshot, &[]).unwrap();
            assert_ne!(kept.read(&Environment::default()).map(|read| read.id), Some(snapshot.id));
            kept.keep(snapshot.id).unwrap();
            let read = kept.read(&Environment::default()).unwrap();
            assert_eq!((read.id, &read.files), (snapshot.id, &snapshot.files));
        }
    }

    #[test]
    fn half_a_set_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        let snapshot = snapshot(b"one");
        kept.write_taken(&snapshot, &[]).unwrap();
        kept.keep(snapshot.id).unwrap();
        fs::write(folder.path().join("last-good/a.wasm"), b"another").unwrap();
        assert!(kept.read(&Environment::default()).is_none());
        fs::remove_file(folder.path().join("last-good/id")).unwrap();
        assert!(kept.read(&Environment::default()).is_none());
    }

    #[test]
    fn sets_on_trial_are_written_down_beside_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        let [one, two, three] = [b"one".as_slice(), b"two", b"three"].map(snapshot);
        kept.write_taken(&one, &[]).unwrap();
        kept.write_taken(&two, &[one.id]).unwrap();
        kept.write_taken(&three, &[two.id]).unwrap();
        assert!(kept.keep(one.id).is_err());
        assert!(kept.read(&Environment::default()).is_none());
        kept.keep(two.id).unwrap();
        kept.keep(three.id).unwrap();
        assert_eq!(kept.read(&Environment::default()).unwrap().id, three.id);
    }

    #[test]
    fn the_latest_failures_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(&folder.path().join("state"));
        let id = |number: u8| SetId(Sha256([number; 32]));
        for number in 0..30 {
            assert!(!kept.has_failed(id(number)));
            kept.remember_failed(id(number)).unwrap();
        }
        assert!(kept.has_failed(id(29)) && kept.has_failed(id(10)) && !kept.has_failed(id(9)));
    }
}
