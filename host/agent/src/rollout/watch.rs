//! Seeing that files changed, cheaply: by what the system says of them, several times a second.
//!
//! Their content is read only when that changed, and counts only by its hash. A ConfigMap mount changes all files at once: each
//! is a link through `..data`, which is replaced. In any other folder a file may be half written: it is looked at again until
//! it stays as it is.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is watched.
#[derive(Clone, Debug)]
pub struct Places {
    /// The configuration.
    pub config: Option<PathBuf>,
    /// The folder of components.
    pub folder: Option<PathBuf>,
}

/// What the system says of every file; equal where nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look(Vec<(PathBuf, Option<Stamp>)>);

/// Device, inode, size, times of content and inode in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

/// Tells changes that are over from those that go on.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Look,
    /// Seen once, not yet twice.
    unsettled: Option<Look>,
}

/// Most files of a folder that are looked at: what is beyond is no folder of components.
const MAX_FILES: usize = 1000;

impl Places {
    /// Looks at all of them.
    pub fn look(&self) -> Look {
        let mut files: Vec<PathBuf> = self.config.iter().cloned().collect();
        let entries = self.folder.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let components = entries.map(|entry| entry.path()).filter(|path| is_component(path));
        files.extend(components.take(MAX_FILES));
        files.sort();
        Look(files.into_iter().map(|file| (file.clone(), fs::metadata(file).ok().map(stamp))).collect())
    }

    /// Whether all files change in one moment: they are links into a folder that is replaced as a whole.
    fn change_at_once(&self) -> bool {
        let is_mount =
            |folder: &Path| fs::symlink_metadata(folder.join("..data")).is_ok_and(|m| m.is_symlink());
        let folders = self.config.iter().filter_map(|file| file.parent()).chain(self.folder.as_deref());
        folders.into_iter().all(is_mount)
    }
}

impl Watch {
    /// Takes what is there now as seen.
    pub fn new(places: &Places) -> Self {
        Self { seen: places.look(), unsettled: None }
    }

    /// Whether there is something new since this was last asked, and it is whole as far as can be told.
    pub fn changed(&mut self, places: &Places) -> bool {
        let look = places.look();
        if look == self.seen {
            self.unsettled = None;
            return false;
        }
        if places.change_at_once() || self.unsettled.as_ref() == Some(&look) {
            (self.seen, self.unsettled) = (look, None);
            return true;
        }
        self.unsettled = Some(look);
        false
    }
}

fn is_component(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm")
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

    #[test]
    fn a_file_counts_when_it_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { config: None, folder: Some(folder.path().into()) };
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
        let places = Places { config: None, folder: Some(folder.path().into()) };
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
        let places = Places { config: None, folder: Some(inner.clone()) };
        let mut watch = Watch::new(&places);
        assert!(!watch.changed(&places));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.wasm"), "x").unwrap();
        assert!(!watch.changed(&places) && watch.changed(&places));
        fs::remove_dir_all(&inner).unwrap();
        assert!(!watch.changed(&places) && watch.changed(&places));
    }
}
