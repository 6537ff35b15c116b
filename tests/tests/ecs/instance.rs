//! A container instance: cgroups at the paths of ECS on this machine, with processes that compute, allocate and send.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command};
use std::rc::Rc;

use insightd_tests::{Events, insightctl, insightd, skipped};
use insights_batch::{Batch, Columns, Entity};
use serde_json::{Value, json};

use crate::cgroups::{Group, wait_for};
use crate::endpoint::Endpoint;

const CLUSTER: &str = "insightd-test";
const INSTANCE: &str = "5d7b5d2b1f634a1aa2d2b6a4f4a0e1c2";

/// A task in cgroups of its own; dropping it ends its processes and removes the cgroups.
struct Task {
    id: String,
    group: Group,
    containers: Vec<(String, String, Rc<Group>)>,
    processes: Vec<Child>,
}

impl Task {
    /// Creates the cgroup of a task. Returns `None` if this user may not, or the machine has cgroup v2 without systemd.
    fn new(number: u32) -> Option<Self> {
        let id = format!("{number:08x}{:024x}", std::process::id());
        let group = Group::task(&id)?;
        Some(Self { id, group, containers: Vec::new(), processes: Vec::new() })
    }

    /// Adds a container with a process. Returns its cgroup and the process.
    fn add(&mut self, name: &str, program: &str, arguments: &[&str]) -> (Rc<Group>, u32) {
        let docker_id = format!("{:02x}{:030x}{}", self.containers.len(), std::process::id(), self.id);
        let group = Rc::new(self.group.container(&self.id, &docker_id));
        self.containers.push((name.into(), docker_id, Rc::clone(&group)));
        let child = group.run(program, arguments);
        let process = child.id();
        self.processes.push(child);
        (group, process)
    }

    /// Returns the task as the introspection API shows it.
    fn shown(&self, family: &str) -> Value {
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|(name, id, _)| json!({"DockerId": id, "DockerName": format!("ecs-{name}"), "Name": name}))
            .collect();
        json!({
            "Arn": format!("arn:aws:ecs:us-west-2:012345678910:task/{CLUSTER}/{}", self.id),
            "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Family": family, "Version": "8",
            "Containers": containers,
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.containers.iter().for_each(|(.., group)| group.remove());
        self.group.remove();
    }
}

fn freeze(process: u32) {
    assert!(Command::new("kill").args(["-STOP", &process.to_string()]).status().expect("kill").success());
    wait_for(|| fs::read_to_string(format!("/proc/{process}/stat")).expect("stat").contains(") T "));
}

fn namespace(process: u32) -> u64 {
    fs::metadata(format!("/proc/{process}/net/dev")).expect("a live process").ino()
}

fn gauge(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {event}"))
}

fn task_event<'e>(events: &'e Events, task: &Task) -> &'e Value {
    events.find("Task", |event| event["TaskId"] == task.id.as_str()).expect("an event of the task")
}

fn assert_near(found: f64, expected: f64, name: &str) {
    assert!((found - expected).abs() <= expected.abs() * 1e-9, "{name}: {found}, expected {expected}");
}

/// Replays the batches of a recording through the default chain.
fn replay(recording: &str) -> Events {
    let output = insightctl(&["replay", recording]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    Events::new(lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect())
}

/// Returns the cgroup entity with a role and an id.
fn cgroup_of<'b>(batch: &'b Batch, role: &str, key: &str, id: &str) -> Entity<'b> {
    let mut entities = batch.entities().into_iter();
    let found = entities.find(|entity| {
        entity.kind() == "cgroup"
            && entity.attribute("cgroup.role") == Some(role)
            && entity.attribute(key) == Some(id)
    });
    found.unwrap_or_else(|| panic!("no cgroup {role} {id}"))
}

