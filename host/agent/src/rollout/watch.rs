//! Seeing that files changed, cheaply: by what the system says of them.
//!
//! Their content is read only when that changed, and counts only by its hash. A ConfigMap mount changes all files at once: each
//! is a link through `..data`, which is replaced. In any other folder a file may be half written: it is looked at again until
//! it stays as it is.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::set::names;
use crate::complaint::Complaint;
use crate::config::Config;

/// What is watched.
#[derive(Clone, Debug)]
pub struct Places {
    /// The configuration.
    pub config: Option<PathBuf>,
    /// The folder of components.
    pub folder: Option<PathBuf>,
    /// Names of the files that the configuration wants from there: whatever else is in the folder, and however much, is none of ours.
    pub names: Vec<String>,
}

/// What the system says of every file; equal where nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// Whether it is of files, or a folder of them, that do not change together.
    by_file: bool,
}

/// Device, inode, size, times of content and inode in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

/// Tells changes that are over from those that go on.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Look,
    /// Seen once, not yet twice.
    unsettled: Option<Look>,
    /// Looks in a row that saw another change.
    restless: u32,
    complaint: Complaint,
}

/// Looks in a row that saw a change, before it is said that there is no end of it: about ten seconds.
const RESTLESS: u32 = 40;

impl Places {
    /// The configuration, and the files that it wants beside it.
    pub fn new(file: Option<PathBuf>, config: &Config) -> Self {
        Self {
            config: file,
            folder: config.transforms_dir.clone(),
            names: names(config).into_iter().collect(),
        }
    }

    /// Watches these files from now on. Returns false where they are those that are watched.
    pub(super) fn set_names<'a>(&mut self, names: impl Iterator<Item = &'a String> + Clone) -> bool {
        let is_new = !self.names.iter().eq(names.clone());
        if is_new {
            self.names = names.cloned().collect();
        }
        is_new
    }

    /// Folders in which something happens when files change.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        // A name alone is a file of the working folder.
        let here = |path: &'_ Path| path.as_os_str().is_empty();
        let of_config = self.config.iter().filter_map(|file| file.parent());
        of_config
            .map(move |path| if here(path) { Path::new(".") } else { path })
            .chain(self.folder.as_deref())
    }

    /// Looks at all of them. Of a mount it is enough to look at the one link: an agent does this all the time.
    pub fn look(&self) -> Look {
        let mut look = Look::default();
        if let Some(file) = &self.config {
            match file.parent().and_then(mount) {
                Some(link) => look.files.push(link),
                None => look.add(file.clone()),
            }
        }
        if let Some(folder) = &self.folder {
            match mount(folder) {
                Some(link) => look.files.push(link),
                None => {
                    look.by_file = true;
                    self.names.iter().for_each(|name| look.add(folder.join(name)));
                }
            }
        }
        look.files.sort();
        look
    }
}

impl Look {
    /// A file that may be half written.
    fn add(&mut self, file: PathBuf) {
        self.by_file = true;
        let stamp = fs::metadata(&file).ok().map(stamp);
        self.files.push((file, stamp));
    }
}

/// The link that is replaced when all files of a folder change in one moment, if it is such a folder.
fn mount(folder: &Path) -> Option<(PathBuf, Option<Stamp>)> {
    let link = folder.join("..data");
    let metadata = fs::symlink_metadata(&link).ok().filter(Metadata::is_symlink)?;
    Some((link, Some(stamp(metadata))))
}

impl Watch {
    /// Takes what is there now as seen.
    pub fn new(places: &Places) -> Self {
        Self { seen: places.look(), ..Self::default() }
    }

    /// Whether the last look saw a change that may go on.
    pub(super) fn is_settling(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Whether there is something new since this was last asked, and it is whole as far as can be told.
    pub fn changed(&mut self, places: &Places) -> bool {
        let look = places.look();
        if look == self.seen {
            (self.unsettled, self.restless) = (None, 0);
            return false;
        }
        if !look.by_file || self.unsettled.as_ref() == Some(&look) {
            (self.seen, self.unsettled, self.restless) = (look, None, 0);
            return true;
        }
        self.unsettled = Some(look);
        self.restless = self.restless.saturating_add(1);
        if self.restless >= RESTLESS
            && let Some(kept_back) = self.complaint.say(Instant::now())
        {
            tracing::warn!(
                kept_back,
                "the configuration or its components change all the time: they are read when they stay as they are"
            );
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

    fn places(folder: &Path) -> Places {
        Places { config: None, folder: Some(folder.into()), names: vec!["a.wasm".into()] }
    }

    #[test]
    fn of_a_crowd_of_files_those_count_that_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..10_000 {
            fs::write(folder.path().join(format!("{number}.wasm")), "x").unwrap();
        }
        let mut places = places(folder.path());
        let mut watch = Watch::new(&places);
        fs::write(folder.path().join("7.wasm"), "another").unwrap();
        assert!(!watch.changed(&places) && !watch.changed(&places));
        for name in ["a.wasm", "9999.wasm"] {
            places.set_names([name.to_owned()].iter());
            watch.seen = places.look();
            fs::write(folder.path().join(name), "another").unwrap();
            assert!(!watch.changed(&places) && watch.changed(&places), "{name}");
        }
        assert!(!places.set_names(["9999.wasm".to_owned()].iter()));
    }

    #[test]
    fn a_file_that_never_rests_is_not_read_and_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let mut watch = Watch::new(&places);
        for size in 1..100 {
            fs::write(folder.path().join("a.wasm"), vec![0; size]).unwrap();
            assert!(!watch.changed(&places));
        }
        assert!(watch.restless >= RESTLESS && watch.complaint.say(Instant::now()).is_none(), "it was said");
        assert!(watch.changed(&places));
    }

    #[test]
    fn a_file_counts_when_it_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let mut watch = Watch::new(&places);
        assert!(!watch.changed(&places));
        fs::write(folder.path().join("a.wasm"), "half").unwrap();
        assert!(!watch.changed(&places));
        fs::write(folder.path().join("a.wasm"), "half and the rest").unwrap();
        assert!(!watch.changed(&places));
        assert!(watch.changed(&places));
        assert!(!watch.changed(&places));
        // What is no component is none of ours.
        fs::write(folder.path().join("README"), "x").unwrap();
        assert!(!watch.changed(&places) && !watch.changed(&places));
        fs::remove_file(folder.path().join("a.wasm")).unwrap();
        assert!(!watch.changed(&places) && watch.changed(&places));
    }

    /// As the kubelet does it.
    #[test]
    fn a_mount_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let fill = |name: &str, content: &str| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("a.wasm"), content).unwrap();
        };
        fill("..1", "one");
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.wasm", at("a.wasm")).unwrap();
        let places = places(folder.path());
        let mut watch = Watch::new(&places);
        assert!(!watch.changed(&places));
        fill("..2", "two");
        assert!(!watch.changed(&places));
        symlink("..2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert!(watch.changed(&places));
        assert!(!watch.changed(&places));
    }

    #[test]
    fn a_folder_that_goes_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let places = places(&inner);
        let mut watch = Watch::new(&places);
        assert!(!watch.changed(&places));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.wasm"), "x").unwrap();
        assert!(!watch.changed(&places) && watch.changed(&places));
        fs::remove_dir_all(&inner).unwrap();
        assert!(!watch.changed(&places) && watch.changed(&places));
    }
}
