//! A recorded host: `manifest.json` and one directory per frame.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use serde::Deserialize;

use super::{HostRoot, ReadBuffer, RootError};

/// Supported version of the recording format.
const FORMAT: u32 = 1;

/// Size of a file system, as reported by `statfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct FsStat {
    /// Bytes per block (`f_frsize`).
    pub block_size: u64,
    /// Total blocks (`f_blocks`).
    pub blocks: u64,
    /// Free blocks (`f_bfree`).
    pub blocks_free: u64,
    /// Blocks available to unprivileged users (`f_bavail`).
    pub blocks_available: u64,
    /// Total inodes (`f_files`); 0 if the file system creates them on demand.
    pub files: u64,
    /// Free inodes (`f_ffree`).
    pub files_free: u64,
}

/// Paths of a frame's kubelet responses, relative to the directory of the frame: pass them to [`HostRoot::read`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KubeletFiles {
    /// Response to `/pods`.
    pub pods: Option<String>,
    /// Response to `/stats/summary`.
    pub summary: Option<String>,
    /// Response to `/metrics/cadvisor`.
    pub cadvisor: Option<String>,
}

/// One frame of a recorded host.
#[derive(Clone, Debug, Deserialize)]
pub struct Frame {
    /// Directory with the files, relative to the recording.
    pub root: String,
    /// Wall clock, nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
    /// `CLOCK_MONOTONIC` of the recorded node, nanoseconds.
    pub monotonic_ns: u64,
    /// USER_HZ, the unit of `cpuacct.stat`.
    pub ticks_per_second: u64,
    /// Inode numbers by absolute path: cgroup directories, `/proc/PID/ns/net`.
    #[serde(default)]
    pub inodes: HashMap<String, u64>,
    /// File system sizes by mount point.
    #[serde(default)]
    pub statfs: HashMap<String, FsStat>,
    /// Paths of the kubelet's responses of this frame.
    #[serde(default)]
    pub kubelet: KubeletFiles,
}

#[derive(Deserialize)]
struct Manifest {
    format: u32,
    #[serde(default)]
    node_name: Option<String>,
    #[serde(default)]
    frames: Vec<Frame>,
    /// The frames of a recording of an earlier version.
    #[serde(default)]
    moments: Vec<Frame>,
}

#[derive(Debug)]
pub(super) struct Recording {
    pub(super) top: OwnedFd,
    pub(super) node_name: Option<String>,
    pub(super) frames: Vec<Frame>,
    /// The manifest names the frames `moments`.
    pub(super) has_old_key: bool,
    pub(super) selected: usize,
}

impl Recording {
    /// Loads the manifest. Returns `None` if there is none: the root is a live host.
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
                "unsupported `format` {}: this build reads {FORMAT}; record again",
                manifest.format
            )));
        }
        let Manifest { node_name, frames, moments, .. } = manifest;
        let has_old_key = frames.is_empty() && !moments.is_empty();
        let frames = if has_old_key { moments } else { frames };
        if frames.is_empty() {
            return Err(bad(
                "`frames` is missing or empty: the recording has no frames; record again".to_owned()
            ));
        }
        if let Some(index) = frames.iter().position(|frame| frame.ticks_per_second == 0) {
            return Err(bad(format!(
                "`frames[{index}].ticks_per_second` must not be 0; nearly every kernel uses 100"
            )));
        }
        let top = root
            .resolver
            .open(&root.dir, ".", OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|errno| RootError::Open { path: root.path.clone(), source: errno.into() })?;
        Ok(Some(Self { top, node_name, frames, has_old_key, selected: 0 }))
    }
}
