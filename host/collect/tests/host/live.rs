//! Tests on this machine: cgroups created by the test, with busy processes in them, and the machine's own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use insightd_collect::{Collector, HostRoot, Settings};

use crate::view::{Seen, View, collector, sample, settings};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const CONTROLLERS: [&str; 5] = ["cpuacct", "memory", "cpu", "blkio", "pids"];

/// Cgroups below directories of their own; dropping the value removes them and the processes in them.
struct Cgroups {
    tops: Vec<PathBuf>,
    /// Uid of the pod, unique: a pod below several roots counts once, and other tests run on this machine at the same time.
    uid: String,
    children: Vec<Child>,
    mounts: Vec<PathBuf>,
}

impl Cgroups {
    fn new(tops: Vec<PathBuf>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let uid = format!("0a1b2c3d-{count:04x}-4000-8000-{:012x}", std::process::id());
        Self { tops, uid, children: Vec::new(), mounts: Vec::new() }
    }

    /// Creates the pod and container at that path in each hierarchy.
    fn make(&self, path: &str) {
        for top in &self.tops {
            fs::create_dir_all(top.join(path)).unwrap();
        }
    }

    fn run(&mut self, path: &str, program: &str, arguments: &[&str]) -> u32 {
        let child = Command::new(program).args(arguments).spawn().unwrap();
        let process = child.id();
        self.children.push(child);
        for top in &self.tops {
            fs::write(top.join(path).join("cgroup.procs"), process.to_string()).unwrap();
        }
        process
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for point in &self.mounts {
            let _ = Command::new("umount").arg(point).status();
        }
        self.tops.iter().for_each(|top| remove(top));
    }
}

