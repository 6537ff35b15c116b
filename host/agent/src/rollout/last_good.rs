//! Last-good store: configuration and components of the last good bundle for the next start, and the generations that failed.
//!
//! ```text
//! STATE_DIR/last-good/insightd.yaml    the configuration
//! STATE_DIR/last-good/NAME.wasm        a component
//! STATE_DIR/last-good/FILE             a text file that configures a component
//! STATE_DIR/last-good/id               generation of the bundle; content with another one is not used. A second line is the generation
//!                                      of the stored part, if a file of the bundle is not stored because no component was made of it
//! STATE_DIR/taken-ID/...               likewise, of a bundle on probation; not a last good bundle until that is over
//! STATE_DIR/failed                     generations that were rolled back, with the error text, one a line, the latest last
//! ```
//!
//! It contains WebAssembly and text only: native code is never read from disk. Everything is private to its owner, and files of other
//! owners are not read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use insightd_files::{DirError, PrivateDir};
use insightd_pipeline::Sha256;
use insightd_pipeline::bundle::{Generation, generation};
use insightd_pipeline::library::{self, FileError};

use crate::config::{self, Config, Environment};
use crate::snapshot::Snapshot;

/// Name prefix of directories with bundles on probation.
const TAKEN: &str = "taken-";
const GOOD: &str = "last-good";
const FRESH: &str = "last-good.new";
const FAILED: &str = "failed";

/// Maximum number of bundles on probation that are read; an agent never leaves as many.
const MAX_TAKEN: usize = 8;
/// Maximum number of failed generations that are stored.
const MAX_FAILED: usize = 20;
/// Maximum characters of an error text.
const MAX_WHY: usize = 500;
/// Maximum bytes of a file of generations.
const MAX_IDS: u64 = 64 << 10;

/// The last-good store. Every use opens the directory anew: it may be created or repaired while the agent runs.
#[derive(Clone, Debug)]
pub struct LastGoodStore {
    directory: PathBuf,
}

impl LastGoodStore {
    /// Creates a store in `STATE_DIR`.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    /// Reads the last good bundle, or returns `None` if there is none or it is incomplete.
    pub fn read(&self, environment: &Environment) -> Option<Snapshot> {
        let dir = self.open()?;
        // A crash between the renames leaves only `last-good.new`; accept it.
        [GOOD, FRESH].iter().find_map(|name| read(&dir, name, environment))
    }

    /// Reads a bundle other than `in_files` that was on probation when the agent ended and did not fail. Of several it returns the one stored
    /// first, which is the rollback target of the others.
    pub fn read_taken(&self, in_files: Generation, environment: &Environment) -> Option<Snapshot> {
        let dir = self.open()?;
        let failed = failed(&dir);
        let is_out = |id: Generation| id == in_files || failed.iter().any(|(other, _)| *other == id);
        let names = dir.names().inspect_err(log_error).ok()?;
        let mut taken: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with(TAKEN))
            .filter_map(|name| Some((dir.modified(name)?, name)))
            .collect();
        taken.sort_unstable();
        taken.truncate(MAX_TAKEN);
        let mut taken = taken.iter().filter_map(|(_, name)| read(&dir, name, environment));
        taken.find(|snapshot| !is_out(snapshot.id))
    }

    /// Opens the directory, or returns `None` if it does not exist or cannot be used.
    fn open(&self) -> Option<PrivateDir> {
        match PrivateDir::open(&self.directory) {
            Ok(dir) => Some(dir),
            Err(DirError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                log_error(&error);
                None
            }
        }
    }

    /// Stores a bundle whose probation begins, and removes all others on probation except those of `others`. So its bytes need not stay in
    /// memory until the probation is over. Of its files only those for which `is_used` returns true are stored.
    ///
    /// # Errors
    /// A file cannot be removed or written.
    pub fn write_taken(
        &self,
        snapshot: &Snapshot,
        others: &[Generation],
        is_used: impl Fn(&str, &[u8]) -> bool,
    ) -> Result<(), DirError> {
        let dir = PrivateDir::make(&self.directory)?;
        forget_taken_but(&dir, others)?;
        let taken = dir.make_subdir(&taken(snapshot.id))?;
        taken.write("insightd.yaml", snapshot.text.as_bytes())?;
        let mut files = snapshot.files.clone();
        for (name, content) in &mut files {
            match content {
                Ok(bytes) if is_used(name, bytes) => taken.write(name, bytes)?,
                _ => *content = Err(FileError::Missing),
            }
        }
        // The generation of the bundle, and that of the stored part if it differs.
        let here = generation(&snapshot.config.pipelines, &files);
        let ids = if here == snapshot.id { vec![here] } else { vec![snapshot.id, here] };
        let ids: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
        taken.write("id", ids.join("\n").as_bytes())
    }

    /// Replaces the last good bundle by one stored as on probation. Removes all others on probation except those of `others`.
    ///
    /// # Errors
    /// A file cannot be removed or renamed. The last good bundle is then the previous one or this one.
    pub fn keep(&self, id: Generation, others: &[Generation]) -> Result<(), DirError> {
        let dir = PrivateDir::open(&self.directory)?;
        dir.subdir(&taken(id))?;
        dir.remove_all(FRESH)?;
        dir.rename(&taken(id), FRESH)?;
        dir.remove_all(GOOD)?;
        dir.rename(FRESH, GOOD)?;
        let mut ids = failed(&dir);
        if ids.iter().any(|(other, _)| *other == id) {
            ids.retain(|(other, _)| *other != id);
            write_failed(&dir, &ids)?;
        }
        forget_taken_but(&dir, others)
    }

    /// Returns the generations that were rolled back, with the error text if it is known.
    pub fn failed(&self) -> Vec<(Generation, String)> {
        self.open().map(|dir| failed(&dir)).unwrap_or_default()
    }

    /// Stores a generation as failed, and removes the stored bundle.
    ///
    /// # Errors
    /// The file cannot be written, or the bundle cannot be removed.
    pub fn remember_failed(&self, id: Generation, why: &str) -> Result<(), DirError> {
        let dir = PrivateDir::make(&self.directory)?;
        let mut ids = failed(&dir);
        ids.retain(|(other, _)| *other != id);
        ids.push((id, why.to_owned()));
        let first = ids.len().saturating_sub(MAX_FAILED);
        write_failed(&dir, &ids[first..])?;
        dir.remove_all(&taken(id))
    }
}

