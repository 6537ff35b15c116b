//! A recorded node, read without any of the agent's code: what its figures are compared with.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::cadvisor::{self, Sample};

/// One recording under `tests/fixtures/nodes/`.
#[derive(Debug)]
pub struct Recorded {
    folder: PathBuf,
    manifest: Value,
}

impl Recorded {
    /// Opens `v1-cgroupfs` or `v2-systemd`.
    ///
    /// # Panics
    /// When the recording is not there or has no readable manifest.
    pub fn open(name: &str) -> Self {
        let folder = crate::recording(name);
        let text = fs::read(folder.join("manifest.json")).expect("a recording has a manifest");
        Self { folder, manifest: serde_json::from_slice(&text).expect("the manifest is JSON") }
    }

    /// The folder, for `--host-root`.
    pub fn folder(&self) -> &str {
        self.folder.to_str().expect("the checkout's path is UTF-8")
    }

    /// Whether its cgroups are version 2.
    pub fn is_v2(&self) -> bool {
        self.manifest["cgroup_version"] == 2
    }

    /// Nanoseconds between the two moments.
    pub fn elapsed_ns(&self) -> u64 {
        self.moment_clock(1, "monotonic_ns") - self.moment_clock(0, "monotonic_ns")
    }

    /// When reading the host files of a moment (0 or 1) began and ended, milliseconds since the Unix epoch.
    pub fn read_unix_ms(&self, moment: usize) -> (u64, u64) {
        let read = &self.manifest["moments"][moment]["read"]["host"];
        let at =
            |end: &str| read[end]["unix_ns"].as_u64().expect("the manifest says when it read") / 1_000_000;
        (at("start"), at("end"))
    }

    fn moment_clock(&self, moment: usize, clock: &str) -> u64 {
        self.manifest["moments"][moment][clock].as_u64().expect("each moment has its clocks")
    }

    /// A file of a moment (0 or 1), by its path on the recorded host or below `kubelet/`.
    pub fn file(&self, moment: usize, path: &str) -> Option<String> {
        let root = self.manifest["moments"][moment]["root"].as_str().expect("each moment has its root");
        fs::read_to_string(self.folder.join(root).join(path.trim_start_matches('/'))).ok()
    }

    /// cAdvisor's samples in a moment.
    ///
    /// # Panics
    /// When the recording lacks them.
    pub fn cadvisor(&self, moment: usize) -> Vec<Sample> {
        cadvisor::parse(
            &self.file(moment, "kubelet/cadvisor.txt").expect("a recording has cAdvisor's answer"),
        )
    }

    /// The answer of statfs for a mount point in a moment.
    pub fn statfs(&self, moment: usize, mount_point: &str) -> &Value {
        &self.manifest["moments"][moment]["statfs"][mount_point]
    }

    /// A file of a cgroup, `controller` being its hierarchy on version 1.
    pub fn cgroup_file(&self, moment: usize, controller: &str, cgroup: &str, file: &str) -> Option<String> {
        let controller = if self.is_v2() { String::new() } else { format!("/{controller}") };
        self.file(moment, &format!("/sys/fs/cgroup{controller}{}/{file}", cgroup.trim_end_matches('/')))
    }

    /// `key value` of a cgroup's file.
    pub fn cgroup_key(
        &self,
        moment: usize,
        controller: &str,
        cgroup: &str,
        file: &str,
        key: &str,
    ) -> Option<u64> {
        let text = self.cgroup_file(moment, controller, cgroup, file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// A cgroup's file that holds one number.
    pub fn cgroup_number(&self, moment: usize, controller: &str, cgroup: &str, file: &str) -> Option<u64> {
        self.cgroup_file(moment, controller, cgroup, file)?.trim().parse().ok()
    }

    /// CPU time of a cgroup, nanoseconds: `total`, `user` or `system`.
    pub fn cpu_ns(&self, moment: usize, cgroup: &str, which: &str) -> Option<u64> {
        match (self.is_v2(), which) {
            (false, "total") => self.cgroup_number(moment, "cpuacct", cgroup, "cpuacct.usage"),
            (false, which) => {
                Some(self.cgroup_key(moment, "cpuacct", cgroup, "cpuacct.stat", which)? * 10_000_000)
            }
            (true, "total") => Some(self.cgroup_key(moment, "cpu", cgroup, "cpu.stat", "usage_usec")? * 1000),
            (true, which) => {
                Some(self.cgroup_key(moment, "cpu", cgroup, "cpu.stat", &format!("{which}_usec"))? * 1000)
            }
        }
    }

    /// A line of a cgroup's `memory.stat`, under its name on version 1 or version 2.
    pub fn memory_stat(&self, moment: usize, cgroup: &str, v1: &str, v2: &str) -> Option<u64> {
        self.cgroup_key(moment, "memory", cgroup, "memory.stat", if self.is_v2() { v2 } else { v1 })
    }
}
