//! Relations between the node's interfaces, and the network of a pod.

use std::fs;
use std::os::unix::fs::symlink;

use super::{A, B, Host, container};
use crate::view::{View, collector, sample};

const POD: &str = "kubepods.slice/kubepods-podx.slice";
const COUNTS: &str = "7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0";

impl Host {
    /// Writes the node's interfaces into `/proc/1/net/dev`.
    fn interfaces(&self, names: &[&str]) {
        self.net(1, &names.iter().map(|name| format!("{name}:{COUNTS}\n")).collect::<String>());
    }

    /// Creates the directory of an interface as in sysfs, with a symbolic link to it.
    fn device(&self, name: &str, files: &[(&str, &str)], links: &[(&str, &str)]) {
        let path = self.path().join("sys/devices/virtual/net").join(name);
        fs::create_dir_all(&path).unwrap();
        self.file(&format!("sys/devices/virtual/net/{name}/uevent"), &format!("INTERFACE={name}\n"));
        for (file, text) in files {
            self.file(&format!("sys/devices/virtual/net/{name}/{file}"), text);
        }
        for (link, target) in links {
            symlink(target, path.join(link)).unwrap();
        }
        let entry = self.path().join("sys/class/net").join(name);
        fs::create_dir_all(entry.parent().unwrap()).unwrap();
        if !entry.is_symlink() {
            symlink(format!("../../devices/virtual/net/{name}"), entry).unwrap();
        }
    }

    /// Creates a process in the network namespace of another one.
    pub(super) fn joins(&self, process: u32, other: u32) {
        fs::create_dir_all(self.path().join(format!("proc/{process}/net"))).unwrap();
        let dev = |process| self.path().join(format!("proc/{process}/net/dev"));
        fs::hard_link(dev(other), dev(process)).unwrap();
    }

    /// Creates a process in a namespace of its own, with this number of received bytes.
    pub(super) fn apart(&self, process: u32, bytes: u32) {
        self.net(process, &format!("eth0:{bytes} 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n"));
    }

    pub(super) fn processes(&self, cgroup: &str, processes: &str) {
        self.file(&format!("sys/fs/cgroup/{cgroup}/cgroup.procs"), processes);
        for process in processes.split_whitespace().filter(|process| *process != "0") {
            self.file(&format!("proc/{process}/cgroup"), &format!("0::/{cgroup}\n"));
        }
    }
}

/// Returns kind, master and lower interfaces.
fn relation<'v>(view: &'v View, name: &str) -> [Option<&'v str>; 3] {
    let interface = view.find("interface", name).unwrap();
    ["interface.kind", "interface.master", "interface.over"].map(|key| interface.attribute(key))
}

fn received(view: &View) -> Option<u64> {
    let pod = view.find("cgroup", POD).unwrap();
    let interfaces = pod.children("interface");
    assert!(interfaces.len() < 2);
    interfaces.first().and_then(|interface| interface.current("network.rx_bytes"))
}

#[test]
fn interfaces_have_a_kind_and_lower_interfaces() {
    let host = Host::v2();
    host.interfaces(&["ens1", "ens2", "agg", "agg.5", "lan", "vpn", "ip0", "plain", "vethx"]);
    host.file("sys/class/net/bonding_masters", "agg\n");
    let card = ("device", "../../../pci0000:00/0000:00:05.0");
    host.device("ens1", &[("type", "1\n")], &[card, ("master", "../agg")]);
    // not all kernels have the `master` link: the bond lists its ports
    host.device("ens2", &[("type", "1\n")], &[card]);
    host.device(
        "agg",
        &[("bonding/slaves", "ens1 ens2\n"), ("type", "1\n")],
        &[("lower_ens1", "../ens1"), ("lower_ens2", "../ens2"), ("upper_agg.5", "../agg.5")],
    );
    let kind = |kind: &str| format!("DEVTYPE={kind}\nINTERFACE=x\nIFINDEX=9\n");
    host.device("agg.5", &[("uevent", &kind("vlan"))], &[("lower_agg", "../agg")]);
    host.device("lan", &[("uevent", &kind("bridge")), ("bridge/stp_state", "0")], &[("lower_vethx", "../x")]);
    host.device("vpn", &[("tun_flags", "0x1001\n"), ("type", "65534\n")], &[]);
    host.device("ip0", &[("type", "768\n")], &[]);
    host.device("plain", &[("uevent", &kind("a/../b")), ("type", "1\n")], &[]);
    let view = sample(&mut collector(host.path()));
    view.no_problems();
    for (name, expected) in [
        ("ens1", [Some("hardware"), Some("agg"), None]),
        ("ens2", [Some("hardware"), Some("agg"), None]),
        ("agg", [Some("bond"), None, Some("ens1,ens2")]),
        ("agg.5", [Some("vlan"), None, Some("agg")]),
        ("lan", [Some("bridge"), None, None]),
        ("vpn", [Some("tun"), None, None]),
        ("ip0", [Some("tunnel"), None, None]),
        ("plain", [None, None, None]),
    ] {
        assert_eq!(relation(&view, name), expected, "{name}");
    }
}

