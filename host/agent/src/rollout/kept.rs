//! What is kept of the last good set, for the agent that starts next: its configuration and components, and which sets failed.
//!
//! ```text
//! STATE_DIR/last-good/insightd.yaml    the configuration
//! STATE_DIR/last-good/NAME.wasm        a component
//! STATE_DIR/last-good/id               of both; what has another id is not used
//! STATE_DIR/failed                     ids of sets that were taken back, one a line, the latest last
//! ```
//!
//! WebAssembly and text alone: native code is never read from disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::set::{SetId, Snapshot};
use crate::config::{Environment, Sha256};

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
    /// Keeps a set in place of the one that was kept.
    ///
    /// # Errors
    /// What cannot be written; then the one that was kept may be gone.
    pub fn write(&self, snapshot: &Snapshot) -> Result<(), KeptError> {
        let (folder, fresh) = (self.last_good(), self.fresh());
        remove(&fresh)?;
        fs::create_dir_all(&fresh).map_err(failed("make", &fresh))?;
        let write = |name: &str, content: &[u8]| {
            let path = fresh.join(name);
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
        write("id", snapshot.id.0.to_string().as_bytes())?;
        remove(&folder)?;
        fs::rename(&fresh, &folder).map_err(failed("rename", &fresh))
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
            kept.write(&snapshot).unwrap();
            let read = kept.read(&Environment::default()).unwrap();
            assert_eq!((read.id, &read.files), (snapshot.id, &snapshot.files));
        }
    }

    #[test]
    fn half_a_set_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        kept.write(&snapshot(b"one")).unwrap();
        fs::write(folder.path().join("last-good/a.wasm"), b"another").unwrap();
        assert!(kept.read(&Environment::default()).is_none());
        fs::remove_file(folder.path().join("last-good/id")).unwrap();
        assert!(kept.read(&Environment::default()).is_none());
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
