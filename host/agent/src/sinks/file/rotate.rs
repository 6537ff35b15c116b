//! Rotation: `PATH` becomes `PATH.1`, `PATH.1` becomes `PATH.2`, and files beyond the limit are deleted.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Rotates the file, keeping `max_files` older ones.
///
/// # Errors
/// A file could not be renamed or deleted. Files moved so far stay moved, and the next call continues.
pub(super) fn rotate(path: &Path, max_files: usize) -> io::Result<()> {
    if max_files == 0 {
        return absent_is_fine(std::fs::remove_file(path));
    }
    // Files after a gap need not move.
    let first_gap = (1..max_files).find(|&index| !numbered(path, index).exists()).unwrap_or(max_files);
    for index in (1..first_gap).rev() {
        absent_is_fine(std::fs::rename(numbered(path, index), numbered(path, index + 1)))?;
    }
    absent_is_fine(std::fs::rename(path, numbered(path, 1)))
}

/// Returns `PATH.index`.
pub(super) fn numbered(path: &Path, index: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{index}"));
    name.into()
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