#[test]
fn changed_relations_of_an_interface_show_after_a_few_ticks() {
    let host = Host::v2();
    host.interfaces(&["ens1"]);
    host.device("ens1", &[], &[]);
    let mut collector = collector(host.path());
    assert_eq!(relation(&sample(&mut collector), "ens1"), [None; 3]);
    symlink("../agg", host.path().join("sys/devices/virtual/net/ens1/master")).unwrap();
    let ticks = (0..20).find(|_| relation(&sample(&mut collector), "ens1")[1] == Some("agg"));
    assert!(ticks.is_some_and(|ticks| ticks > 0), "it is not asked at every tick");
}

#[test]
fn vlans_are_found_in_their_own_list() {
    let host = Host::v2();
    host.interfaces(&["eth0", "storage", "other"]);
    host.file(
        "proc/1/net/vlan/config",
        "VLAN Dev name | VLAN ID\nName-Type: x\nstorage | 7 | eth0\n???\nother | 8 | eth0\n",
    );
    host.device("eth0", &[], &[("device", "../pci")]);
    let view = sample(&mut collector(host.path()));
    assert_eq!(relation(&view, "storage"), [Some("vlan"), None, Some("eth0")]);
    assert_eq!(relation(&view, "other"), [Some("vlan"), None, Some("eth0")]);
    assert_eq!(relation(&view, "eth0"), [Some("hardware"), None, None]);
    let [problem] = &view.report.problems[..] else { panic!("{:?}", view.report.problems) };
    assert_eq!((problem.path.as_str(), &problem.error[..7]), ("/proc/1/net/vlan/config", "line 4:"));
}

#[test]
fn interfaces_beyond_the_bound_are_reported() {
    let host = Host::v2();
    host.interfaces(&["team"]);
    let lower: Vec<String> = (0..70).map(|number| format!("lower_ens{number:02}")).collect();
    let links: Vec<(&str, &str)> = lower.iter().map(|name| (name.as_str(), "../ens")).collect();
    host.device("team", &[], &links);
    let ports: Vec<String> = (0..66).map(|number| format!("p{number:02}")).collect();
    host.device("bond", &[("bonding/slaves", &ports.join(" "))], &[]);
    let view = sample(&mut collector(host.path()));
    let over = relation(&view, "team")[2].unwrap();
    assert_eq!((over.split(',').count(), over.split(',').next()), (64, Some("ens00")));
    let mut problems: Vec<(&str, &str)> =
        view.report.problems.iter().map(|problem| (problem.path.as_str(), problem.error.as_str())).collect();
    problems.sort_unstable();
    let beyond = ["2 lower interfaces skipped: more than 64", "6 lower interfaces skipped: more than 64"];
    assert_eq!(problems, [("/sys/class/net/bond", beyond[0]), ("/sys/class/net/team", beyond[1])]);
}

#[test]
fn a_pod_has_at_most_64_interfaces_and_the_node_2048() {
    let host = Host::v2();
    let rows =
        |count: usize| (0..count).map(|number| format!("dummy{number}:{COUNTS}\n")).collect::<String>();
    // an excluded interface takes no place
    host.net(40, &format!("lo:{COUNTS}\n{}", rows(70)));
    host.net(1, &rows(2050));
    host.processes(&container(A), "40\n");
    let view = sample(&mut collector(host.path()));
    let pod = view.find("cgroup", POD).unwrap();
    let interfaces = pod.children("interface");
    assert_eq!((interfaces.len(), interfaces[63].id()), (64, "dummy63"));
    assert_eq!(view.node().children("interface").len(), 2048);
    let problems: Vec<(&str, &str)> =
        view.report.problems.iter().map(|problem| (problem.path.as_str(), problem.error.as_str())).collect();
    let of_node = ("/proc/1/net/dev", "2 interfaces skipped: more than 2048");
    assert_eq!(problems, [of_node, ("/proc/40/net/dev", "6 interfaces skipped: more than 64")]);
}

