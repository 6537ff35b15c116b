//! Cgroups and networks of ECS tasks.

use insightd_collect::cgroup::path::PodKind;

use super::{A, B, Host};
use crate::view::{EntityView, View, collector, sample};

const TASK: &str = "158d1c8083dd49d6b527399fd6414f5c";
const OTHER: &str = "e9028f8d5d8e4f258373e7b93ce9a3c3";

fn host() -> Host {
    Host::bare("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
}

fn slice(task: &str) -> String {
    format!("ecstasks.slice/ecstasks-{task}.slice")
}

fn scope(task: &str, id: &str) -> String {
    format!("{}/docker-{id}.scope", slice(task))
}

fn cgroup<'v>(view: &'v View, path: &str) -> EntityView<'v> {
    view.find("cgroup", path).unwrap_or_else(|| panic!("no cgroup {path}"))
}

fn received(cgroup: EntityView<'_>) -> Option<u64> {
    cgroup.children("interface").first()?.current("network.rx_bytes")
}

#[test]
fn a_task_and_its_containers_are_emitted() {
    let host = host();
    host.cgroup(&slice(TASK), "1000");
    host.cgroup(&scope(TASK, A), "600");
    let mut collector = collector(host.path());
    sample(&mut collector);
    host.cgroup(&slice(TASK), "1500");
    host.cgroup(&scope(TASK, B), "70");
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(view.report.cgroups, 3);
    let task = cgroup(&view, &slice(TASK));
    assert_eq!(task.parent().unwrap().kind(), "node");
    assert_eq!((task.attribute("cgroup.role"), task.attribute("task.id")), (Some("task"), Some(TASK)));
    assert_eq!((task.attribute("pod.uid"), task.attribute("pod.qos")), (None, None));
    let usage = |cgroup: EntityView<'_>| {
        cgroup.counter("cpu.usage_ns").map(|(current, previous)| (current, previous.map(|(value, _)| value)))
    };
    assert_eq!(usage(task), Some((1_500_000, Some(1_000_000))));
    assert_eq!(task.gauge("cpu.quota_millicores"), Some(500.0));
    let container = cgroup(&view, &scope(TASK, B));
    assert_eq!(container.parent().unwrap().id(), slice(TASK));
    assert_eq!(usage(container), Some((70_000, Some(0))), "created since the last tick");
    for (key, value) in [
        ("cgroup.role", "container"),
        ("task.id", TASK),
        ("container.id", B),
        ("container.runtime", "docker"),
    ] {
        assert_eq!(container.attribute(key), Some(value));
    }
}

#[test]
fn older_agents_have_a_directory_for_each_cluster() {
    let host = host();
    host.cgroup(&format!("ecs/{OTHER}"), "10");
    host.cgroup(&format!("ecs/demo/{TASK}"), "1000");
    host.cgroup(&format!("ecs/demo/{TASK}/{A}"), "600");
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    assert_eq!(view.report.cgroups, 3);
    assert_eq!(cgroup(&view, &format!("ecs/demo/{TASK}/{A}")).attribute("task.id"), Some(TASK));
    // tasks that start and stop
    let created = format!("ecs/demo/{}", "0".repeat(32));
    host.cgroup(&created, "20");
    // after the new one, which would else get its inode number, and count as the old one renamed
    host.remove(&format!("sys/fs/cgroup/ecs/{OTHER}"));
    let view = sample(&mut collector);
    view.no_problems();
    assert!(view.find("cgroup", &format!("ecs/{OTHER}")).is_none());
    let (current, previous) = cgroup(&view, &created).counter("cpu.usage_ns").unwrap();
    assert_eq!((current, previous.map(|(value, _)| value)), (20_000, Some(0)));
}

