//! Files that are kept for somebody to look at, within a bound.

use std::collections::VecDeque;

use crate::folder::{Folder, Subfolder};
use crate::trouble::Trouble;

/// Name of the folder in the folder.
pub const ASIDE: &str = "aside";

/// The folder `aside`, oldest first.
#[derive(Debug)]
pub struct Aside {
    /// Whose it is, in log lines.
    who: &'static str,
    /// `None` until there is something in it.
    folder: Option<Subfolder>,
    files: VecDeque<(String, u64)>,
    next: u64,
    max_bytes: u64,
}

impl Aside {
    /// Looks at what is there. `who` says in log lines whose folder it is; `max_bytes` bounds what is kept.
    pub fn open(folder: &Folder, who: &'static str, max_bytes: u64) -> Self {
        let subfolder = folder.subfolder(ASIDE).ok();
        let listed = subfolder.as_ref().and_then(|aside| aside.files().ok()).unwrap_or_default();
        let number = |name: &str| name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
        // names that are not of this crate's making were put there by somebody who may want them
        let mut files: Vec<_> =
            listed.into_iter().filter_map(|(name, bytes)| Some((number(&name)?, name, bytes))).collect();
        files.sort_unstable();
        let next = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
        let files = files.into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
        Self { who, folder: subfolder, files, next, max_bytes }
    }

    /// Bytes of all files in it.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Puts a file of the folder aside; `why` ends the sentence "a file …". What it needs beyond the bound is taken from the
    /// oldest, itself in the end: so many files were deleted.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn take(&mut self, folder: &Folder, name: &str, bytes: u64, why: &str) -> Result<u64, Trouble> {
        let aside = match self.folder.take() {
            Some(aside) => aside,
            None => folder
                .make_subfolder(ASIDE)
                .map_err(|errno| folder.trouble(ASIDE, "make the folder", errno))?,
        };
        let aside = self.folder.insert(aside);
        let new_name = format!("{:08}-{name}", self.next);
        folder
            .move_into(name, aside, &new_name)
            .map_err(|errno| folder.trouble(name, "move it into `aside`", errno))?;
        tracing::warn!(
            file = %folder.path_of(name).display(),
            kept_as = %folder.path_of(ASIDE).join(&new_name).display(),
            "{}: a file {why}; it is kept until `aside` is full, delete it when nobody needs it",
            self.who
        );
        self.next += 1;
        self.files.push_back((new_name, bytes));
        let mut removed = 0;
        while self.bytes() > self.max_bytes && self.remove_oldest(folder) {
            removed += 1;
        }
        Ok(removed)
    }

    /// Whether there was one and it is gone.
    pub fn remove_oldest(&mut self, folder: &Folder) -> bool {
        let (Some(aside), Some((name, _))) = (&self.folder, self.files.front()) else { return false };
        let path = folder.path_of(ASIDE).join(name);
        if let Err(errno) = aside.remove(name) {
            let error = std::io::Error::from(errno);
            tracing::warn!(file = %path.display(), %error, "{}: cannot delete a file put aside", self.who);
            return false;
        }
        tracing::warn!(file = %path.display(), "{}: `aside` was full, its oldest file is deleted", self.who);
        self.files.pop_front();
        true
    }
}