/// A process of docker-in-docker comes first in the list of processes.
#[test]
fn a_nested_namespace_does_not_represent_the_pod() {
    for hidden in [false, true] {
        let host = Host::v2();
        host.apart(30, 1);
        host.apart(500, 100);
        host.joins(501, 500);
        let (nested, init) = (format!("{}/docker/{B}", container(A)), format!("{}/init.scope", container(A)));
        host.remove(&format!("sys/fs/cgroup/{}", container(B)));
        host.processes(&nested, "30\n");
        host.processes(&init, "500\n501\n");
        if hidden {
            for cgroup in [&nested, &init] {
                host.file(&format!("sys/fs/cgroup/{cgroup}/cgroup.procs"), "0\n");
            }
        }
        let view = sample(&mut collector(host.path()));
        view.no_problems();
        assert_eq!(received(&view), Some(100), "hidden: {hidden}");
    }
}

#[test]
fn the_majority_of_a_containers_topmost_processes_decides() {
    let host = Host::v2();
    host.remove(&format!("sys/fs/cgroup/{}", container(B)));
    host.apart(30, 1);
    host.apart(31, 2);
    host.apart(500, 100);
    host.joins(501, 500);
    // an exporter that called `unshare`, next to the other processes
    host.processes(&container(A), "30\n500\n31\n501\n");
    assert_eq!(received(&sample(&mut collector(host.path()))), Some(100));
}

#[test]
fn the_majority_of_containers_decides_and_the_oldest_breaks_ties() {
    let host = Host::bare("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    // the older one has the later name
    let (first, second) = (container(B), container(A));
    host.cgroups_by_age(&[&first, &second]);
    for cgroup in [&first, &second] {
        host.cgroup(cgroup, "600");
    }
    host.apart(30, 1);
    host.apart(500, 100);
    host.joins(501, 500);
    host.processes(&first, "30\n");
    host.processes(&second, "500\n");
    let mut collector = collector(host.path());
    assert_eq!(received(&sample(&mut collector)), Some(1));
    // a third container: all containers vote again
    let third = container(&"c".repeat(64));
    host.cgroup(&third, "5");
    host.processes(&third, "501\n");
    assert_eq!(received(&sample(&mut collector)), Some(100));
}

#[test]
fn the_choice_is_kept_while_its_process_lives() {
    let host = Host::v2();
    host.apart(30, 1);
    host.apart(500, 100);
    host.processes(&container(A), "500\n");
    host.processes(&container(B), "");
    let mut collector = collector(host.path());
    assert_eq!(received(&sample(&mut collector)), Some(100));
    // no longer the first
    host.processes(&container(A), "30\n500\n");
    assert_eq!(received(&sample(&mut collector)), Some(100));
    // it ended, and its pid belongs to a process outside the pod
    host.file("proc/500/cgroup", "0::/system.slice/x.service\n");
    host.processes(&container(A), "30\n499\n");
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(received(&view), Some(1));
}

#[test]
fn an_unreadable_list_affects_only_its_process() {
    let host = Host::v2();
    host.apart(500, 100);
    // even root cannot read a directory, or open a symbolic link to itself
    fs::create_dir_all(host.path().join("proc/30/net")).unwrap();
    symlink("dev", host.path().join("proc/30/net/dev")).unwrap();
    host.processes(&container(A), "30\n31\n500\n");
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(received(&view), Some(100));
    host.processes(&container(A), "30\n");
    host.processes(&container(B), "30\n");
    host.file("proc/500/cgroup", "0::/elsewhere\n");
    let view = sample(&mut collector);
    assert_eq!(received(&view), None);
    let [problem] = &view.report.problems[..] else { panic!("{:?}", view.report.problems) };
    assert_eq!(problem.path, "/proc/30/net/dev");
}
