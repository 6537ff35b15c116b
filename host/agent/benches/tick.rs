//! A benchmark of the whole tick. 106 pods of three containers are sampled, joined with the kubelet's pod list, run
//! through the three default stages and written to a file, and compared with a bare open, read and close of the same
//! files in the same run. Run `cargo bench -p insightd --bench tick` after `make builtins`. Prints medians of CPU time and their ratio.
//!
//! The host consists of the files of a recorded node (cgroup v2), copied into a temporary directory. Reading is many
//! times faster there than in cgroupfs, so the share of the agent's own work is as large as possible.
#![allow(clippy::expect_used, reason = "a bench")]

use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insightd::app;
use insightd::config::{Config, Environment};
use insightd::runtime::TickHandler;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

const PODS: usize = 106;
const CONTAINERS: usize = 3;
const ROUNDS: usize = 31;

fn main() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes/v2-systemd");
    let directory = tempfile::tempdir().expect("a directory");
    let files = recording(&fixture, directory.path());
    let text = format!(
        "host: {{root: {:?}}}\nsinks: {{events: {{type: file, path: {:?}, sync: never}}}}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: [{{formatter: {{use: \
         builtin:emf}}, sink: events}}]\n",
        directory.path(),
        directory.path().join("events.json"),
    );
    let config =
        Config::parse(&text, None, &Environment::default()).expect("the bench's configuration is right");

    let mut buffer = vec![0; 1 << 20];
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // Both frames are sampled, so a bare round reads every file twice, too.
        bare.push(timed(|| (0..2).for_each(|_| files.iter().for_each(|file| read_bare(file, &mut buffer)))));
        let mut worker = app::worker(&config).expect("the agent starts");
        ours.push(timed(|| worker.replay(true).expect("the recording has two frames")));
    }
    let events = fs::read_to_string(directory.path().join("events.json")).expect("events are written");
    let (bare, ours) = (median(&mut bare), median(&mut ours));
    println!(
        "whole tick: {} files read twice, {} events: bare {:.2} ms, baseline and tick {:.2} ms, ratio {:.2}",
        files.len(),
        events.lines().count() / ROUNDS,
        bare.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3,
        ours.as_secs_f64() / bare.as_secs_f64()
    );
}

fn read_bare(path: &Path, buffer: &mut [u8]) {
    let mut file = fs::File::open(path).expect("the file is there");
    black_box(file.read(buffer).expect("the file is readable"));
}

/// Creates a recording of the benchmark's size. Returns the files in it that the agent reads.
fn recording(fixture: &Path, to: &Path) -> Vec<PathBuf> {
    let manifest = fs::read(fixture.join("manifest.json")).expect("the fixture has a manifest");
    let mut manifest: Value = serde_json::from_slice(&manifest).expect("the manifest is JSON");
    let (from, root) = (fixture.join("2"), to.join("1"));
    copy(&from.join("proc/1"), &root.join("proc/1"));
    for file in ["cpuinfo", "meminfo", "pressure/cpu", "pressure/memory", "pressure/io"] {
        let target = root.join("proc").join(file);
        fs::create_dir_all(target.parent().expect("has a parent")).expect("can be made");
        fs::copy(from.join("proc").join(file), target).expect("the fixture has the file");
    }
    let top = from.join("sys/fs/cgroup");
    let (pod, container) = model(&top);
    copy_files(&top, &root.join("sys/fs/cgroup"));
    let mut items = Vec::new();
    for at in 0..PODS {
        let uid = format!("{at:08x}-0000-4000-8000-{at:012x}");
        let slice = format!("kubepods.slice/kubepods-pod{}.slice", uid.replace('-', "_"));
        copy_files(&pod, &root.join("sys/fs/cgroup").join(&slice));
        let mut statuses = Vec::new();
        let mut containers = Vec::new();
        for number in 0..CONTAINERS {
            let id = format!("{:064x}", at * CONTAINERS + number);
            copy_files(&container, &root.join(format!("sys/fs/cgroup/{slice}/cri-containerd-{id}.scope")));
            let name = format!("c{number}");
            let amount = json!({"cpu": "100m", "memory": "64Mi"});
            containers.push(
                json!({"name": name, "image": "i", "resources": {"requests": amount, "limits": amount}}),
            );
            statuses
                .push(json!({"name": name, "restartCount": 0, "containerID": format!("containerd://{id}"),
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}));
        }
        items.push(json!({
            "metadata": {"name": format!("app-{at}-x"), "namespace": format!("team-{}", at % 5), "uid": uid,
                "labels": {"app": format!("app-{at}"), "tier": "web", "pod-template-hash": "7c9f4b6d58"}},
            "spec": {"containers": containers},
            "status": {"phase": "Running", "containerStatuses": statuses}
        }));
    }
    let pods = root.join("kubelet/pods.json");
    fs::create_dir_all(pods.parent().expect("has a parent")).expect("can be made");
    fs::write(&pods, json!({"kind": "PodList", "apiVersion": "v1", "items": items}).to_string())
        .expect("can be written");

    let frames = manifest["frames"].as_array_mut().expect("a manifest has frames");
    for frame in frames {
        frame["root"] = "1".into();
        frame["kubelet"] = json!({"pods": "kubelet/pods.json"});
    }
    fs::write(to.join("manifest.json"), manifest.to_string()).expect("can be written");
    let mut files = Vec::new();
    list(&root, &mut files);
    files
}

/// Returns the cgroup directories of a pod of the fixture and of one of its containers.
fn model(top: &Path) -> (PathBuf, PathBuf) {
    let mut files = Vec::new();
    list(top, &mut files);
    let container = files.iter().filter_map(|file| file.parent());
    let mut scopes = container.filter(|directory| directory.extension().is_some_and(|end| end == "scope"));
    let scope =
        scopes.find(|directory| directory.join("io.stat").exists()).expect("the fixture has containers");
    (scope.parent().expect("a container has a pod").to_owned(), scope.to_owned())
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    copy_files(from, to);
    for entry in fs::read_dir(from).expect("the directory is readable").flatten() {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("can be made");
    for entry in fs::read_dir(from).expect("the directory is readable").flatten() {
        // The files that the agent reads at every tick; `cgroup.procs` is used only to find the network of a pod.
        if entry.path().is_file() && entry.file_name() != "cgroup.procs" {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("can be copied");
        }
    }
}

/// Measures CPU time of this thread, which does all the work of a tick.
fn timed(work: impl FnOnce()) -> Duration {
    let start = cpu_time();
    work();
    cpu_time().saturating_sub(start)
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
