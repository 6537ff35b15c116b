//! Tests of the binary on this machine: its metrics compared with /proc and statfs.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::mem::MaybeUninit;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use insightd_tests::{events, program};
use serde_json::Value;

fn number(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {event}"))
}

fn meminfo(key: &str) -> f64 {
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = text.lines().find(|line| line.starts_with(&format!("{key}:"))).expect("the key is there");
    line.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok()).expect("a number of kB") * 1024.0
}

fn statfs(path: &str) -> libc::statfs {
    let path = CString::new(path).expect("no NUL in a mount point");
    let mut stat = MaybeUninit::uninit();
    // SAFETY: `path` is a C string and `stat` has room for the structure that the call fills.
    assert_eq!(unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) }, 0, "statfs succeeds");
    // SAFETY: the call succeeded, so the structure is filled.
    unsafe { stat.assume_init() }
}

/// Returns the bytes received by each interface, as printed by the kernel.
fn rx_bytes() -> Vec<(String, f64)> {
    let text = fs::read_to_string("/proc/1/net/dev").or_else(|_| fs::read_to_string("/proc/net/dev"));
    let text = text.expect("net/dev is readable");
    let lines = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| {
            let bytes = value.split_whitespace().next().and_then(|word| word.parse().ok());
            (name.trim().to_owned(), bytes.expect("the first column is a number"))
        })
        .collect()
}

#[test]
fn node_metrics_agree_with_proc() {
    let before = meminfo("MemAvailable");
    let events = events(&["run", "--once"]);
    let after = meminfo("MemAvailable");
    let node = events.only("Node");

    assert_eq!(number(node, "node_memory_limit"), meminfo("MemTotal"));
    let cores = fs::read_to_string("/proc/cpuinfo").expect("cpuinfo").matches("processor\t").count() as f64;
    assert_eq!(number(node, "node_cpu_limit"), cores * 1000.0);
    let utilization = number(node, "node_cpu_utilization");
    assert!((0.0..=110.0).contains(&utilization), "node_cpu_utilization is {utilization}");
    let expected = number(node, "node_cpu_usage_total") / (cores * 1000.0) * 100.0;
    assert!((utilization - expected).abs() < 1e-9, "{utilization} is not {expected}");
    // The root cgroup's working set and MemAvailable are counted differently (slab, kernel stacks), so only their range is
    // compared.
    let used = meminfo("MemTotal") - before.min(after);
    let working_set = number(node, "node_memory_working_set");
    assert!(working_set > 0.0 && working_set < meminfo("MemTotal"), "working set {working_set}, used {used}");
}

#[test]
fn file_systems_agree_with_statfs() {
    let events = events(&["run", "--once"]);
    let mounts = fs::read_to_string("/proc/1/mounts").or_else(|_| fs::read_to_string("/proc/mounts"));
    let mounts = mounts.expect("mounts are readable");
    let mut checked = 0;
    for event in events.of_type("NodeFS") {
        let device = event["device"].as_str().expect("a file system has its device");
        let Some(point) = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            (words.next() == Some(device)).then(|| words.next()).flatten()
        }) else {
            continue;
        };
        let stat = statfs(point);
        let unit = stat.f_frsize as f64;
        let capacity = stat.f_blocks as f64 * unit;
        assert_eq!(number(event, "node_filesystem_capacity"), capacity, "{device} at {point}");
        assert_eq!(number(event, "node_filesystem_inodes"), stat.f_files as f64, "{device} at {point}");
        // Other processes write meanwhile: a thousandth of the capacity is far more than they write in a second.
        let usage = capacity - stat.f_bfree as f64 * unit;
        let found = number(event, "node_filesystem_usage");
        assert!((found - usage).abs() <= capacity / 1000.0, "{device}: usage {found}, statfs says {usage}");
        let utilization = number(event, "node_filesystem_utilization");
        assert!((utilization - found / capacity * 100.0).abs() < 1e-9, "{device}: {utilization}");
        checked += 1;
    }
    assert!(checked > 0, "no NodeFS event for a mounted device; types: {:?}", events.types());
}

#[test]
fn interfaces_are_those_of_the_kernel() {
    let before = rx_bytes();
    let events = events(&["run", "--once"]);
    let after = rx_bytes();
    let skipped =
        |name: &str| ["lo", "veth", "docker", "nerdctl"].iter().any(|prefix| name.starts_with(prefix));
    let wanted: Vec<_> = before.iter().filter(|(name, _)| !skipped(name)).collect();
    for (name, bytes_before) in &wanted {
        let Some((_, bytes_after)) = after.iter().find(|(other, _)| other == name) else { continue };
        let event = events.find("NodeNet", |event| event["interface"] == name.as_str());
        let event = event.unwrap_or_else(|| panic!("no NodeNet event for {name}"));
        let rate = number(event, "node_interface_network_rx_bytes");
        // Both readings of the sample lie between the two of this test, at least a fifth of a second apart.
        let bound = (bytes_after - bytes_before) / 0.2;
        assert!(rate >= 0.0 && rate <= bound, "{name}: {rate} bytes a second, at most {bound} were possible");
    }
    assert_eq!(events.of_type("NodeNet").count(), wanted.len(), "one event an interface");
}

#[test]
fn every_event_carries_the_time_of_the_tick() {
    let events = events(&["run", "--once"]);
    let times: BTreeSet<_> = events.all().iter().map(|event| event["Timestamp"].as_str()).collect();
    assert_eq!(times.len(), 1, "one tick, one time: {times:?}");
    let time = times.first().copied().flatten().and_then(|time| time.parse::<u128>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis();
    let time = time.expect("milliseconds since the Unix epoch, as text");
    assert!(time <= now && now - time < 60_000, "the tick was at {time}, now is {now}");
}

#[test]
fn declared_metrics_of_a_named_cluster_are_extracted() {
    let output = Command::new(program("insightd"))
        .args(["run", "--once"])
        .env("K8S_CLUSTER_NAME", "test")
        .output()
        .expect("the agent starts");
    let text = String::from_utf8(output.stdout).expect("events are UTF-8");
    let node = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event is JSON"));
    let mut node = node.filter(|event| event["Type"] == "Node");
    let node = node.next().expect("a Node event");
    let directives = node["_aws"]["CloudWatchMetrics"].as_array().expect("a Node event declares metrics");
    let names: BTreeSet<_> = directives
        .iter()
        .flat_map(|directive| directive["Metrics"].as_array().into_iter().flatten())
        .filter_map(|metric| metric["Name"].as_str())
        .collect();
    for name in ["node_cpu_utilization", "node_memory_working_set", "node_network_total_bytes"] {
        assert!(names.contains(name) && node[name].is_number(), "{name} is not declared in {node}");
    }
    assert_eq!(
        node["_aws"]["Timestamp"].as_u64().map(|time| time.to_string()).as_deref(),
        node["Timestamp"].as_str()
    );
}