#[test]
fn every_figure_of_an_instance_is_that_of_the_kernel() {
    let Some(mut limited) = Task::new(1) else {
        return skipped("ecs", "needs root, and a machine with cgroup v1 or with systemd");
    };
    let mut bridge = Task::new(2).expect("a second cgroup");
    // half a vCPU and 256 MiB, as in a task definition
    limited.group.set_cpu_percent(50);
    limited.group.set_memory_mib(256);
    let (_, pausing) = limited.add("~internal~ecs~pause", "unshare", &["--net", "sleep", "1000"]);
    let ours = namespace(std::process::id());
    wait_for(|| namespace(pausing) != ours);
    let target = format!("--net=/proc/{pausing}/ns/net");
    let work =
        "x=$(head -c 5000000 /dev/zero | tr '\\0' a); ip link set lo up 2>/dev/null; while :; do :; done";
    let (web, busy) = limited.add("web", "nsenter", &[&target, "sh", "-c", work]);
    web.set_cpu_shares(256);
    // shares, and limits of the containers
    bridge.group.set_cpu_shares(512);
    for name in ["a", "b"] {
        let loops = ["--net", "sh", "-c", "while sleep 0.05; do :; done"];
        let (group, process) = bridge.add(name, "unshare", &loops);
        group.set_memory_mib(64);
        wait_for(|| namespace(process) != ours && group.cpu_ns() > 0);
    }
    wait_for(|| web.cpu_ns() > 300_000_000);

    let endpoint = Endpoint::start();
    endpoint.set(
        "/v1/metadata",
        json!({
            "Cluster": CLUSTER,
            "ContainerInstanceArn": format!("arn:aws:ecs:us-west-2:012345678910:container-instance/{CLUSTER}/{INSTANCE}"),
            "Version": "Amazon ECS Agent - v1.105.0 (02ff320c)",
        })
        .to_string(),
    );
    endpoint.set("/v1/tasks", json!({"Tasks": [limited.shown("web"), bridge.shown("batch")]}).to_string());

    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    let text = format!(
        "interval: 1s\nnode: {{orchestrator: ecs}}\necs: {{endpoint: '{}', timeout: 5s}}\ninstance: {{enabled: false}}\n\
         operations: {{listen: none}}\nhost: {{interface_exclude: []}}\n",
        endpoint.url()
    );
    fs::write(&config, text).expect("written");
    let recording = directory.path().join("recording");
    let (config, recording) = (config.to_str().expect("UTF-8"), recording.to_str().expect("UTF-8"));
    let arguments = ["record", "--config", config, "--ticks", "1", "--out", recording];
    let before = web.cpu_ns();
    let output = insightd(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = web.cpu_ns();

    let lines = fs::read_to_string(recording).expect("a recording");
    let columns = Columns::from_json(lines.lines().nth(1).expect("a batch")).expect("a readable batch");
    let batch = Batch::from_columns(columns);
    let busy_cgroup = cgroup_of(&batch, "container", "container.id", &limited.containers[1].1);
    let usage = busy_cgroup.counter("cpu.usage_ns").expect("CPU time");
    assert!(before <= usage.current && usage.current <= after, "{before} {usage:?} {after}");

    let events = replay(recording);
    let web_event = events
        .find("Container", |event| event["TaskId"] == limited.id.as_str() && event["ContainerName"] == "web");
    let web_event = web_event.expect("an event of the container");
    let shares = |counter: insights_batch::Counter| {
        let (previous, elapsed_ns) = (counter.previous.expect("a previous reading"), counter.elapsed_ns);
        (counter.current - previous) as f64 / elapsed_ns as f64 * 1024.0
    };
    assert_near(gauge(web_event, "CpuUtilized"), shares(usage), "CpuUtilized of web");
    assert_eq!(gauge(web_event, "CpuReserved"), web.visible_shares(256.0, 238.0));
    let event = task_event(&events, &limited);
    let task_usage =
        cgroup_of(&batch, "task", "task.id", &limited.id).counter("cpu.usage_ns").expect("CPU time");
    assert_near(gauge(event, "CpuUtilized"), shares(task_usage), "CpuUtilized of the task");
    assert_eq!(gauge(event, "CpuReserved"), 512.0, "half a vCPU");
    assert_eq!(gauge(event, "MemoryReserved"), 256.0);
    assert_eq!(event["TaskDefinitionFamily"], "web");
    assert_eq!(event["ClusterName"], CLUSTER);
    assert_eq!(event["ContainerInstanceId"], INSTANCE);
    let other = task_event(&events, &bridge);
    let shares_of_bridge = bridge.group.visible_shares(512.0, 500.0);
    assert_eq!((gauge(other, "CpuReserved"), gauge(other, "MemoryReserved")), (shares_of_bridge, 128.0));
    let pause_event = events.find("Container", |event| event["ContainerName"] == "~internal~ecs~pause");
    assert_eq!(pause_event, None, "a container of the platform is no event");
    let instance = events.only("Instance");
    assert!(gauge(instance, "instance_number_of_running_tasks") == 2.0, "{instance}");
    let reserved = (512.0 + shares_of_bridge) / (gauge(instance, "instance_cpu_limit") * 1.024) * 100.0;
    assert_near(gauge(instance, "instance_cpu_reserved_capacity"), reserved, "reserved CPU");
    let reserved = f64::from((256 + 128) << 20) / gauge(instance, "instance_memory_limit") * 100.0;
    assert_near(gauge(instance, "instance_memory_reserved_capacity"), reserved, "reserved memory");

    // at rest, every figure is exactly the kernel's
    freeze(busy);
    let at_rest = || (limited.group.memory(), web.memory(), web.cpu_ns());
    let events = (0..20).find_map(|_| {
        let before = at_rest();
        let output = insightd(&["run", "--once", "--config", config]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let events = lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
        (at_rest() == before).then_some((before, Events::new(events)))
    });
    let ((task_memory, web_memory, _), events) = events.expect("at rest within 20 runs");
    let used = |(usage, file_pages): (u64, u64)| (usage - file_pages) as f64 / f64::from(1 << 20);
    let event = task_event(&events, &limited);
    assert_eq!(gauge(event, "MemoryUtilized"), used(task_memory));
    assert_eq!(gauge(event, "CpuUtilized"), 0.0);
    let web_event = events
        .find("Container", |event| event["ContainerName"] == "web" && event["TaskId"] == limited.id.as_str());
    assert_eq!(gauge(web_event.expect("an event"), "MemoryUtilized"), used(web_memory));
    for name in ["NetworkRxBytes", "NetworkTxBytes"] {
        assert_eq!(gauge(event, name), 0.0, "nothing was sent in the task's network");
    }

    // the agent of ECS stops: tasks are unknown, and no number of them is invented
    endpoint.remove("/v1/tasks");
    let output = insightd(&["run", "--once", "--config", config]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let events =
        Events::new(lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect());
    let instance = events.only("Instance");
    for name in ["instance_number_of_running_tasks", "instance_cpu_reserved_capacity"] {
        assert_eq!(instance[name], Value::Null, "{name}");
    }
    assert_eq!(events.of_type("Task").count(), 0);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("/v1/tasks") && log.contains("404"), "{log}");
}