fn taken(id: Generation) -> String {
    format!("{TAKEN}{}", id.0)
}

fn log_error(error: &DirError) {
    tracing::warn!(%error, "cannot read the stored bundles");
}

/// Reads a bundle from a directory, or returns `None` if it is incomplete or does not match its generation.
fn read(dir: &PrivateDir, name: &str, environment: &Environment) -> Option<Snapshot> {
    let directory = match dir.subdir(name) {
        Ok(directory) => directory,
        Err(DirError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            log_error(&error);
            return None;
        }
    };
    let not_whole = || tracing::warn!(directory = %directory.path_of("").display(), "stored bundle is incomplete; ignored");
    let text = |name: &str, max_bytes: u64| {
        let bytes = directory.read(name, max_bytes).inspect_err(log_error).ok()?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        if text.is_none() {
            not_whole();
        }
        text
    };
    let ids: Vec<Generation> = text("id", MAX_IDS)?.lines().filter_map(parse_id).collect();
    let Some(id) = ids.first().copied() else {
        not_whole();
        return None;
    };
    let here = ids.get(1).copied().unwrap_or(id);
    let file = directory.path_of("insightd.yaml");
    let text = text("insightd.yaml", config::MAX_FILE_BYTES)?;
    let config = Config::parse(&text, Some(&file.display().to_string()), environment)
        .inspect_err(|report| {
            tracing::warn!(
                directory = %directory.path_of("").display(),
                %report,
                "cannot read the configuration of a stored bundle; ignored"
            );
        })
        .ok()?;
    let snapshot =
        Snapshot::with(text, config, |name| match directory.read(name, library::max_bytes(name)) {
            Ok(Some(bytes)) => Ok(Arc::from(bytes)),
            Ok(None) => Err(FileError::Unusable("was not stored because it was not usable".to_owned())),
            Err(error) => Err(FileError::Unusable(error.to_string())),
        });
    if snapshot.id != here {
        not_whole();
        return None;
    }
    Some(Snapshot { id, ..snapshot })
}

fn parse_id(line: &str) -> Option<Generation> {
    Sha256::parse(line.trim()).ok().map(Generation)
}

fn forget_taken_but(dir: &PrivateDir, ids: &[Generation]) -> Result<(), DirError> {
    let wanted: Vec<String> = ids.iter().map(|id| taken(*id)).collect();
    let names = dir.names()?;
    let names = names.iter().filter(|name| name.starts_with(TAKEN) && !wanted.contains(name));
    names.into_iter().try_for_each(|name| dir.remove_all(name))
}

fn failed(dir: &PrivateDir) -> Vec<(Generation, String)> {
    let bytes = dir.read(FAILED, MAX_IDS).inspect_err(log_error).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = |line: &str| {
        let (id, why) = line.trim().split_once(' ').unwrap_or((line, ""));
        Some((parse_id(id)?, why.trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn write_failed(dir: &PrivateDir, ids: &[(Generation, String)]) -> Result<(), DirError> {
    let mut text = String::new();
    for (id, why) in ids {
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WHY).collect();
        text.push_str(&format!("{} {why}\n", id.0));
    }
    dir.write(FAILED, text.as_bytes())
}

#[cfg(test)]
mod tests;
