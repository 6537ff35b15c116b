//! ECS tasks in cgroups of this machine's version, at the paths that the agent of ECS gives them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use cgroups_rs::cpu::CpuController;
use cgroups_rs::memory::MemController;
use insightd_collect::{Collector, HostRoot, Settings};

use super::cgroups::{TestCgroups, cpu_usage_ns, memory_bytes, task_id};
use super::{A, B, freeze, sample_at_rest, wait_for};
use crate::view::{sample, settings};

#[test]
fn a_task_has_the_values_limits_and_networks_of_its_cgroups() {
    let Some(mut cgroups) = TestCgroups::new("task") else { return };
    let id = task_id();
    let task_path = format!("ecs/{id}");
    let paths = [A, B].map(|container| format!("{task_path}/{container}"));
    let task = cgroups.create(&task_path);
    // a quarter of a vCPU and 64 MiB, as the agent of ECS sets them from a task definition
    task.controller_of::<CpuController>().unwrap().set_cfs_quota(25_000).unwrap();
    task.controller_of::<MemController>().unwrap().set_limit(64 << 20).unwrap();
    let containers = paths.each_ref().map(|path| cgroups.create(path));
    let allocate = "x=$(head -c 5000000 /dev/zero | tr '\\0' a); while :; do :; done";
    let busy = cgroups.run(&containers[0], "sh", &["-c", allocate]);
    // bridge mode: the second container has a network of its own
    let apart = cgroups.run(&containers[1], "unshare", &["--net", "sleep", "1000"]);
    let namespace = |process: u32| fs::metadata(format!("/proc/{process}/net/dev")).unwrap().ino();
    let ours = namespace(std::process::id());
    wait_for(|| namespace(apart) != ours && cpu_usage_ns(&containers[0]) > 0);
    let settings = Settings { interface_exclude: Vec::new(), ..settings() };
    let mut collector = Collector::new(HostRoot::open("/").unwrap(), settings).unwrap();
    let first = sample(&mut collector);
    let before = cgroups.entity(&first, &paths[0]).current("cpu.usage_ns").unwrap();
    wait_for(|| cpu_usage_ns(&containers[0]) > before);
    let second = sample(&mut collector);
    let (current, previous) = cgroups.entity(&second, &paths[0]).counter("cpu.usage_ns").unwrap();
    assert!(current > before);
    assert_eq!(previous.map(|(value, _)| value), Some(before));
    freeze(busy);
    let read = || (cpu_usage_ns(&task), memory_bytes(&task), cpu_usage_ns(&containers[0]));
    let (view, (task_usage, task_memory, usage)) = sample_at_rest(&mut collector, read);
    let entity = cgroups.entity(&view, &task_path);
    assert_eq!(
        (entity.attribute("cgroup.role"), entity.attribute("task.id")),
        (Some("task"), Some(id.as_str()))
    );
    assert_eq!(entity.current("cpu.usage_ns"), Some(task_usage));
    assert_eq!(entity.gauge("memory.usage_bytes"), Some(task_memory as f64));
    assert_eq!(entity.gauge("cpu.quota_millicores"), Some(250.0));
    assert_eq!(entity.gauge("memory.limit_bytes"), Some((64 << 20) as f64));
    let container = cgroups.entity(&view, &paths[0]);
    assert_eq!(container.current("cpu.usage_ns"), Some(usage));
    assert_eq!(container.parent().unwrap().id(), entity.id());
    // the kernel counts nothing in a network without traffic: its loopback interface is down
    let apart = cgroups.entity(&view, &paths[1]);
    let received: Vec<_> =
        apart.children("interface").iter().map(|one| one.current("network.rx_bytes")).collect();
    assert!(!received.is_empty() && received.iter().all(|bytes| *bytes == Some(0)), "{received:?}");
    if ours == namespace(1) {
        assert_eq!(container.attribute("network.host"), Some("true"));
        assert_eq!(container.children("interface").len(), 0);
    }
}
