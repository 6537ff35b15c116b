//! A pod with empty cgroups, as a node shows pods under gVisor or Kata, whose processes run in a sandbox elsewhere.
//!
//! This needs no such runtime: the processes of an ordinary pod are moved into a cgroup outside of all pods, and the CPU time used
//! before is reset, which cgroup v1 allows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::AgentPod;
use crate::event::Event;
use crate::settings::NodeKind;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: sandboxed, namespace: ops, labels: {app: sandboxed}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: docker.io/local/busybox:1
      imagePullPolicy: Never
      command: [sh, -c, 'while true; do sleep 1; done']
      resources: {requests: {cpu: 10m, memory: 8Mi}, limits: {cpu: 20m, memory: 16Mi}}
";
/// Cgroup that the processes are moved to, in every hierarchy.
const ELSEWHERE: &str = "insightd-node-suite";

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    if bench.settings.node == NodeKind::V2 || !Path::new("/sys/fs/cgroup/cpuacct").exists() {
        return Ok(Verdict::Skipped("resetting the CPU time of a cgroup needs cgroup version 1"));
    }
    let agent = bench.agent(Profile::Quick)?;
    cluster::apply(POD, &[])?;
    let result = observe(bench, &agent);
    cluster::kubectl(&["-n", "ops", "delete", "pod", "sandboxed", "--grace-period=0", "--force", "--wait"])?;
    for directory in hierarchies()? {
        // Its processes are still ending.
        let directory = directory.join(ELSEWHERE);
        until(Duration::from_secs(30), "the cgroup to be empty", || {
            Ok(if directory.exists() {
                fs::remove_dir(&directory).map_err(|error| error.to_string())
            } else {
                Ok(())
            })
        })?;
    }
    result
}

fn observe(bench: &Bench, agent: &AgentPod) -> Result<Verdict> {
    let uid = until(Duration::from_secs(60), "ops/sandboxed", || {
        let pod = cluster::get(&["-n", "ops", "pod", "sandboxed"])?;
        let uid = pod["metadata"]["uid"].as_str().unwrap_or("").to_owned();
        Ok(if pod["status"]["phase"] == "Running" { Ok(uid) } else { Err("not running".to_owned()) })
    })?;
    let since = now_ms();
    empty_cgroups(&uid)?;
    let emptied = now_ms();
    let output = agent.wait_for_ticks(&bench.settings, emptied, "Node", 4)?;
    let events: Vec<&Event> = output
        .events
        .iter()
        .filter(|event| !event.is_raw() && event.about("pod_name") == "sandboxed")
        .collect();
    for event in &events {
        // Only values counted by the kernel must be absent. Limits and states come from the kubelet and remain valid.
        let false_zero = event.figures().find(|(name, value)| *value == 0.0 && is_of_kernel(name));
        if let Some((name, _)) = false_zero {
            bail!("{name} is 0 in a sandbox: {}", event.value);
        }
        if event.figure("pod_cpu_usage_total").or(event.figure("container_cpu_usage_total")).is_some() {
            bail!("a CPU rate without a counter: {}", event.value);
        }
    }
    let kinds: Vec<&str> = events.iter().map(|event| event.kind()).collect();
    println!("  events of the pod in {} ticks: {kinds:?}", output.ticks().len());
    sound::check(agent, &agent.output(&bench.settings, since)?, bench.interval(), since, now_ms())?;
    Ok(Verdict::Passed)
}

fn is_of_kernel(name: &str) -> bool {
    name.contains("_cpu_usage")
        || name.contains("_cpu_utilization")
        || (name.contains("_memory_")
            && !name.contains("failcnt")
            && !name.contains("swap")
            && !name.contains("fault"))
}

/// Returns the mount points of the hierarchies that contain pods.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let all = fs::read_dir("/sys/fs/cgroup")?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|path| !path.is_symlink() && path.join("kubepods").is_dir()).collect())
}

/// Moves all processes of a pod to `ELSEWHERE`, then resets the pod's CPU time.
fn empty_cgroups(uid: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let elsewhere = hierarchy.join(ELSEWHERE);
        fs::create_dir_all(&elsewhere)?;
        if hierarchy.join("cpuset.cpus").exists() {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                fs::write(elsewhere.join(file), fs::read(hierarchy.join(file))?)?;
            }
        }
        for directory in folders_of(&hierarchy.join("kubepods"), uid)? {
            // A process that forks meanwhile leaves a child behind.
            for _ in 0..5 {
                for pid in fs::read_to_string(directory.join("cgroup.procs"))?.lines() {
                    // The process may have ended.
                    let _ = fs::write(elsewhere.join("cgroup.procs"), pid);
                }
            }
            let usage = directory.join("cpuacct.usage");
            if usage.exists() {
                fs::write(&usage, "0").with_context(|| usage.display().to_string())?;
            }
        }
    }
    Ok(())
}

/// Returns the pod's directory and its subdirectories, the deepest first.
fn folders_of(top: &Path, uid: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(top)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        found.extend(folders_of(&path, uid)?);
        if path.display().to_string().contains(uid) {
            found.push(path);
        }
    }
    Ok(found)
}
