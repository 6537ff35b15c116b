//! A recorded host: `manifest.json` and one folder a moment.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use serde::Deserialize;

use super::{HostRoot, ReadBuffer, RootError};

/// The one version of the format that there is.
const FORMAT: u32 = 1;

/// Size of a file system, as `statfs` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct FsStat {
    /// Bytes in each block (`f_frsize`).
    pub block_size: u64,
    /// Blocks in all (`f_blocks`).
    pub blocks: u64,
    /// Blocks that hold nothing (`f_bfree`).
    pub blocks_free: u64,
    /// Blocks that an ordinary user may still fill (`f_bavail`).
    pub blocks_available: u64,
    /// Inodes in all (`f_files`); 0 where the file system makes them as it needs them.
    pub files: u64,
    /// Inodes that are free (`f_ffree`).
    pub files_free: u64,
}

/// Where a moment's kubelet answers stand, relative to the folder of the moment: pass them to [`HostRoot::read`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KubeletFiles {
    /// Answer to `/pods`.
    pub pods: Option<String>,
    /// Answer to `/stats/summary`.
    pub summary: Option<String>,
    /// Answer to `/metrics/cadvisor`.
    pub cadvisor: Option<String>,
}

/// One moment of a recorded host.
#[derive(Clone, Debug, Deserialize)]
pub struct Moment {
    /// Folder with the files, relative to the recording.
    pub root: String,
    /// Wall clock, nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub monotonic_ns: u64,
    /// USER_HZ.
    pub ticks_per_second: u64,
    /// Inode numbers by absolute path: cgroup folders, `/proc/PID/ns/net`.
    #[serde(default)]
    pub inodes: HashMap<String, u64>,
    /// File system sizes by mount point.
    #[serde(default)]
    pub statfs: HashMap<String, FsStat>,
    /// The kubelet's answers of that moment.
    #[serde(default)]
    pub kubelet: KubeletFiles,
}

#[derive(Deserialize)]
struct Manifest {
    format: u32,
    #[serde(default)]
    node_name: Option<String>,
    moments: Vec<Moment>,
}

#[derive(Debug)]
pub(super) struct Recording {
    pub(super) top: OwnedFd,
    pub(super) node_name: Option<String>,
    pub(super) moments: Vec<Moment>,
    pub(super) selected: usize,
}

impl Recording {
    /// None where there is no manifest: a live host.
    pub(super) fn load(root: &HostRoot) -> Result<Option<Self>, RootError> {
        let path = root.path.join("manifest.json");
        let bad = |problem: String| RootError::Manifest { path: path.clone(), problem };
        let mut buffer = ReadBuffer::default();
        let text = match root.read("manifest.json", &mut buffer) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(error) => return Err(bad(error.to_string())),
        };
        let manifest: Manifest = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(bad(format!(
                "`format` is {}, this build reads {FORMAT}; record it again",
                manifest.format
            )));
        }
        if manifest.moments.is_empty() {
            return Err(bad("`moments` is empty; record at least one".to_owned()));
        }
        if let Some(index) = manifest.moments.iter().position(|moment| moment.ticks_per_second == 0) {
            return Err(bad(format!(
                "`moments[{index}].ticks_per_second` is 0; it is 100 on nearly every kernel"
            )));
        }
        let top = root
            .resolver
            .open(&root.dir, ".", OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|errno| RootError::Open { path: root.path.clone(), source: errno.into() })?;
        let Manifest { node_name, moments, .. } = manifest;
        Ok(Some(Self { top, node_name, moments, selected: 0 }))
    }
}
