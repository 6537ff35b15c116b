//! A tmpfs of a few pages, for tests of full and read-only disks. Test crates of several packages include this file.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

/// A mounted tmpfs, unmounted on drop.
pub(crate) struct Tmpfs(TempDir);

impl Tmpfs {
    /// Mounts a tmpfs of this size. Returns `None`, with a note on stderr, if this user may not mount.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let directory = tempdir().unwrap();
        let options = format!("size={size},mode=700");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(directory.path());
        if command.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        let _ = writeln!(std::io::stderr(), "SKIPPED: cannot mount a tmpfs (run as root)");
        None
    }

    #[allow(dead_code, reason = "not every crate remounts")]
    pub(crate) fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap().success());
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
