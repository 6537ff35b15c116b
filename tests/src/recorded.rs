//! A recorded node, read independently of the agent's code, as the reference for comparisons.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::cadvisor::{self, Sample};

/// A recording under `tests/fixtures/nodes/`.
#[derive(Debug)]
pub struct Recorded {
    directory: PathBuf,
    manifest: Value,
}

impl Recorded {
    /// Opens `v1-cgroupfs` or `v2-systemd`.
    ///
    /// # Panics
    /// If the recording is missing or has no readable manifest.
    pub fn open(name: &str) -> Self {
        let directory = crate::recording(name);
        let text = fs::read(directory.join("manifest.json")).expect("a recording has a manifest");
        Self { directory, manifest: serde_json::from_slice(&text).expect("the manifest is JSON") }
    }

    /// Returns the directory, for `--host-root`.
    pub fn directory(&self) -> &str {
        self.directory.to_str().expect("the checkout's path is UTF-8")
    }

    /// Returns true if the node has cgroup v2.
    pub fn is_v2(&self) -> bool {
        self.manifest["cgroup_version"] == 2
    }

    /// Returns the nanoseconds between the two frames.
    pub fn elapsed_ns(&self) -> u64 {
        self.frame_clock(1, "monotonic_ns") - self.frame_clock(0, "monotonic_ns")
    }

    /// Returns when reading the host files of a frame (0 or 1) began and ended, in milliseconds since the Unix epoch.
    pub fn read_unix_ms(&self, frame: usize) -> (u64, u64) {
        let read = &self.manifest["frames"][frame]["read"]["host"];
        let at = |end: &str| {
            read[end]["unix_ns"].as_u64().expect("the manifest has the times of reading") / 1_000_000
        };
        (at("start"), at("end"))
    }

    fn frame_clock(&self, frame: usize, clock: &str) -> u64 {
        self.manifest["frames"][frame][clock].as_u64().expect("each frame has its clocks")
    }

    /// Returns a file of a frame (0 or 1), by its path on the recorded host or below `kubelet/`.
    pub fn file(&self, frame: usize, path: &str) -> Option<String> {
        let root = self.manifest["frames"][frame]["root"].as_str().expect("each frame has its root");
        fs::read_to_string(self.directory.join(root).join(path.trim_start_matches('/'))).ok()
    }

    /// Returns cAdvisor's samples of a frame.
    ///
    /// # Panics
    /// If the recording lacks them.
    pub fn cadvisor(&self, frame: usize) -> Vec<Sample> {
        cadvisor::parse(
            &self.file(frame, "kubelet/cadvisor.txt").expect("a recording has the response of cAdvisor"),
        )
    }

    /// Returns the result of statfs for a mount point in a frame.
    pub fn statfs(&self, frame: usize, mount_point: &str) -> &Value {
        &self.manifest["frames"][frame]["statfs"][mount_point]
    }

    /// Returns a file of a cgroup; `controller` is its hierarchy on cgroup v1.
    pub fn cgroup_file(&self, frame: usize, controller: &str, cgroup: &str, file: &str) -> Option<String> {
        let controller = if self.is_v2() { String::new() } else { format!("/{controller}") };
        self.file(frame, &format!("/sys/fs/cgroup{controller}{}/{file}", cgroup.trim_end_matches('/')))
    }

    /// Returns the value of a `key value` line in a cgroup's file.
    pub fn cgroup_key(
        &self,
        frame: usize,
        controller: &str,
        cgroup: &str,
        file: &str,
        key: &str,
    ) -> Option<u64> {
        let text = self.cgroup_file(frame, controller, cgroup, file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Returns the number in a cgroup's file with a single number.
    pub fn cgroup_number(&self, frame: usize, controller: &str, cgroup: &str, file: &str) -> Option<u64> {
        self.cgroup_file(frame, controller, cgroup, file)?.trim().parse().ok()
    }

    /// Returns a cgroup's CPU time in nanoseconds: `total`, `user` or `system`.
    pub fn cpu_ns(&self, frame: usize, cgroup: &str, which: &str) -> Option<u64> {
        match (self.is_v2(), which) {
            (false, "total") => self.cgroup_number(frame, "cpuacct", cgroup, "cpuacct.usage"),
            (false, which) => {
                Some(self.cgroup_key(frame, "cpuacct", cgroup, "cpuacct.stat", which)? * 10_000_000)
            }
            (true, "total") => Some(self.cgroup_key(frame, "cpu", cgroup, "cpu.stat", "usage_usec")? * 1000),
            (true, which) => {
                Some(self.cgroup_key(frame, "cpu", cgroup, "cpu.stat", &format!("{which}_usec"))? * 1000)
            }
        }
    }

    /// Returns a value of a cgroup's `memory.stat`, by its name on cgroup v1 or v2.
    pub fn memory_stat(&self, frame: usize, cgroup: &str, v1: &str, v2: &str) -> Option<u64> {
        self.cgroup_key(frame, "memory", cgroup, "memory.stat", if self.is_v2() { v2 } else { v1 })
    }
}
