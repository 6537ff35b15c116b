//! Quarantine: broken files are kept for inspection, within a bound on their bytes.

use std::collections::VecDeque;

use rustix::io::Errno;

use crate::error::DirError;
use crate::owned::{OwnedDir, Subdir};

/// Name of the quarantine subdirectory.
const QUARANTINE_DIR: &str = "quarantine";
/// Its name in earlier versions.
const OLD_DIR: &str = "aside";

/// The quarantine subdirectory; its files are ordered oldest first.
#[derive(Debug)]
pub struct Quarantine {
    /// Name of the owner in log messages, such as `spool`.
    owner: &'static str,
    /// `None` until the first file is quarantined.
    dir: Option<Subdir>,
    /// Name of the subdirectory: [`QUARANTINE_DIR`], or the old name if that cannot be changed.
    dir_name: &'static str,
    files: VecDeque<(String, u64)>,
    next: u64,
    max_bytes: u64,
}

impl Quarantine {
    /// Lists the files quarantined so far. `owner` names the owner in log messages; `max_bytes` bounds all files together.
    ///
    /// A directory under the name of earlier versions is renamed, or its files are moved if both exist; those count like all others.
    pub fn open(parent: &OwnedDir, owner: &'static str, max_bytes: u64) -> Self {
        let dir_name = rename_old(parent, owner);
        let dir = parent.subdir(dir_name).ok();
        let files = dir.as_ref().map(numbered).unwrap_or_default();
        let next = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
        let files = files.into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
        let mut quarantine = Self { owner, dir, dir_name, files, next, max_bytes };
        quarantine.merge_old(parent);
        quarantine
    }

    /// Moves the files of a second directory under the old name, which an earlier version creates if it runs again.
    fn merge_old(&mut self, parent: &OwnedDir) {
        if self.dir_name == OLD_DIR {
            return;
        }
        let (Some(dir), Ok(old)) = (&self.dir, parent.subdir(OLD_DIR)) else { return };
        for (_, name, bytes) in numbered(&old) {
            let suffix = name.split_once('-').map_or(&*name, |(_, suffix)| suffix);
            let new_name = format!("{:08}-{suffix}", self.next);
            if let Err(errno) = old.move_into(&name, dir, &new_name) {
                let error = std::io::Error::from(errno);
                let file = parent.path_of(OLD_DIR).join(&name);
                tracing::warn!(
                    owner = self.owner,
                    file = %file.display(),
                    %error,
                    "cannot move a quarantined file; it is kept but not counted"
                );
                continue;
            }
            self.next += 1;
            self.files.push_back((new_name, bytes));
        }
        match parent.remove_subdir(OLD_DIR) {
            // Anything else in it is not from this crate, and stays.
            Ok(()) | Err(Errno::NOTEMPTY) => {}
            Err(errno) => {
                let error = std::io::Error::from(errno);
                tracing::warn!(
                    owner = self.owner,
                    directory = %parent.path_of(OLD_DIR).display(),
                    %error,
                    "cannot remove the old quarantine directory"
                );
            }
        }
    }

    /// Returns the name of the subdirectory: `quarantine`, or `aside` if the directory of an earlier version could not be renamed.
    pub fn dir_name(&self) -> &'static str {
        self.dir_name
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
                .make_subdir(self.dir_name)
                .map_err(|errno| parent.io_error(self.dir_name, "create directory", errno))?,
        };
        let dir = self.dir.insert(dir);
        let new_name = format!("{:08}-{name}", self.next);
        parent.move_into(name, dir, &new_name).map_err(|errno| parent.io_error(name, "quarantine", errno))?;
        tracing::warn!(
            owner = self.owner,
            file = %parent.path_of(name).display(),
            kept_as = %parent.path_of(self.dir_name).join(&new_name).display(),
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
        let path = parent.path_of(self.dir_name).join(name);
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

/// Renames the directory of an earlier version. Returns the name under which the quarantine is now.
fn rename_old(parent: &OwnedDir, owner: &'static str) -> &'static str {
    // A link or a file under the old name is not from this crate.
    if parent.subdir(OLD_DIR).is_err() || parent.subdir(QUARANTINE_DIR).is_ok() {
        return QUARANTINE_DIR;
    }
    let directory = parent.path_of(OLD_DIR);
    match parent.replace(QUARANTINE_DIR, OLD_DIR) {
        Ok(()) => {
            tracing::info!(owner, directory = %directory.display(), to = QUARANTINE_DIR, "quarantine directory renamed");
            QUARANTINE_DIR
        }
        Err(errno) => {
            let error = std::io::Error::from(errno);
            tracing::warn!(
                owner,
                directory = %directory.display(),
                %error,
                "cannot rename the quarantine directory; it keeps its old name"
            );
            OLD_DIR
        }
    }
}

/// Returns number, name and length of the quarantined files, by number. Names without a number are not from this crate: they are
/// neither counted nor deleted.
fn numbered(dir: &Subdir) -> Vec<(u64, String, u64)> {
    let number = |name: &str| name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
    let listed = dir.files().unwrap_or_default();
    let mut files: Vec<_> =
        listed.into_iter().filter_map(|(name, bytes)| Some((number(&name)?, name, bytes))).collect();
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests;
