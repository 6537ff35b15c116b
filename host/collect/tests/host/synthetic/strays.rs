//! Containers whose cgroups are not below their pods'.

use insightd_collect::Collector;
use insightd_collect::cgroup::path::PodKind;

use super::{A, B, Host};
use crate::view::{View, collector, sample};

const POD: &str = "kubepods.slice/kubepods-podx.slice";
const SERVICE: &str = "system.slice/containerd.service";

/// Creates a host with a pod whose cgroup is empty.
fn host() -> Host {
    let host = Host::v2();
    host.remove(&format!("sys/fs/cgroup/{POD}"));
    host.cgroup(POD, "0");
    host
}

fn named(id: &str) -> String {
    format!("{SERVICE}/kubepods-podx.slice:cri-containerd:{id}")
}

fn usage(view: &View, path: &str) -> Option<(u64, Option<u64>)> {
    let counter = view.find("cgroup", path)?.counter("cpu.usage_ns");
    counter.map(|(current, previous)| (current, previous.map(|(value, _)| value)))
}

fn told(view: &View) -> Vec<&str> {
    view.report.problems.iter().map(|problem| problem.error.as_str()).collect()
}

#[test]
fn a_container_below_the_runtimes_service_belongs_to_its_pod() {
    let host = host();
    host.cgroup(&named(A), "600");
    // its network represents the pod's
    host.file(&format!("sys/fs/cgroup/{}/cgroup.procs", named(A)), "40\n");
    host.file("proc/40/cgroup", &format!("0::/{}\n", named(A)));
    host.net(40, "eth0:7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n");
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    let container = view.find("cgroup", &named(A)).unwrap();
    assert_eq!(container.parent().unwrap().id(), POD);
    assert_eq!(container.current("cpu.usage_ns"), Some(600_000));
    for (key, value) in [
        ("cgroup.role", "container"),
        ("pod.uid", "x"),
        ("pod.qos", "guaranteed"),
        ("container.id", A),
        ("container.runtime", "containerd"),
    ] {
        assert_eq!(container.attribute(key), Some(value));
    }
    assert_eq!(view.find("cgroup", POD).unwrap().children("interface").len(), 1);

    // a new container next to it appears at the next tick, as created since
    host.cgroup(&named(A), "700");
    host.cgroup(&named(B), "5");
    let view = sample(&mut collector);
    assert_eq!(usage(&view, &named(A)), Some((700_000, Some(600_000))));
    assert_eq!(usage(&view, &named(B)), Some((5_000, Some(0))));
    assert_eq!(view.report.cgroups, 3);
    host.remove(&format!("sys/fs/cgroup/{}", named(A)));
    assert_eq!(usage(&sample(&mut collector), &named(A)), None);
}

#[test]
fn bare_container_ids_need_the_list_of_the_kubelet() {
    let host = host();
    let kata = format!("kata_{B}");
    host.cgroup(A, "600");
    host.cgroup(&kata, "700");
    host.cgroup(&"c".repeat(64), "800");
    let mut collector = collector(host.path());
    assert_eq!(sample(&mut collector).report.cgroups, 1);
    collector.expect(PodKind::Pod(None), [(A, "x"), (B, "y")]);
    let found = |collector: &mut Collector| {
        let view = sample(collector);
        (usage(&view, A), usage(&view, &kata), view.report.containers_without_cgroup, told(&view).len())
    };
    let ticks: Vec<_> = (0..4).map(|_| found(&mut collector)).collect();
    let first = ticks.iter().position(|tick| tick.0.is_some()).expect("found after a few ticks");
    assert_eq!(ticks[first], (Some((600_000, None)), Some((700_000, None)), 0, 0));
    let view = sample(&mut collector);
    assert_eq!(view.find("cgroup", A).unwrap().parent().unwrap().id(), POD);
    let lone = view.find("cgroup", &kata).unwrap();
    assert_eq!((lone.parent().unwrap().kind(), lone.attribute("pod.uid")), ("node", Some("y")));
    assert_eq!(lone.attribute("pod.qos"), None);
    assert_eq!(usage(&view, &kata), Some((700_000, Some(700_000))));
    assert!(view.find("cgroup", &"c".repeat(64)).is_none());
}

#[test]
fn a_listed_container_without_a_cgroup_is_reported_once() {
    let host = Host::v2();
    let missing = "d".repeat(64);
    let mut collector = collector(host.path());
    collector.expect(PodKind::Pod(None), [(A, "x"), (missing.as_str(), "u-1")]);
    let mut all = Vec::new();
    let mut counts = Vec::new();
    for _ in 0..6 {
        let view = sample(&mut collector);
        all.extend(told(&view).into_iter().map(str::to_owned));
        counts.push(view.report.containers_without_cgroup);
    }
    let expected = format!("1 running containers without a cgroup, such as {missing} of pod u-1");
    assert_eq!(all, [expected]);
    // a container may end, or start, between the kubelet's response and the next tick
    assert_eq!((counts[0], counts[5]), (0, 1));
    collector.expect(PodKind::Pod(None), []);
    assert_eq!(sample(&mut collector).report.containers_without_cgroup, 0);
}
