//! Errors of a directory or a file in it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Reason why a directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// A system call failed.
    #[error("cannot {action} {}: {source}; {}", path.display(), advice(action, source))]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Action that failed, such as `open`; it precedes the path. Actions on a directory end in `directory`.
        action: &'static str,
        /// Error of the system call.
        source: io::Error,
    },
    /// A file fails the checks and is not read.
    #[error("{} {problem}; the file is not read, remove it", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Description that follows the path, such as `is a symbolic link`.
        problem: String,
    },
    /// Another user owns the directory.
    #[error(
        "{} belongs to user {owner}, but the agent runs as user {ours}; the directory is not used: \
         change its owner to user {ours}, with mode 0700",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// Effective user id of the agent.
        ours: u32,
    },
    /// Another process holds the lock.
    #[error("{} is in use by another process; its data is taken over when that process ends", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The path no longer names the directory that was opened.
    #[error("{} was deleted, moved or replaced; do not change it while the agent runs", path.display())]
    Replaced {
        /// The directory.
        path: PathBuf,
    },
}

impl DirError {
    /// Builds a [`DirError::Io`] from the entry `name` of a directory (empty for the directory itself), the action that failed, and
    /// its error.
    pub(crate) fn io(
        directory: &Path,
        name: &str,
        action: &'static str,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io { path: entry_path(directory, name), action, source: source.into() }
    }

    /// Returns true if a system call failed because the file or directory does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Returns the path of an entry, or of the directory itself for an empty name.
pub(crate) fn entry_path(directory: &Path, name: &str) -> PathBuf {
    // `join` of an empty name would add a slash.
    if name.is_empty() { directory.to_owned() } else { directory.join(name) }
}

fn advice(action: &str, error: &io::Error) -> &'static str {
    let is_directory = action.ends_with("directory");
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => "free disk space, or lower max_bytes",
        Some(Errno::ROFS) => "mount it writable",
        Some(Errno::ACCESS | Errno::PERM) => "give the agent access to it",
        Some(Errno::NOENT) if is_directory => "create its parent directory, or configure another",
        Some(Errno::NOENT) => "do not delete files of the directory while the agent runs",
        Some(Errno::NOTDIR | Errno::LOOP) if is_directory => "configure a directory",
        Some(Errno::LOOP | Errno::ISDIR) => "remove it: it must be a regular file",
        Some(Errno::MFILE | Errno::NFILE) => "raise the limit of open files",
        _ => "check the disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_depends_on_whether_a_file_or_the_directory_is_concerned() {
        let text =
            |name, action, errno: Errno| DirError::io(Path::new("/d"), name, action, errno).to_string();
        assert!(
            text("", "open directory", Errno::NOENT)
                .ends_with("create its parent directory, or configure another")
        );
        assert!(text("", "open directory", Errno::LOOP).ends_with("configure a directory"));
        assert!(
            text("f", "open", Errno::NOENT)
                .ends_with("do not delete files of the directory while the agent runs")
        );
        assert!(text("lock", "open lock", Errno::LOOP).ends_with("remove it: it must be a regular file"));
    }
}
