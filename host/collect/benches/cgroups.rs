//! Benchmark: reads 424 cgroups (106 pods of three containers) into a batch, against a bare open, read and close of the same
//! files in the same run: `cargo bench -p insightd-collect --bench cgroups`. Prints medians of CPU time and their ratio.
//!
//! - `v1` or `v2`: real cgroups of this machine's version, created for the bench and removed after it; needs root.
//! - `v1 files`, `v2 files`: the files of a recorded node, copied into a temporary directory. The file system there is
//!   many times faster than cgroupfs, so the agent's own share of the time is at its maximum.

#[path = "../tests/shared/cgroups.rs"]
mod cgroups;
#[path = "../tests/shared/memory.rs"]
mod memory;

use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use cgroups_rs::{Cgroup, CgroupPid, hierarchies};
use insightd_collect::{Collector, HostRoot, Settings};
use insights_batch::Builder;

use crate::memory::anonymous_kib;

const PODS: usize = 106;
const CONTAINERS: usize = 3;
const ROUNDS: usize = 41;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes");
    let mut failed = false;
    let mut report = |name: &str, measured: Outcome<()>| {
        if let Err(error) = measured {
            println!("{name}: FAILED: {error}");
            failed = true;
        }
    };
    let version = if hierarchies::auto().v2() { "v2" } else { "v1" };
    match RealTree::new() {
        Ok(Some(tree)) => report(version, measure(version, tree.host.path())),
        Ok(None) => {
            println!("SKIPPED: {version}: needs root, and the cgroup controllers cpu, memory and pids")
        }
        Err(error) => report(version, Err(error)),
    }
    for (name, recording) in [("v1 files", "v1-cgroupfs"), ("v2 files", "v2-systemd")] {
        let tree = copied_tree(&recordings.join(recording).join("2"));
        report(name, tree.and_then(|tree| measure(name, tree.path())));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(name: &str, host: &Path) -> Outcome<()> {
    // unlike in production, bounds are read at every tick, so that both sides read the same files every time
    let settings = Settings {
        node_name: "bench".to_owned(),
        pod_network: false,
        bounds_every: 1,
        ..Settings::default()
    };
    let before = anonymous_kib();
    let mut collector = Collector::new(HostRoot::open(host)?, settings)?;
    let first = sample(&mut collector)?;
    let kept = anonymous_kib().saturating_sub(before);
    let files = same_files(host)?;
    let mut buffer = vec![0; 64 * 1024];
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(timed(|| files.iter().try_for_each(|file| read_bare(file, &mut buffer)))?);
        ours.push(timed(|| sample(&mut collector).map(|_| ()))?);
    }
    let (bare, ours) = (median(&mut bare), median(&mut ours));
    println!(
        "{name}: {} cgroups, {} files: bare {:.2} ms ({} files), collector {:.2} ms, ratio {:.2}; anonymous memory grew by {kept} KiB",
        first.0,
        first.1,
        bare.as_secs_f64() * 1e3,
        files.len(),
        ours.as_secs_f64() * 1e3,
        ours.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

fn sample(collector: &mut Collector) -> Outcome<(usize, u64)> {
    let mut builder = Builder::new("node", "bench", 0, 60_000);
    let report = collector.sample(&mut builder);
    if let Some(problem) = report.problems.first() {
        return Err(format!("{}: {}", problem.path, problem.error).into());
    }
    if report.cgroups != PODS * (CONTAINERS + 1) {
        return Err(format!("{} cgroups were read", report.cgroups).into());
    }
    black_box(builder.finish());
    Ok((report.cgroups, report.files_read))
}

fn read_bare(path: &Path, buffer: &mut [u8]) -> Outcome<()> {
    let mut file = fs::File::open(path)?;
    black_box(file.read(buffer)?);
    Ok(())
}

/// Returns the pod and container files that the collector reads, as full paths, in its order of cgroups.
fn same_files(host: &Path) -> Outcome<Vec<PathBuf>> {
    const V1: [(&str, &[&str]); 5] = [
        ("cpuacct", &["cpuacct.usage", "cpuacct.stat"]),
        (
            "memory",
            &[
                "memory.usage_in_bytes",
                "memory.stat",
                "memory.max_usage_in_bytes",
                "memory.failcnt",
                "memory.oom_control",
                "memory.use_hierarchy",
                "memory.limit_in_bytes",
                "memory.soft_limit_in_bytes",
            ],
        ),
        ("cpu", &["cpu.stat", "cpu.cfs_quota_us", "cpu.shares"]),
        ("blkio", &[]),
        ("pids", &["pids.current", "pids.max"]),
    ];
    const V2: &[&str] = &[
        "cpu.stat",
        "memory.current",
        "memory.stat",
        "memory.swap.current",
        "memory.peak",
        "memory.events",
        "io.stat",
        "cpu.pressure",
        "memory.pressure",
        "io.pressure",
        "pids.current",
        "cpu.max",
        "cpu.weight",
        "memory.max",
        "memory.low",
        "pids.max",
    ];
    let mut files = Vec::new();
    let top = host.join("sys/fs/cgroup");
    let mut take = |directory: PathBuf, names: &[&str]| {
        files.extend(names.iter().map(|name| directory.join(name)).filter(|file| file.exists()));
    };
    for pod in (0..PODS).map(pod_path) {
        for cgroup in std::iter::once(pod.clone())
            .chain((0..CONTAINERS).map(|at| format!("{pod}/{}", container_name(at))))
        {
            if top.join("memory").exists() {
                for (controller, names) in V1 {
                    take(top.join(controller).join(&cgroup), names);
                }
            } else {
                take(top.join(&cgroup), V2);
            }
        }
    }
    Ok(files)
}

fn pod_path(index: usize) -> String {
    format!("kubepods/burstable/pod{index:08x}-0000-4000-8000-{index:012x}")
}

fn container_name(index: usize) -> String {
    format!("{index:064x}")
}

/// Returns the CPU time of this thread, which excludes other work on the machine. All reading is done on this thread.
fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let start = cpu_time();
    work()?;
    Ok(cpu_time().saturating_sub(start))
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Writes the files that a collector needs besides cgroups.
fn host_files(host: &Path, mountinfo: &str) -> Outcome<()> {
    fs::create_dir_all(host.join("proc/1/net"))?;
    fs::write(host.join("proc/meminfo"), "MemTotal: 1024 kB\nMemAvailable: 512 kB\n")?;
    fs::write(host.join("proc/cpuinfo"), "processor : 0\n")?;
    fs::write(host.join("proc/1/net/dev"), "")?;
    fs::write(host.join("proc/1/mountinfo"), mountinfo)?;
    Ok(())
}

/// Creates a tree of the bench's size from the cgroups of a recorded frame.
fn copied_tree(frame: &Path) -> Outcome<tempfile::TempDir> {
    let host = tempfile::tempdir()?;
    host_files(host.path(), &fs::read_to_string(frame.join("proc/1/mountinfo"))?)?;
    let top = frame.join("sys/fs/cgroup");
    let is_v1 = top.join("memory").exists();
    let controllers: &[&str] = if is_v1 { &cgroups::V1_CONTROLLERS } else { &[""] };
    for controller in controllers {
        let from = top.join(controller);
        let pods = pods_below(&from)?;
        let to = host.path().join("sys/fs/cgroup").join(controller);
        copy_files(&from, &to)?;
        for index in 0..PODS {
            let (pod, containers) = &pods[index % pods.len()];
            let to = to.join(pod_path(index));
            copy_files(pod, &to)?;
            for at in 0..CONTAINERS {
                copy_files(&containers[at % containers.len()], &to.join(container_name(at)))?;
            }
        }
    }
    Ok(host)
}

/// Returns the directories of pods that have containers, with those of their containers.
fn pods_below(top: &Path) -> Outcome<Vec<(PathBuf, Vec<PathBuf>)>> {
    let mut found = Vec::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(directory) = waiting.pop() {
        let mut below: Vec<PathBuf> = fs::read_dir(&directory)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        below.sort();
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_pod = name.starts_with("pod") || name.contains("-pod");
        if !is_pod {
            waiting.extend(below);
        } else if !below.is_empty() {
            found.push((directory, below));
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("no pods below {}", top.display()).into()) } else { Ok(found) }
}

fn copy_files(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Real cgroups below a cgroup of their own, bind-mounted into a host tree so that nothing else of this machine is read.
struct RealTree {
    host: tempfile::TempDir,
    top: Cgroup,
    mount_points: Vec<PathBuf>,
}

impl RealTree {
    /// Returns `None` if this user may not create cgroups.
    fn new() -> Outcome<Option<Self>> {
        let Some(top) = cgroups::create(&format!("insightd-bench-{}", std::process::id())) else {
            return Ok(None);
        };
        let mut tree = Self { host: tempfile::tempdir()?, top, mount_points: Vec::new() };
        tree.mount()?;
        for pod in (0..PODS).map(pod_path) {
            for at in 0..CONTAINERS {
                let path = format!("{}/{pod}/{}", tree.top.path(), container_name(at));
                let container = cgroups::create(&path).ok_or("cannot create a cgroup")?;
                // this process passes through every container, so that none looks unused
                container.add_task_by_tgid(this_process())?;
            }
        }
        tree.top.remove_task_by_tgid(this_process())?;
        Ok(Some(tree))
    }

    /// Mounts the top cgroup of each hierarchy into the host tree, and writes the mount list.
    fn mount(&mut self) -> Outcome<()> {
        let at = self.host.path().join("sys/fs/cgroup");
        let mut mountinfo = String::new();
        if self.top.v2() {
            mountinfo.push_str("0 1 0:0 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
            let from = cgroups::directories(&self.top).remove(0);
            self.bind(&from, at)?;
        } else {
            for (index, controller) in cgroups::V1_CONTROLLERS.into_iter().enumerate() {
                mountinfo.push_str(&format!(
                    "{index} 1 0:{index} / /sys/fs/cgroup/{controller} rw - cgroup cgroup rw,{controller}\n"
                ));
                let from = cgroups::directory(&self.top, controller).ok_or("a controller is missing")?;
                self.bind(&from, at.join(controller))?;
            }
        }
        host_files(self.host.path(), &mountinfo)
    }

    fn bind(&mut self, from: &Path, to: PathBuf) -> Outcome<()> {
        fs::create_dir_all(&to)?;
        if !Command::new("mount").arg("--bind").args([from, &to]).status()?.success() {
            return Err("mount --bind failed".into());
        }
        self.mount_points.push(to);
        Ok(())
    }
}

impl Drop for RealTree {
    fn drop(&mut self) {
        let _ = self.top.remove_task_by_tgid(this_process());
        for point in &self.mount_points {
            let _ = Command::new("umount").arg(point).status();
        }
        for directory in cgroups::directories(&self.top) {
            cgroups::remove_tree(&directory);
        }
    }
}

fn this_process() -> CgroupPid {
    CgroupPid::from(u64::from(std::process::id()))
}