#[test]
fn each_network_of_a_task_is_read_once() {
    let host = host();
    let shared = scope(TASK, &"c".repeat(64));
    host.cgroups_by_age(&[&scope(TASK, A), &scope(TASK, B), &shared]);
    for id in [A, B] {
        host.cgroup(&scope(TASK, id), "600");
        host.cgroup(&scope(OTHER, id), "600");
    }
    host.cgroup(&shared, "5");
    host.cgroup(&slice(TASK), "1");
    host.cgroup(&slice(OTHER), "1");
    // a network of the task's own: the pause container and the two others have the same
    host.processes(&scope(TASK, A), "40\n");
    host.processes(&scope(TASK, B), "41\n42\n");
    host.processes(&shared, "43\n");
    host.apart(40, 7);
    for process in [41, 42, 43] {
        host.joins(process, 40);
    }
    // bridge mode, and a container in the node's network
    host.processes(&scope(OTHER, A), "50\n");
    host.processes(&scope(OTHER, B), "51\n");
    host.apart(50, 9);
    host.joins(51, 1);
    let mut collector = collector(host.path());
    let view = sample(&mut collector);
    view.no_problems();
    let of = |task, id| cgroup(&view, &scope(task, id));
    assert_eq!(received(of(TASK, A)), Some(7), "the oldest container");
    assert_eq!((received(of(TASK, B)), received(cgroup(&view, &shared))), (None, None));
    assert_eq!(of(TASK, B).attribute("network.host"), None);
    assert_eq!(received(of(OTHER, A)), Some(9));
    assert_eq!((received(of(OTHER, B)), of(OTHER, B).attribute("network.host")), (None, Some("true")));
    for task in [TASK, OTHER] {
        assert_eq!(cgroup(&view, &slice(task)).children("interface").len(), 0);
    }
}

#[test]
fn containers_of_tasks_without_limits_are_found_by_their_ids() {
    let host = host();
    host.cgroup(&format!("system.slice/docker-{A}.scope"), "600");
    host.cgroup(&format!("docker/{B}"), "700");
    host.processes(&format!("docker/{B}"), "60\n");
    host.apart(60, 11);
    let mut collector = collector(host.path());
    collector.expect(PodKind::Task, [(A, TASK), (B, TASK)]);
    let view = (0..4)
        .map(|_| sample(&mut collector))
        .find(|view| view.report.cgroups == 2)
        .expect("found after a few ticks");
    view.no_problems();
    let container = cgroup(&view, &format!("docker/{B}"));
    assert_eq!(container.parent().unwrap().kind(), "node");
    assert_eq!(
        (container.attribute("cgroup.role"), container.attribute("task.id")),
        (Some("container"), Some(TASK))
    );
    assert_eq!(received(container), Some(11));
    let container = cgroup(&view, &format!("system.slice/docker-{A}.scope"));
    assert_eq!((container.attribute("task.id"), container.attribute("pod.uid")), (Some(TASK), None));
}

#[test]
fn a_listed_container_without_a_cgroup_names_its_task() {
    let host = host();
    let mut collector = collector(host.path());
    collector.expect(PodKind::Task, [(A, TASK)]);
    let all: Vec<_> = (0..4).flat_map(|_| sample(&mut collector).report.problems).collect();
    let [problem] = &all[..] else { panic!("{all:?}") };
    assert_eq!(problem.error, format!("1 running containers without a cgroup, such as {A} of task {TASK}"));
}

#[test]
fn a_task_may_stop_and_a_container_id_may_be_reused_between_two_reads() {
    let host = host();
    host.cgroup(&slice(TASK), "900000");
    host.cgroup(&scope(TASK, A), "600000");
    host.cgroup(&slice(OTHER), "5000");
    let mut collector = collector(host.path());
    sample(&mut collector);
    // the old directories are there while the new one is created: a new one with an old inode number counts as renamed
    let directory = |path: &str| host.path().join("sys/fs/cgroup").join(path);
    std::fs::rename(directory(&scope(TASK, A)), host.path().join("old")).unwrap();
    host.cgroup(&scope(TASK, A), "700000");
    host.remove(&format!("sys/fs/cgroup/{}", slice(OTHER)));
    host.cgroup(&slice(TASK), "950000");
    let view = sample(&mut collector);
    view.no_problems();
    assert!(view.find("cgroup", &slice(OTHER)).is_none(), "it has stopped");
    let previous = |path: &str| {
        cgroup(&view, path).counter("cpu.usage_ns").and_then(|(_, previous)| previous).map(|(value, _)| value)
    };
    assert_eq!(previous(&scope(TASK, A)), Some(0), "another container with the same id");
    assert_eq!(previous(&slice(TASK)), Some(900_000_000));
}
