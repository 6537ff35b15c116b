//! Quarantine: broken files are kept for inspection, within a bound on their bytes.

use std::collections::VecDeque;

use crate::folder::{Folder, Subfolder};
use crate::trouble::Trouble;

/// Name of the quarantine subdirectory.
pub const ASIDE: &str = "aside";

/// The quarantine subdirectory `aside`; its files are ordered oldest first.
#[derive(Debug)]
pub struct Aside {
    /// Name of the owner in log messages, such as `spool`.
    who: &'static str,
    /// `None` until the first file is quarantined.
    folder: Option<Subfolder>,
    files: VecDeque<(String, u64)>,
    next: u64,
    max_bytes: u64,
}

impl Aside {
    /// Lists the files quarantined so far. `who` names the owner in log messages; `max_bytes` bounds all files together.
    pub fn open(folder: &Folder, who: &'static str, max_bytes: u64) -> Self {
        let subfolder = folder.subfolder(ASIDE).ok();
        let listed = subfolder.as_ref().and_then(|aside| aside.files().ok()).unwrap_or_default();
        let number = |name: &str| name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
        // Names without a number are not from this crate: they are neither counted nor deleted.
        let mut files: Vec<_> =
            listed.into_iter().filter_map(|(name, bytes)| Some((number(&name)?, name, bytes))).collect();
        files.sort_unstable();
        let next = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
        let files = files.into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
        Self { who, folder: subfolder, files, next, max_bytes }
    }

    /// Returns the bytes of all quarantined files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Quarantines a file of the directory. `why` is logged as the reason.
    ///
    /// While the bound is exceeded, the oldest files are deleted, in the end the new one too. Returns the number of deleted files.
    ///
    /// # Errors
    /// Fails if the subdirectory cannot be created or the file cannot be moved.
    pub fn take(&mut self, folder: &Folder, name: &str, bytes: u64, why: &str) -> Result<u64, Trouble> {
        let aside = match self.folder.take() {
            Some(aside) => aside,
            None => folder
                .make_subfolder(ASIDE)
                .map_err(|errno| folder.trouble(ASIDE, "create directory", errno))?,
        };
        let aside = self.folder.insert(aside);
        let new_name = format!("{:08}-{name}", self.next);
        folder
            .move_into(name, aside, &new_name)
            .map_err(|errno| folder.trouble(name, "quarantine", errno))?;
        tracing::warn!(
            owner = self.who,
            file = %folder.path_of(name).display(),
            kept_as = %folder.path_of(ASIDE).join(&new_name).display(),
            reason = why,
            "file quarantined; delete it when it is no longer needed"
        );
        self.next += 1;
        self.files.push_back((new_name, bytes));
        let mut removed = 0;
        while self.bytes() > self.max_bytes && self.remove_oldest(folder) {
            removed += 1;
        }
        Ok(removed)
    }

    /// Deletes the oldest file. Returns true if a file was deleted.
    pub fn remove_oldest(&mut self, folder: &Folder) -> bool {
        let (Some(aside), Some((name, _))) = (&self.folder, self.files.front()) else { return false };
        let path = folder.path_of(ASIDE).join(name);
        if let Err(errno) = aside.remove(name) {
            let error = std::io::Error::from(errno);
            tracing::warn!(
                owner = self.who,
                file = %path.display(),
                %error,
                "cannot delete a quarantined file"
            );
            return false;
        }
        tracing::warn!(owner = self.who, file = %path.display(), "quarantine is full; oldest file deleted");
        self.files.pop_front();
        true
    }
}
