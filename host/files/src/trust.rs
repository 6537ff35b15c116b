//! Checks of owner and mode: whether other users may have written a directory or a file.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, Stat};
use rustix::io::Errno;

use crate::error::DirError;

/// Directories for which a warning is logged at most; see `is_first`.
const MAX_WARNED: usize = 64;

/// Checks that this user or root owns the open directory, and removes write permission of group and others. If that fails, a warning
/// is logged.
pub(crate) fn check_directory(path: &Path, dir: impl AsFd) -> Result<(), DirError> {
    let found =
        rustix::fs::fstat(&dir).map_err(|errno| DirError::io(path, "", "examine directory", errno))?;
    if !is_trusted(&found) {
        let ours = rustix::process::geteuid().as_raw();
        return Err(DirError::Foreign { path: path.into(), owner: found.st_uid, ours });
    }
    if is_writable_by_others(&found) {
        revoke_write_permission(path, dir, Mode::from_raw_mode(found.st_mode));
    }
    Ok(())
}

/// Returns true if this user or root is the owner.
pub(crate) fn is_trusted(found: &Stat) -> bool {
    found.st_uid == rustix::process::geteuid().as_raw() || found.st_uid == 0
}

pub(crate) fn is_writable_by_others(found: &Stat) -> bool {
    Mode::from_raw_mode(found.st_mode).intersects(Mode::WGRP | Mode::WOTH)
}

/// Removes write permission of group and others. A directory with the sticky bit, such as `/tmp`, is left unchanged.
fn revoke_write_permission(path: &Path, dir: impl AsFd, mode: Mode) {
    let changed = match mode.contains(Mode::SVTX) {
        true => Err(Errno::PERM),
        false => rustix::fs::fchmod(dir, mode.difference(Mode::WGRP | Mode::WOTH)),
    };
    let path_shown = path.display();
    match changed {
        Ok(()) => {
            tracing::warn!(
                path = %path_shown,
                "directory was writable by other users; write permission removed"
            );
        }
        Err(_) if !is_first(path) => {}
        Err(_) => {
            tracing::warn!(
                path = %path_shown,
                "directory is writable by other users; use one with mode 0700"
            );
        }
    }
}

/// Returns true for a path seen for the first time, for at most `MAX_WARNED` paths. Some directories are opened at every tick.
fn is_first(path: &Path) -> bool {
    static WARNED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = warned.len() < MAX_WARNED && !warned.iter().any(|other| other == path);
    if is_first {
        warned.push(path.into());
    }
    is_first
}
