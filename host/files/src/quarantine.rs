//! Quarantine: broken files are kept for inspection, within a bound on their bytes.

use std::collections::VecDeque;

use crate::error::DirError;
use crate::owned::{OwnedDir, Subdir};

/// Name of the quarantine subdirectory.
pub const QUARANTINE_DIR: &str = "aside";

/// The quarantine subdirectory `aside`; its files are ordered oldest first.
#[derive(Debug)]
pub struct Quarantine {
    /// Name of the owner in log messages, such as `spool`.
    owner: &'static str,
    /// `None` until the first file is quarantined.
    dir: Option<Subdir>,
    files: VecDeque<(String, u64)>,
    next: u64,
    max_bytes: u64,
}

impl Quarantine {
    /// Lists the files quarantined so far. `owner` names the owner in log messages; `max_bytes` bounds all files together.
    pub fn open(parent: &OwnedDir, owner: &'static str, max_bytes: u64) -> Self {
        let dir = parent.subdir(QUARANTINE_DIR).ok();
        let listed = dir.as_ref().and_then(|dir| dir.files().ok()).unwrap_or_default();
        let number = |name: &str| name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
        // Names without a number are not from this crate: they are neither counted nor deleted.
        let mut files: Vec<_> =
            listed.into_iter().filter_map(|(name, bytes)| Some((number(&name)?, name, bytes))).collect();
        files.sort_unstable();
        let next = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
        let files = files.into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
        Self { owner, dir, files, next, max_bytes }
    }

    /// Returns the bytes of all quarantined files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Quarantines a file of the directory. `reason` is logged.
    ///
    /// While the bound is exceeded, the oldest files are deleted, in the end the new one too. Returns the number of deleted files.
    ///
    /// # Errors
    /// Fails if the subdirectory cannot be created or the file cannot be moved.
    pub fn take(&mut self, parent: &OwnedDir, name: &str, bytes: u64, reason: &str) -> Result<u64, DirError> {
        let dir = match self.dir.take() {
            Some(dir) => dir,
            None => parent
                .make_subdir(QUARANTINE_DIR)
                .map_err(|errno| parent.io_error(QUARANTINE_DIR, "create directory", errno))?,
        };
        let dir = self.dir.insert(dir);
        let new_name = format!("{:08}-{name}", self.next);
        parent.move_into(name, dir, &new_name).map_err(|errno| parent.io_error(name, "quarantine", errno))?;
        tracing::warn!(
            owner = self.owner,
            file = %parent.path_of(name).display(),
            kept_as = %parent.path_of(QUARANTINE_DIR).join(&new_name).display(),
            reason,
            "file quarantined; delete it when it is no longer needed"
        );
        self.next += 1;
        self.files.push_back((new_name, bytes));
        let mut removed = 0;
        while self.bytes() > self.max_bytes && self.remove_oldest(parent) {
            removed += 1;
        }
        Ok(removed)
    }

    /// Deletes the oldest file. Returns true if a file was deleted.
    pub fn remove_oldest(&mut self, parent: &OwnedDir) -> bool {
        let (Some(dir), Some((name, _))) = (&self.dir, self.files.front()) else { return false };
        let path = parent.path_of(QUARANTINE_DIR).join(name);
        if let Err(errno) = dir.remove(name) {
            let error = std::io::Error::from(errno);
            tracing::warn!(
                owner = self.owner,
                file = %path.display(),
                %error,
                "cannot delete a quarantined file"
            );
            return false;
        }
        tracing::warn!(owner = self.owner, file = %path.display(), "quarantine is full; oldest file deleted");
        self.files.pop_front();
        true
    }
}
