//! Cgroups of tasks and containers at the paths that ECS gives them: on cgroup v1 made directly, as the ECS agent with Docker's
//! driver `cgroupfs` does; on cgroup v2 by systemd, as with its driver `systemd`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use cgroups_rs::cpu::CpuController;
use cgroups_rs::memory::MemController;
use cgroups_rs::{Cgroup, CgroupPid, hierarchies};

const V2: &str = "/sys/fs/cgroup";

/// The cgroup of a task or of a container.
pub(crate) enum Group {
    V1(Cgroup),
    /// A slice of a task, or a scope of a container, which exists while it has a process.
    Systemd {
        unit: String,
        slice: String,
    },
}

impl Group {
    /// Creates the cgroup of a task. Returns `None` if this user may not, or the machine has cgroup v2 without systemd.
    pub(crate) fn task(id: &str) -> Option<Self> {
        if !hierarchies::auto().v2() {
            return v1(&format!("ecs/{id}")).map(Self::V1);
        }
        let slice = format!("ecstasks-{id}.slice");
        let started = Command::new("systemctl").args(["start", &slice]).status();
        started.is_ok_and(|status| status.success()).then(|| Self::Systemd { unit: slice.clone(), slice })
    }

    /// Creates the cgroup of a container below this one of a task.
    pub(crate) fn container(&self, task_id: &str, docker_id: &str) -> Self {
        match self {
            Self::V1(_) => {
                Self::V1(v1(&format!("ecs/{task_id}/{docker_id}")).expect("a cgroup below the task's"))
            }
            Self::Systemd { slice, .. } => {
                Self::Systemd { unit: format!("docker-{docker_id}.scope"), slice: slice.clone() }
            }
        }
    }

    /// Starts a process in the cgroup of a container.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Child {
        match self {
            Self::V1(cgroup) => {
                let child = Command::new(program).args(arguments).spawn().expect("the process starts");
                cgroup.add_task_by_tgid(CgroupPid::from(&child)).expect("the process enters the cgroup");
                child
            }
            Self::Systemd { unit, slice } => {
                // The command takes the place of systemd-run in its process, once that is in the scope.
                let mut command = Command::new("systemd-run");
                command.args(["--scope", "--quiet", "--collect", "--unit", unit, "--slice", slice, program]);
                let child = command.args(arguments).spawn().expect("systemd-run starts");
                let (procs, process) = (self.v2_file("cgroup.procs"), child.id().to_string());
                wait_for(|| {
                    fs::read_to_string(&procs).is_ok_and(|text| text.lines().any(|line| line == process))
                });
                child
            }
        }
    }

    /// Limits the CPU time to a share of one processor.
    pub(crate) fn set_cpu_percent(&self, percent: u32) {
        match self {
            Self::V1(cgroup) => {
                let quota_us = i64::from(percent) * 1000;
                cgroup
                    .controller_of::<CpuController>()
                    .expect("cpu")
                    .set_cfs_quota(quota_us)
                    .expect("a quota");
            }
            Self::Systemd { .. } => self.set(&format!("CPUQuota={percent}%")),
        }
    }

    /// Sets the shares of cgroup v1, or the weight that runc and the ECS agent derive from them.
    pub(crate) fn set_cpu_shares(&self, shares: u64) {
        match self {
            Self::V1(cgroup) => {
                cgroup.controller_of::<CpuController>().expect("cpu").set_shares(shares).expect("shares");
            }
            Self::Systemd { .. } => self.set(&format!("CPUWeight={}", 1 + (shares - 2) * 9999 / 262_142)),
        }
    }

    pub(crate) fn set_memory_mib(&self, mib: i64) {
        match self {
            Self::V1(cgroup) => {
                cgroup
                    .controller_of::<MemController>()
                    .expect("memory")
                    .set_limit(mib << 20)
                    .expect("a limit");
            }
            Self::Systemd { .. } => self.set(&format!("MemoryMax={mib}M")),
        }
    }

    fn set(&self, property: &str) {
        let Self::Systemd { unit, .. } = self else { return };
        let status = Command::new("systemctl").args(["set-property", "--runtime", unit, property]).status();
        assert!(status.expect("systemctl starts").success(), "{property}");
    }

    /// Returns the CPU shares that the agent sees: on cgroup v2, the weight is turned back by the inverse of the formula.
    pub(crate) fn visible_shares(&self, v1: f64, v2: f64) -> f64 {
        match self {
            Self::V1(_) => v1,
            Self::Systemd { .. } => v2,
        }
    }

    /// Returns the CPU time in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        match self {
            Self::V1(cgroup) => number(&v1_file(cgroup, "cpuacct", "cpuacct.usage")),
            Self::Systemd { .. } => 1000 * field(&self.v2_file("cpu.stat"), "usage_usec "),
        }
    }

    /// Returns the usage and the file pages that the ECS agent subtracts from it: all on cgroup v1, inactive ones on cgroup v2. Bytes.
    pub(crate) fn memory(&self) -> (u64, u64) {
        match self {
            Self::V1(cgroup) => (
                number(&v1_file(cgroup, "memory", "memory.usage_in_bytes")),
                field(&v1_file(cgroup, "memory", "memory.stat"), "total_cache "),
            ),
            Self::Systemd { .. } => (
                number(&self.v2_file("memory.current")),
                field(&self.v2_file("memory.stat"), "inactive_file "),
            ),
        }
    }

    fn v2_file(&self, name: &str) -> PathBuf {
        let Self::Systemd { unit, slice } = self else { return PathBuf::new() };
        let directory = Path::new(V2).join("ecstasks.slice").join(slice);
        if unit == slice { directory.join(name) } else { directory.join(unit).join(name) }
    }

    /// Removes the cgroup, whose processes have ended.
    pub(crate) fn remove(&self) {
        match self {
            Self::V1(cgroup) => {
                // a dead process leaves its cgroup with a delay
                let _ = (0..200).find(|_| {
                    std::thread::sleep(Duration::from_millis(5));
                    cgroup.delete().is_ok() && !cgroup.exists()
                });
            }
            Self::Systemd { unit, .. } => {
                let _ = Command::new("systemctl").args(["stop", "--quiet", unit]).status();
            }
        }
    }
}

fn v1(path: &str) -> Option<Cgroup> {
    let controllers = ["cpuacct", "memory", "cpu", "blkio", "pids"].map(str::to_owned).to_vec();
    let cgroup = Cgroup::new_with_specified_controllers(hierarchies::auto(), path, Some(controllers)).ok()?;
    v1_file(&cgroup, "memory", "cgroup.procs").exists().then_some(cgroup)
}

fn v1_file(cgroup: &Cgroup, controller: &str, name: &str) -> PathBuf {
    let subsystems = cgroup.subsystems();
    let subsystem = subsystems.iter().find(|subsystem| subsystem.controller_name() == controller);
    subsystem.map(|subsystem| subsystem.to_controller().path().join(name)).unwrap_or_default()
}

fn number(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.trim().parse().expect("a number")
}

fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    value.unwrap_or_else(|| panic!("{}: no {name}", file.display()))
}

/// Waits until `is_reached` returns true.
pub(crate) fn wait_for(is_reached: impl Fn() -> bool) {
    let reached = (0..6000).any(|_| {
        is_reached() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    });
    assert!(reached, "did not happen within 30 s");
}