/// Removes a cgroup tree from the bottom up; the files in a cgroup go with it. A dead process leaves its cgroup with a delay.
fn remove(directory: &Path) {
    let below = fs::read_dir(directory).into_iter().flatten().flatten();
    below.map(|entry| entry.path()).filter(|path| path.is_dir()).for_each(|path| remove(&path));
    for _ in 0..200 {
        if fs::remove_dir(directory).is_ok() || !directory.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn v1(test: &str) -> Option<Cgroups> {
    let name = format!("insightd-test-{test}-{}", std::process::id());
    let tops = CONTROLLERS.map(|controller| Path::new("/sys/fs/cgroup").join(controller).join(&name));
    let cgroups = Cgroups::new(tops.to_vec());
    let usable = |top: &PathBuf| {
        top.parent().is_some_and(|parent| parent.join("cgroup.clone_children").exists())
            && fs::create_dir(top).is_ok()
    };
    if tops.iter().all(usable) {
        return Some(cgroups);
    }
    eprintln!(
        "SKIPPED: {test}: needs root and cgroup v1 hierarchies of {CONTROLLERS:?} below /sys/fs/cgroup"
    );
    None
}

fn number(path: PathBuf) -> u64 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

fn keyed(path: PathBuf, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok()).unwrap()
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Waits for an effect of a newly started process, which takes longer on a busy machine.
fn wait_for(there: impl Fn() -> bool) {
    for _ in 0..6000 {
        if there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("did not happen within 30 s");
}

/// Stops a process and waits until the kernel shows it as stopped.
fn freeze(process: u32) {
    signal(process, "-STOP");
    wait_for(|| fs::read_to_string(format!("/proc/{process}/stat")).unwrap().contains(") T "));
}

/// Returns a sample, and a value that was the same right before and right after it. The kernel completes some accounts of a
/// stopped process with a delay: its last CPU time, pages that are freed late.
fn at_rest<T: PartialEq>(collector: &mut Collector, read: impl Fn() -> T) -> (View, T) {
    for _ in 0..6000 {
        let before = read();
        let view = sample(collector);
        if read() == before {
            return (view, before);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not at rest within 30 s");
}

/// Returns the cgroup at that path below the test's own directory: other tests have pods on this machine as well.
fn of<'v>(view: &'v View, cgroups: &Cgroups, path: &str) -> Seen<'v> {
    let top = cgroups.tops[0].file_name().unwrap().to_str().unwrap();
    view.find("cgroup", &format!("{top}/{path}")).unwrap()
}

#[test]
fn a_busy_container_of_v1() {
    let Some(mut cgroups) = v1("busy") else { return };
    let uid = cgroups.uid.clone();
    let pod_path = format!("kubepods/burstable/pod{uid}");
    let path = format!("{pod_path}/{A}");
    cgroups.make(&path);
    let file = |controller: usize, name: &str| cgroups.tops[controller].join(&path).join(name);
    fs::write(file(2, "cpu.cfs_quota_us"), "40000").unwrap();
    fs::write(file(2, "cpu.shares"), "77").unwrap();
    fs::write(file(1, "memory.limit_in_bytes"), "67108864").unwrap();
    fs::write(file(4, "pids.max"), "50").unwrap();
    let (usage, faults) = (file(0, "cpuacct.usage"), file(1, "memory.stat"));
    let (memory, throttled) = (file(1, "memory.usage_in_bytes"), file(2, "cpu.stat"));
    let work = "x=$(head -c 5000000 /dev/zero | tr '\\0' a); while :; do :; done";
    let process = cgroups.run(&path, "sh", &["-c", work]);
    wait_for(|| number(usage.clone()) > 0);
    let mut collector = collector("/");
    let first = sample(&mut collector);
    // long enough for some periods of the quota
    wait_for(|| keyed(throttled.clone(), "nr_throttled") >= 3);

    let before = (number(usage.clone()), keyed(faults.clone(), "pgfault"));
    let view = sample(&mut collector);
    let after = (number(usage.clone()), keyed(faults, "pgfault"));
    let container = of(&view, &cgroups, &path);
    let (current, previous) = container.counter("cpu.usage_ns").unwrap();
    assert!(before.0 <= current && current <= after.0);
    let (previous, elapsed) = previous.unwrap();
    assert_eq!(Some(previous), of(&first, &cgroups, &path).current("cpu.usage_ns"));
    assert!(previous < current && elapsed > 0);
    let pgfault = container.current("memory.pgfault").unwrap();
    assert!(before.1 <= pgfault && pgfault <= after.1);
    assert!(container.current("cpu.throttled_periods").unwrap() >= 3);
    assert_eq!(container.attribute("pod.uid"), Some(uid.as_str()));
    assert_eq!(container.gauge("cpu.quota_millicores"), Some(400.0));
    assert_eq!(container.gauge("cpu.shares"), Some(77.0));
    assert_eq!(container.gauge("memory.limit_bytes"), Some(67_108_864.0));
    assert_eq!(container.gauge("pids.limit"), Some(50.0));
    assert_eq!(container.gauge("memory.soft_limit_bytes"), None);

    freeze(process);
    let (view, (usage, memory)) = at_rest(&mut collector, || (number(usage.clone()), number(memory.clone())));
    let container = of(&view, &cgroups, &path);
    assert_eq!(container.current("cpu.usage_ns"), Some(usage));
    assert_eq!(container.gauge("memory.usage_bytes"), Some(memory as f64));
    let pod = of(&view, &cgroups, &pod_path);
    assert_eq!(pod.current("cpu.usage_ns"), Some(usage), "the pod has nothing else in it");
    assert_eq!(pod.gauge("cpu.quota_millicores"), None);
}

#[test]
fn an_empty_container_and_one_made_anew_under_its_name() {
    let Some(mut cgroups) = v1("anew") else { return };
    let uid = cgroups.uid.clone();
    let (busy, empty) = (format!("kubepods/pod{uid}/{A}"), format!("kubepods/pod{uid}/{B}"));
    cgroups.make(&busy);
    cgroups.make(&empty);
    cgroups.run(&busy, "sh", &["-c", "while :; do :; done"]);
    let usage = cgroups.tops[0].join(&busy).join("cpuacct.usage");
    wait_for(|| number(usage.clone()) > 0);
    let mut collector = collector("/");
    sample(&mut collector);
    let view = sample(&mut collector);
    assert_eq!(of(&view, &cgroups, &empty).figures(), [""; 0], "nothing ever ran in it");
    assert!(of(&view, &cgroups, &busy).counter("cpu.usage_ns").unwrap().1.is_some());

    let mut child = cgroups.children.pop().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    cgroups.tops.iter().for_each(|top| remove(&top.join(&busy)));
    cgroups.make(&busy);
    cgroups.run(&busy, "sh", &["-c", "while :; do :; done"]);
    wait_for(|| number(usage.clone()) > 0);
    let view = sample(&mut collector);
    let (_, previous) = of(&view, &cgroups, &busy).counter("cpu.usage_ns").unwrap();
    assert_eq!(previous.map(|(value, _)| value), Some(0), "another cgroup, born since");
}

/// Containers come and go during the reads: no problem is reported, and no rate comes from a race.
#[test]
fn cgroups_that_vanish_while_they_are_read() {
    let Some(cgroups) = v1("vanish") else { return };
    let uid = cgroups.uid.clone();
    let path = |index: usize| format!("kubepods/pod{uid}/{}{}", &A[2..], ["aa", "bb", "cc", "dd"][index]);
    cgroups.make(&format!("kubepods/pod{uid}/{B}"));
    let top = cgroups.tops[0].file_name().unwrap().to_str().unwrap().to_owned();
    let mut collector = collector("/");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for index in 0..4 {
                    cgroups.make(&path(index));
                }
                for index in 0..4 {
                    for top in &cgroups.tops {
                        // removal succeeds even while the cgroup is read
                        let _ = fs::remove_dir(top.join(path(index)));
                    }
                }
            }
        });
        for _ in 0..200 {
            let view = sample(&mut collector);
            let ours = view.report.problems.iter().filter(|problem| problem.path.contains(&top));
            let ours: Vec<_> = ours.collect();
            assert!(
                ours.is_empty() || {
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                    false
                },
                "{ours:?}"
            );
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    for index in 0..4 {
        cgroups.tops.iter().for_each(|top| remove(&top.join(path(index))));
    }
}

#[test]
fn networks_of_live_pods() {
    let Some(mut cgroups) = v1("network") else { return };
    let uid = cgroups.uid.clone();
    let other = format!("kubepods/besteffort/podshared-{uid}");
    let (own, shared) = (format!("kubepods/pod{uid}/{A}"), format!("{other}/{B}"));
    cgroups.make(&own);
    cgroups.make(&shared);
    cgroups.run(&shared, "sleep", &["1000"]);
    let process = cgroups.run(&own, "unshare", &["--net", "sleep", "1000"]);
    let inode = |path: String| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let ours = inode("/proc/self/net/dev".to_owned());
    // wait until unshare has switched the namespace
    wait_for(|| inode(format!("/proc/{process}/net/dev")) != ours);
    let settings = Settings { interface_exclude: Vec::new(), ..settings() };
    let mut collector = Collector::new(HostRoot::open("/").unwrap(), settings).unwrap();
    let view = sample(&mut collector);
    let pod = of(&view, &cgroups, &format!("kubepods/pod{uid}"));
    assert_eq!(pod.attribute("network.host"), None);
    let names: Vec<_> = pod.children("interface").iter().map(|interface| interface.id()).collect();
    assert!(names.contains(&"lo"), "{names:?}");
    assert_eq!(pod.children("interface")[0].current("network.rx_bytes"), Some(0));
    if ours == inode("/proc/1/net/dev".to_owned()) {
        let pod = of(&view, &cgroups, &other);
        assert_eq!(pod.attribute("network.host"), Some("true"));
        assert_eq!(pod.children("interface").len(), 0);
    } else {
        eprintln!("SKIPPED: host network: process 1 is in another network namespace than this test");
    }
}

/// Bind-mounts the cgroup v2 hierarchy of this machine into a tree of its own, as if it were the only one.
fn v2(test: &str) -> Option<(Cgroups, tempfile::TempDir)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point =
        mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let Some(point) = point else {
        eprintln!("SKIPPED: {test}: no cgroup v2 hierarchy is mounted");
        return None;
    };
    let top = Path::new(point).join(format!("insightd-test-{test}-{}", std::process::id()));
    let mut cgroups = Cgroups::new(vec![top.clone()]);
    let host = tempfile::tempdir().unwrap();
    let directory = host.path().join("sys/fs/cgroup");
    fs::create_dir_all(&directory).unwrap();
    let bound = fs::create_dir(&top).is_ok()
        && Command::new("mount")
            .arg("--bind")
            .args([&top, &directory])
            .status()
            .is_ok_and(|status| status.success());
    if !bound {
        eprintln!("SKIPPED: {test}: needs root to make cgroups below {point} and to mount");
        return None;
    }
    cgroups.mounts.push(directory);
    fs::create_dir_all(host.path().join("proc/1/net")).unwrap();
    for file in ["meminfo", "cpuinfo", "1/net/dev"] {
        fs::copy(Path::new("/proc").join(file), host.path().join("proc").join(file)).unwrap();
    }
    fs::write(host.path().join("proc/1/mountinfo"), "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .unwrap();
    Some((cgroups, host))
}

#[test]
fn a_busy_container_of_v2() {
    let Some((mut cgroups, host)) = v2("v2") else { return };
    let uid = cgroups.uid.clone();
    let slice = format!(
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        uid.replace('-', "_")
    );
    let path = format!("{slice}/cri-containerd-{A}.scope");
    cgroups.make(&path);
    let process = cgroups.run(&path, "sh", &["-c", "while :; do :; done"]);
    let stat = cgroups.tops[0].join(&path).join("cpu.stat");
    let mut collector = collector(host.path());
    sample(&mut collector);
    wait_for(|| keyed(stat.clone(), "user_usec") >= 1000);
    freeze(process);
    let (view, (usage, user)) =
        at_rest(&mut collector, || (keyed(stat.clone(), "usage_usec"), keyed(stat.clone(), "user_usec")));
    view.no_problems();
    assert_eq!(view.node().attribute("cgroup.version"), Some("2"));
    let container = view.find("cgroup", &path).unwrap();
    assert_eq!(container.current("cpu.usage_ns"), Some(usage * 1000));
    assert_eq!(container.current("cpu.user_ns"), Some(user * 1000));
    assert_eq!(container.attribute("container.runtime"), Some("containerd"));
    assert_eq!(view.find("cgroup", &slice).unwrap().attribute("pod.uid"), Some(uid.as_str()));
    if cgroups.tops[0].join(&path).join("memory.current").exists() {
        assert!(container.gauge("memory.usage_bytes").is_some());
    } else {
        assert_eq!(container.gauge("memory.usage_bytes"), None, "the controller is not enabled here");
    }
}

#[test]
fn figures_of_this_machine() {
    let mut collector = collector("/");
    let view = sample(&mut collector);
    let node = view.node();
    // SAFETY: all-zero bytes are a valid value of this plain struct.
    let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writes for the whole call.
    assert_eq!(unsafe { libc::sysinfo(&raw mut info) }, 0);
    let total = info.totalram * u64::from(info.mem_unit);
    assert_eq!(node.gauge("node.memory_total_bytes"), Some(total as f64));
    // SAFETY: `sysconf` does not access memory of the caller.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    assert_eq!(node.gauge("node.cpu_count"), Some(processors as f64));
    let available = node.gauge("node.memory_available_bytes").unwrap();
    assert!(available > 0.0 && available <= total as f64);
}

#[test]
fn the_root_file_system_of_this_machine() {
    let mut collector = collector("/");
    let view = sample(&mut collector);
    let filesystems = view.of_kind("filesystem");
    let root: Vec<_> = filesystems.iter().filter(|one| one.attribute("mount.point") == Some("/")).collect();
    assert_eq!(root.len(), 1);
    // SAFETY: all-zero bytes are a valid value of this plain struct.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in a zero byte and `stat` is valid for writes for the whole call.
    assert_eq!(unsafe { libc::statvfs(c"/".as_ptr(), &raw mut stat) }, 0);
    assert_eq!(root[0].gauge("fs.capacity_bytes"), Some((stat.f_blocks * stat.f_frsize) as f64));
    assert_eq!(root[0].gauge("fs.inodes"), (stat.f_files > 0).then_some(stat.f_files as f64));
    let (free, available) =
        (root[0].gauge("fs.free_bytes").unwrap(), root[0].gauge("fs.available_bytes").unwrap());
    assert!(available <= free);
    assert!(!filesystems.iter().any(|one| one.attribute("mount.point") == Some("/dev/shm")));
    assert_eq!(collector.hanging_filesystems(), 0);
}

#[test]
fn interfaces_of_this_machine() {
    let view = sample(&mut collector("/"));
    let listed = fs::read_to_string("/proc/1/net/dev").unwrap();
    let mut names: Vec<_> =
        listed.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect();
    names.retain(|name| {
        *name != "lo" && !["veth", "docker", "nerdctl"].iter().any(|start| name.starts_with(start))
    });
    let node = view.node();
    let seen: Vec<_> = node.children("interface").iter().map(|interface| interface.id()).collect();
    assert_eq!(seen, names);
}

#[test]
fn another_parser_reads_the_same_from_this_machines_files() {
    use insightd_collect::proc::{meminfo, mountinfo, net_dev};
    use procfs_core::FromBufRead;

    let read = |name: &str| fs::read(Path::new("/proc/self").join(name)).unwrap();
    let text = read("mountinfo");
    let mut ours = Vec::new();
    let skipped = mountinfo::each(&text, |mount| {
        ours.push((mount.device.to_string(), mount.point.into_owned(), mount.fs_type.to_owned()));
    });
    assert_eq!(skipped, None);
    let theirs = procfs_core::process::MountInfos::from_buf_read(&text[..]).unwrap();
    let theirs: Vec<_> = theirs
        .into_iter()
        .map(|mount| (mount.majmin, mount.mount_point.to_str().unwrap().to_owned(), mount.fs_type))
        .collect();
    assert_eq!(ours, theirs);

    let text = read("net/dev");
    let theirs = procfs_core::net::InterfaceDeviceStatus::from_buf_read(&text[..]).unwrap().0;
    let mut count = 0;
    let skipped = net_dev::each(&text, |ours| {
        let theirs = &theirs[ours.name];
        assert_eq!((ours.rx_bytes, ours.rx_packets), (theirs.recv_bytes, theirs.recv_packets));
        assert_eq!((ours.rx_errors, ours.rx_dropped), (theirs.recv_errs, theirs.recv_drop));
        assert_eq!((ours.tx_bytes, ours.tx_packets), (theirs.sent_bytes, theirs.sent_packets));
        assert_eq!((ours.tx_errors, ours.tx_dropped), (theirs.sent_errs, theirs.sent_drop));
        count += 1;
    });
    assert_eq!(skipped, None);
    assert_eq!(count, theirs.len());

    let text = fs::read("/proc/meminfo").unwrap();
    let theirs = procfs_core::Meminfo::from_buf_read(&text[..]).unwrap();
    let ours = meminfo::parse(&text).value;
    assert_eq!((ours.total, ours.available), (Some(theirs.mem_total), theirs.mem_available));
    assert_eq!(ours.swap_used, Some(theirs.swap_total - theirs.swap_free));
}
