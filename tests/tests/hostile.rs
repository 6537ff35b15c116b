//! Tests of hostile components inside the whole agent: the node's events continue, and no batch is dropped. The individual
//! limits are tested in `host/sandbox/tests`; here the same component is part of a live pipeline.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use insightd_tests::{events, guests, program, recording};
use serde_json::Value;

const TICKS: usize = 4;
/// Bound on the resident memory of the agent, KiB: the memory limit of the container in the manifests.
const MAX_RESIDENT_KIB: u64 = 128 * 1024;

fn resident_kib(agent: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).expect("the agent lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a process has a size");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

/// Runs the agent with the hostile component between `decorate` and `utilization`; returns its log and its resident memory
/// in KiB.
fn run(habit: &str, limits: &str) -> (Vec<Value>, u64) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(guests().join("guest_stage.wasm"), directory.path().join("hostile.wasm"))
        .expect("can be copied");
    let config = directory.path().join("insightd.yaml");
    let text = format!(
        "interval: 1s\ntransforms_dir: {:?}\ncompiler: {:?}\nlimits: {limits}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}, {{use: file:hostile, config: {{habit: {habit:?}}}, on_failure: \
         skip}}, {{use: builtin:utilization}}]\n  outputs: [{{formatter: {{use: builtin:emf}}}}]\n",
        directory.path(),
        program("insightd-compile"),
    );
    fs::write(&config, text).expect("can be written");
    let mut agent = Command::new(program("insightd"))
        .args(["run", "--config", config.to_str().expect("UTF-8")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");

    let mut events = BufReader::new(agent.stdout.take().expect("piped")).lines();
    let mut nodes = 0;
    while nodes < TICKS {
        let line =
            events.next().unwrap_or_else(|| panic!("{habit}: the agent stopped talking")).expect("UTF-8");
        let event: Value = serde_json::from_str(&line).expect("an event is JSON");
        nodes += usize::from(event["Type"] == "Node" && event["node_memory_working_set"].is_number());
    }
    let resident = resident_kib(&agent);
    let kill = Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().expect("kill runs");
    assert!(kill.success());
    let rest = std::thread::spawn(move || events.for_each(drop));
    let mut log = String::new();
    agent.stderr.take().expect("piped").read_to_string(&mut log).expect("UTF-8");
    rest.join().expect("the reader ends");
    assert!(agent.wait().expect("the agent ends").success(), "{habit}: {log}");
    let log = log.lines().map(|line| serde_json::from_str(line).expect("the log is JSON")).collect();
    (log, resident)
}

fn unharmed(habit: &str, fails: bool) {
    // On a slow machine, the flood of lines alone can take more than the default CPU time.
    let limits = if fails { "{cpu_time: 100ms}" } else { "{cpu_time: 60s, wall_time: 10m}" };
    let (log, resident) = run(habit, limits);
    let stopped = log.last().expect("the agent says that it stops");
    println!(
        "{habit}: resident {resident} KiB, longest tick {} us, lateness {} ms, left out {}, failures {}",
        stopped["tick_max_us"],
        stopped["lateness_max_ms"],
        stopped["ticks_left_out"],
        stopped["component_failures"]
    );
    assert_eq!(stopped["message"], "stopped", "{stopped}");
    assert!(resident < MAX_RESIDENT_KIB, "{habit}: resident {resident} KiB");
    assert_eq!(stopped["batches_dropped"], 0, "{habit}: {stopped}");
    assert_eq!(stopped["component_failures"].as_u64() > Some(0), fails, "{habit}: {stopped}");
    if fails {
        let said = log.iter().any(|line| {
            matches!(line["level"].as_str(), Some("WARN" | "ERROR")) && line.to_string().contains("hostile")
        });
        assert!(said, "{habit}: the log does not say which component failed: {log:?}");
    }
}

#[test]
fn a_good_one_passes_everything_on() {
    unharmed("none", false);
}

#[test]
fn endless_loop() {
    unharmed("spin", true);
}

#[test]
fn all_the_memory() {
    unharmed("allocate 4 GiB", true);
}

#[test]
fn deep_recursion() {
    unharmed("recurse", true);
}

#[test]
fn panic() {
    unharmed("panic", true);
}

#[test]
fn not_a_number() {
    unharmed("NaN", true);
}

#[test]
fn invalid_text() {
    unharmed("invalid UTF-8", true);
}

#[test]
fn flood_of_log_lines() {
    unharmed("print flood", false);
}

/// A call that may take minutes ends with the agent.
#[test]
fn a_shutdown_waits_for_no_call() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(guests().join("guest_stage.wasm"), directory.path().join("hostile.wasm"))
        .expect("can be copied");
    let config = directory.path().join("insightd.yaml");
    let text = format!(
        "interval: 1s\ntransforms_dir: {:?}\ncompiler: {:?}\nlimits: {{cpu_time: 60s, wall_time: 10m}}\npipelines:\n- name: node\n  \
         transforms: [{{use: builtin:decorate}}]\n  outputs: [{{formatter: {{use: builtin:emf}}}}]\n- name: slow\n  \
         transforms: [{{use: file:hostile, config: {{habit: log and spin}}, on_failure: drop}}]\n  outputs: [{{formatter: \
         {{use: builtin:emf}}}}]\n",
        directory.path(),
        program("insightd-compile"),
    );
    fs::write(&config, text).expect("can be written");
    let mut agent = Command::new(program("insightd"))
        .args(["run", "--config", config.to_str().expect("UTF-8")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut events = BufReader::new(agent.stdout.take().expect("piped")).lines();
    let rest = std::thread::spawn(move || events.by_ref().for_each(drop));
    let mut lines = BufReader::new(agent.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("now for ever")), "the call never begins");
    let kill = Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().expect("kill runs");
    assert!(kill.success());
    let log: String = lines.map(|line| line + "\n").collect();
    rest.join().expect("the reader ends");
    assert!(agent.wait().expect("the agent ends").success(), "{log}");
    // Stopped by the shutdown, not by its own limits, which would have ended it later.
    let said = log.lines().find(|line| line.contains("no version of this stage works"));
    assert!(said.is_some_and(|line| line.contains("CPU time") && !line.contains("limit is 60s")), "{log}");
    assert!(!log.contains("component failed"), "a shutdown is nobody's fault: {log}");
}

/// Data of some pods makes every version of a component fail: all other pods are reported completely on the same tick.
#[test]
fn poisoned_pods_cost_only_themselves() {
    let recording = recording("v1-cgroupfs");
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(guests().join("guest_stage.wasm"), directory.path().join("hostile.wasm"))
        .expect("can be copied");
    let run = |habit: &str| {
        let config = directory.path().join("insightd.yaml");
        let text = format!(
            "transforms_dir: {:?}\ncompiler: {:?}\npipelines:\n- name: node\n  transforms: [{{use: file:hostile, config: \
             {{habit: {habit:?}}}}}, {{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: \
             [{{formatter: {{use: builtin:emf}}}}]\n",
            directory.path(),
            program("insightd-compile"),
        );
        fs::write(&config, text).expect("can be written");
        let (config, root) = (config.display().to_string(), recording.display().to_string());
        events(&["run", "--once", "--config", &config, "--host-root", &root])
    };
    let pod_of = |event: &Value| event["kubernetes"]["pod_id"].as_str().map(str::to_owned);
    let all = run("none");
    let pods: Vec<String> = all.of_type("Pod").filter_map(pod_of).collect();
    assert!(pods.len() > 3, "{pods:?}");
    for poisoned in [&pods[..1], &pods[..2], &pods[1..]] {
        let others = run(&format!("trip over {}", poisoned.join(",")));
        let is_poisoned = |event: &&Value| pod_of(event).is_some_and(|pod| poisoned.contains(&pod));
        let is_node = |event: &&Value| event["Type"] == "Node";
        let without: Vec<&Value> =
            all.all().iter().filter(|event| !is_node(event) && !is_poisoned(event)).collect();
        let left: Vec<&Value> = others.all().iter().filter(|event| !is_node(event)).collect();
        assert!(!without.is_empty() && without.len() < all.all().len());
        assert_eq!(left, without);
    }
}
