//! Change detection for watched files by their metadata, without reading them.
//!
//! Content is read only after the metadata changed, and only its hash counts. A ConfigMap mount changes all files at once: each is a
//! link through `..data`, which is replaced. In any other directory a file may be half written, so it is scanned until it stays the
//! same.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use insightd_pipeline::LogThrottle;
use insightd_pipeline::bundle::file_names;

use crate::config::Config;

/// Watched paths.
#[derive(Clone, Debug)]
pub struct WatchedPaths {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The directory of components.
    pub directory: Option<PathBuf>,
    /// Names of the files in that directory that the configuration names. Other files in it are ignored, however many there are.
    pub names: Vec<String>,
}

/// File stamps of one scan; equal if nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStamps {
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// `true` if a file or directory is not part of an atomically replaced mount, so that files may change one by one.
    by_file: bool,
}

/// Device, inode, size, and modification and change times in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

/// A change detector that waits until a change is complete.
#[derive(Debug, Default)]
pub(super) struct ChangeDetector {
    seen: FileStamps,
    /// A scan that differs from `seen` and is not yet confirmed by a second one.
    unsettled: Option<FileStamps>,
    /// Consecutive scans that each saw another change.
    unsettled_scans: u32,
    throttle: LogThrottle,
}

/// Number of consecutive changes after which a warning is logged: about ten seconds.
const MAX_UNSETTLED_SCANS: u32 = 40;

impl WatchedPaths {
    /// Returns the paths of the configuration file and of the files that it names.
    pub fn new(file: Option<PathBuf>, config: &Config) -> Self {
        Self {
            config: file,
            directory: config.transforms_dir.clone(),
            names: file_names(&config.pipelines).into_iter().collect(),
        }
    }

    /// Replaces the names of the watched files. Returns false if they are the same.
    pub(super) fn set_names<'a>(&mut self, names: impl Iterator<Item = &'a String> + Clone) -> bool {
        let is_new = !self.names.iter().eq(names.clone());
        if is_new {
            self.names = names.cloned().collect();
        }
        is_new
    }

    /// Returns the directories to watch for events.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        // A bare file name is in the working directory.
        let here = |path: &'_ Path| path.as_os_str().is_empty();
        let of_config = self.config.iter().filter_map(|file| file.parent());
        of_config
            .map(move |path| if here(path) { Path::new(".") } else { path })
            .chain(self.directory.as_deref())
    }

    /// Scans the files. For a mount only its one link is examined, because scans go on all the time, at least every two seconds.
    pub fn stamps(&self) -> FileStamps {
        let mut stamps = FileStamps::default();
        if let Some(file) = &self.config {
            match file.parent().and_then(mount) {
                Some(link) => stamps.files.push(link),
                None => stamps.add(file.clone()),
            }
        }
        if let Some(directory) = &self.directory {
            match mount(directory) {
                Some(link) => stamps.files.push(link),
                None => {
                    stamps.by_file = true;
                    self.names.iter().for_each(|name| stamps.add(directory.join(name)));
                }
            }
        }
        stamps.files.sort();
        stamps
    }
}

impl FileStamps {
    /// Adds the stamp of a file that may be half written.
    fn add(&mut self, file: PathBuf) {
        self.by_file = true;
        let stamp = fs::metadata(&file).ok().map(stamp);
        self.files.push((file, stamp));
    }
}

/// Returns the `..data` link of a directory whose files are replaced at once, or `None` for any other directory.
fn mount(directory: &Path) -> Option<(PathBuf, Option<Stamp>)> {
    let link = directory.join("..data");
    let metadata = fs::symlink_metadata(&link).ok().filter(Metadata::is_symlink)?;
    Some((link, Some(stamp(metadata))))
}

impl ChangeDetector {
    /// Creates a detector that takes the current files as seen.
    #[cfg(test)]
    fn new(paths: &WatchedPaths) -> Self {
        Self { seen: paths.stamps(), ..Self::default() }
    }

