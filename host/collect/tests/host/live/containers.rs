//! Containers in cgroups of this machine's version.

use std::sync::atomic::{AtomicBool, Ordering};

use cgroups_rs::MaxValue;
use cgroups_rs::cpu::CpuController;
use cgroups_rs::memory::MemController;
use cgroups_rs::pid::PidController;

use super::cgroups::{TestCgroups, cpu_usage_ns, memory_bytes, page_faults, remove, throttled_periods};
use super::{A, B, freeze, sample_at_rest, wait_for};
use crate::view::{collector, sample};

#[test]
fn a_busy_container_has_the_values_and_limits_of_its_cgroup() {
    let Some(mut cgroups) = TestCgroups::new("busy") else { return };
    let pod_path = format!("kubepods/burstable/pod{}", cgroups.uid);
    let path = format!("{pod_path}/{A}");
    let cgroup = cgroups.create(&path);
    let cpu: &CpuController = cgroup.controller_of().unwrap();
    cpu.set_cfs_quota(40_000).unwrap();
    // v1: `cpu.shares`, v2: `cpu.weight`
    cpu.set_shares(77).unwrap();
    cgroup.controller_of::<MemController>().unwrap().set_limit(67_108_864).unwrap();
    cgroup.controller_of::<PidController>().unwrap().set_pid_max(MaxValue::Value(50)).unwrap();
    let work = "x=$(head -c 5000000 /dev/zero | tr '\\0' a); while :; do :; done";
    let process = cgroups.run(&cgroup, "sh", &["-c", work]);
    wait_for(|| cpu_usage_ns(&cgroup) > 0);
    let mut collector = collector("/");
    let first = sample(&mut collector);
    // long enough for some periods of the quota
    wait_for(|| throttled_periods(&cgroup) >= 3);

    let before = (cpu_usage_ns(&cgroup), page_faults(&cgroup));
    let view = sample(&mut collector);
    let after = (cpu_usage_ns(&cgroup), page_faults(&cgroup));
    let container = cgroups.entity(&view, &path);
    let (current, previous) = container.counter("cpu.usage_ns").unwrap();
    assert!(before.0 <= current && current <= after.0);
    let (previous, elapsed) = previous.unwrap();
    assert_eq!(Some(previous), cgroups.entity(&first, &path).current("cpu.usage_ns"));
    assert!(previous < current && elapsed > 0);
    let pgfault = container.current("memory.pgfault").unwrap();
    assert!(before.1 <= pgfault && pgfault <= after.1);
    assert!(container.current("cpu.throttled_periods").unwrap() >= 3);
    assert_eq!(container.attribute("pod.uid"), Some(cgroups.uid.as_str()));
    assert_eq!(container.gauge("cpu.quota_millicores"), Some(400.0));
    assert_eq!(container.gauge(if cgroups.is_v2() { "cpu.weight" } else { "cpu.shares" }), Some(77.0));
    assert_eq!(container.gauge("memory.limit_bytes"), Some(67_108_864.0));
    assert_eq!(container.gauge("pids.limit"), Some(50.0));
    assert_eq!(container.gauge("memory.soft_limit_bytes"), None);

    freeze(process);
    let (view, (usage, memory)) =
        sample_at_rest(&mut collector, || (cpu_usage_ns(&cgroup), memory_bytes(&cgroup)));
    let container = cgroups.entity(&view, &path);
    assert_eq!(container.current("cpu.usage_ns"), Some(usage));
    assert_eq!(container.gauge("memory.usage_bytes"), Some(memory as f64));
    let pod = cgroups.entity(&view, &pod_path);
    assert_eq!(pod.current("cpu.usage_ns"), Some(usage), "the pod has nothing else in it");
    assert_eq!(pod.gauge("cpu.quota_millicores"), None);
}

#[test]
fn an_unused_container_has_no_values_and_a_recreated_one_starts_at_zero() {
    let Some(mut cgroups) = TestCgroups::new("recreated") else { return };
    let pod_path = format!("kubepods/pod{}", cgroups.uid);
    let (busy, unused) = (format!("{pod_path}/{A}"), format!("{pod_path}/{B}"));
    let cgroup = cgroups.create(&busy);
    cgroups.create(&unused);
    cgroups.run(&cgroup, "sh", &["-c", "while :; do :; done"]);
    wait_for(|| cpu_usage_ns(&cgroup) > 0);
    let mut collector = collector("/");
    sample(&mut collector);
    let view = sample(&mut collector);
    assert_eq!(cgroups.entity(&view, &unused).value_names(), [""; 0], "nothing ever ran in it");
    assert!(cgroups.entity(&view, &busy).counter("cpu.usage_ns").unwrap().1.is_some());

    cgroups.end_processes();
    remove(&cgroup);
    let cgroup = cgroups.create(&busy);
    cgroups.run(&cgroup, "sh", &["-c", "while :; do :; done"]);
    wait_for(|| cpu_usage_ns(&cgroup) > 0);
    let view = sample(&mut collector);
    let (_, previous) = cgroups.entity(&view, &busy).counter("cpu.usage_ns").unwrap();
    assert_eq!(previous.map(|(value, _)| value), Some(0), "another cgroup, created since");
}

/// Containers come and go during the reads: no problem is reported, and no rate comes from a race.
#[test]
fn cgroups_removed_during_a_read_cause_no_problems() {
    let Some(cgroups) = TestCgroups::new("vanish") else { return };
    let pod_path = format!("kubepods/pod{}", cgroups.uid);
    let paths = ["aa", "bb", "cc", "dd"].map(|end| format!("{pod_path}/{}{end}", &A[2..]));
    cgroups.create(&format!("{pod_path}/{B}"));
    let mut collector = collector("/");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let created: Vec<_> = paths.iter().map(|path| cgroups.create(path)).collect();
                // removal succeeds even while the cgroup is read
                created.iter().for_each(|cgroup| _ = cgroup.delete());
            }
        });
        let problems = (0..200).find_map(|_| {
            let problems = sample(&mut collector).report.problems.into_iter();
            let ours: Vec<_> = problems.filter(|problem| problem.path.contains(cgroups.name())).collect();
            (!ours.is_empty()).then_some(ours)
        });
        done.store(true, Ordering::Relaxed);
        assert_eq!(problems, None);
    });
}