    /// Returns true if the last scan saw a change that may still be going on.
    pub(super) fn is_settling(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Returns true once files changed and stayed the same for one scan; changes of mounts count at once.
    pub(super) fn changed(&mut self, paths: &WatchedPaths) -> bool {
        let stamps = paths.stamps();
        if stamps == self.seen {
            (self.unsettled, self.unsettled_scans) = (None, 0);
            return false;
        }
        if !stamps.by_file || self.unsettled.as_ref() == Some(&stamps) {
            (self.seen, self.unsettled, self.unsettled_scans) = (stamps, None, 0);
            return true;
        }
        self.unsettled = Some(stamps);
        self.unsettled_scans = self.unsettled_scans.saturating_add(1);
        if self.unsettled_scans >= MAX_UNSETTLED_SCANS
            && let Some(suppressed) = self.throttle.record(Instant::now())
        {
            tracing::warn!(suppressed, "files keep changing; waiting until they are stable");
        }
        false
    }
}

fn stamp(metadata: Metadata) -> Stamp {
    let time = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        time(metadata.mtime(), metadata.mtime_nsec()),
        time(metadata.ctime(), metadata.ctime_nsec()),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn watched(directory: &Path) -> WatchedPaths {
        WatchedPaths { config: None, directory: Some(directory.into()), names: vec!["a.wasm".into()] }
    }

    #[test]
    fn files_that_the_configuration_does_not_name_are_ignored() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..10_000 {
            fs::write(directory.path().join(format!("{number}.wasm")), "x").unwrap();
        }
        let mut paths = watched(directory.path());
        let mut changes = ChangeDetector::new(&paths);
        fs::write(directory.path().join("7.wasm"), "another").unwrap();
        assert!(!changes.changed(&paths) && !changes.changed(&paths));
        for name in ["a.wasm", "9999.wasm"] {
            paths.set_names([name.to_owned()].iter());
            changes.seen = paths.stamps();
            fs::write(directory.path().join(name), "another").unwrap();
            assert!(!changes.changed(&paths) && changes.changed(&paths), "{name}");
        }
        assert!(!paths.set_names(["9999.wasm".to_owned()].iter()));
    }

    #[test]
    fn a_file_that_never_rests_is_not_read_and_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let paths = watched(directory.path());
        let mut changes = ChangeDetector::new(&paths);
        for size in 1..100 {
            fs::write(directory.path().join("a.wasm"), vec![0; size]).unwrap();
            assert!(!changes.changed(&paths));
        }
        assert!(
            changes.unsettled_scans >= MAX_UNSETTLED_SCANS
                && changes.throttle.record(Instant::now()).is_none(),
            "it was said"
        );
        assert!(changes.changed(&paths));
    }

    #[test]
    fn a_file_counts_when_it_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let paths = watched(directory.path());
        let mut changes = ChangeDetector::new(&paths);
        assert!(!changes.changed(&paths));
        fs::write(directory.path().join("a.wasm"), "half").unwrap();
        assert!(!changes.changed(&paths));
        fs::write(directory.path().join("a.wasm"), "half and the rest").unwrap();
        assert!(!changes.changed(&paths));
        assert!(changes.changed(&paths));
        assert!(!changes.changed(&paths));
        // A file that is not a component is ignored.
        fs::write(directory.path().join("README"), "x").unwrap();
        assert!(!changes.changed(&paths) && !changes.changed(&paths));
        fs::remove_file(directory.path().join("a.wasm")).unwrap();
        assert!(!changes.changed(&paths) && changes.changed(&paths));
    }

    /// Updates the mount as the kubelet does.
    #[test]
    fn a_mount_counts_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let fill = |name: &str, content: &str| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("a.wasm"), content).unwrap();
        };
        fill("..1", "one");
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.wasm", at("a.wasm")).unwrap();
        let paths = watched(directory.path());
        let mut changes = ChangeDetector::new(&paths);
        assert!(!changes.changed(&paths));
        fill("..2", "two");
        assert!(!changes.changed(&paths));
        symlink("..2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert!(changes.changed(&paths));
        assert!(!changes.changed(&paths));
    }

    #[test]
    fn a_folder_that_goes_and_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        let paths = watched(&inner);
        let mut changes = ChangeDetector::new(&paths);
        assert!(!changes.changed(&paths));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.wasm"), "x").unwrap();
        assert!(!changes.changed(&paths) && changes.changed(&paths));
        fs::remove_dir_all(&inner).unwrap();
        assert!(!changes.changed(&paths) && changes.changed(&paths));
    }
}
