//! Tests of the binary on the two recorded nodes, compared with the recorded data of cAdvisor and the kubelet.
//!
//! cAdvisor reads each cgroup at its own intervals, up to half a minute before the frame was recorded. So a value of the
//! agent is either equal to cAdvisor's, or differs as the time of reading explains: `tests/recorder/README.md` derives the
//! rules. The table printed by each test counts equal, between, and moved values.

use std::collections::BTreeMap;

use insightd_tests::cadvisor::{Sample, container_id};
use insightd_tests::{Events, Recorded, events};
use serde_json::Value;

/// cAdvisor timestamps a sample some milliseconds before it reads the network files.
const STAMP_SLACK_MS: u64 = 100;

/// Key and value of a cAdvisor label.
type Label = (&'static str, &'static str);

/// Counts per metric: equal, between the agent's two readings, moved between the times of reading.
#[derive(Default)]
struct Tally(BTreeMap<String, [usize; 3]>);

impl Tally {
    fn count(&mut self, metric: &str, column: usize) {
        self.0.entry(metric.to_owned()).or_default()[column] += 1;
    }

    fn print(&self, recording: &str) {
        println!("{recording}: {:48} {:>6} {:>8} {:>6}", "metric", "equal", "between", "moved");
        for (metric, [equal, between, moved]) in &self.0 {
            println!("{recording}: {metric:48} {equal:6} {between:8} {moved:6}");
        }
    }
}

/// A subject that cAdvisor and the agent report: event, cgroup and prefix of the metrics.
struct Subject<'a> {
    event: &'a Value,
    cgroup: String,
    prefix: &'static str,
}

fn run(recorded: &Recorded) -> Events {
    events(&["run", "--once", "--host-root", recorded.directory()])
}

/// Pairs each cgroup of cAdvisor that belongs to a node, pod or container with the agent's event.
fn subjects<'a>(samples: &[Sample], events: &'a Events) -> Vec<Subject<'a>> {
    let mut subjects = Vec::new();
    for sample in samples.iter().filter(|sample| sample.name == "container_cpu_usage_seconds_total") {
        let cgroup = sample.label("id").to_owned();
        let (namespace, pod, container) =
            (sample.label("namespace"), sample.label("pod"), sample.label("container"));
        let of_pod = |event: &Value| {
            event["kubernetes"]["namespace_name"] == namespace && event["kubernetes"]["pod_name"] == pod
        };
        if cgroup == "/" {
            subjects.push(Subject { event: events.only("Node"), cgroup, prefix: "node" });
        } else if !container.is_empty() && container != "POD" {
            let event = events.find("Container", |event| {
                of_pod(event) && event["kubernetes"]["container_name"] == container
            });
            let event =
                event.unwrap_or_else(|| panic!("no event for container {namespace}/{pod}/{container}"));
            assert!(
                cgroup.contains(
                    event["kubernetes"]["containerd"]["container_id"].as_str().expect("a container id")
                ),
                "{cgroup} is not the container of {event}"
            );
            subjects.push(Subject { event, cgroup, prefix: "container" });
        } else if !pod.is_empty() && container_id(&cgroup).is_none() {
            let event = events.find("Pod", of_pod);
            let event = event.unwrap_or_else(|| panic!("no event for pod {namespace}/{pod}"));
            subjects.push(Subject { event, cgroup, prefix: "pod" });
        }
    }
    subjects
}

/// Checks that cAdvisor's value lies between the two readings, if its timestamp lies between the two frames. Returns the
/// column of [`Tally`].
fn check_counter(
    what: &str,
    recorded: &Recorded,
    [before, after]: [u64; 2],
    sample: &Sample,
    scale: f64,
) -> usize {
    // cAdvisor prints seconds as a float: one nanosecond and a few of the last digits are lost.
    let theirs = sample.value * scale;
    let tolerance = 1.0 + theirs * 1e-15;
    let stamp = sample.time_unix_ms.expect("cAdvisor stamps its samples");
    let (first_end, second_start) = (recorded.read_unix_ms(0).1, recorded.read_unix_ms(1).0);
    if stamp > first_end + STAMP_SLACK_MS {
        assert!(theirs + tolerance >= before as f64, "{what}: {before} before, cAdvisor {theirs}");
    }
    if stamp + STAMP_SLACK_MS < second_start {
        assert!(theirs <= after as f64 + tolerance, "{what}: cAdvisor {theirs}, {after} after");
    }
    usize::from((theirs - after as f64).abs() > tolerance)
}

fn sample_of<'a>(
    samples: &'a [Sample],
    name: &str,
    cgroup: &str,
    labels: &[(&str, &str)],
) -> Option<&'a Sample> {
    samples.iter().find(|sample| {
        sample.name == name
            && sample.label("id") == cgroup
            && labels.iter().all(|(key, value)| sample.label(key) == *value)
    })
}

/// Checks rates of CPU and page faults: the agent's equal the difference of the recorded files, cAdvisor's counter lies
/// between the two readings.
fn check_rates(recorded: &Recorded, subject: &Subject<'_>, samples: &[Sample], tally: &mut Tally) {
    let elapsed_ns = recorded.elapsed_ns() as f64;
    let cgroup = &subject.cgroup;
    let read = |which: &str| {
        [0, 1].map(|frame| match which {
            "pgfault" | "pgmajfault" => recorded.memory_stat(frame, cgroup, which, which),
            which => recorded.cpu_ns(frame, cgroup, which),
        })
    };
    let rates: [(&str, &str, &[Label]); 5] = [
        ("cpu_usage_total", "container_cpu_usage_seconds_total", &[]),
        ("cpu_usage_user", "container_cpu_user_seconds_total", &[]),
        ("cpu_usage_system", "container_cpu_system_seconds_total", &[]),
        (
            "memory_pgfault",
            "container_memory_failures_total",
            &[("failure_type", "pgfault"), ("scope", "container")],
        ),
        (
            "memory_pgmajfault",
            "container_memory_failures_total",
            &[("failure_type", "pgmajfault"), ("scope", "container")],
        ),
    ];
    for (suffix, family, labels) in rates {
        let which = suffix.rsplit('_').next().expect("a name has parts");
        let (scale, multiplier) = if which.starts_with("pg") { (1.0, 1e9) } else { (1e9, 1000.0) };
        let metric = format!("{}_{suffix}", subject.prefix);
        let what = format!("{metric} of {cgroup}");
        let [before, after] = read(which);
        let Some(after) = after else {
            assert!(subject.event[&metric].is_null(), "{what} has no source and is published");
            continue;
        };
        let Some(before) = before else {
            assert!(subject.event[&metric].is_null(), "{what} has no earlier reading and is published");
            continue;
        };
        let published = subject.event[&metric].as_f64().unwrap_or_else(|| panic!("{what} is missing"));
        // On cgroup v1 a pod's faults come from the hierarchy, because its cgroup has no processes of its own:
        // docs/differences.md, Q7.
        if !(which.starts_with("pg") && !recorded.is_v2() && subject.prefix != "container") {
            let expected = (after as f64 - before as f64) / elapsed_ns * multiplier;
            assert_eq!(published, expected, "{what}");
        }
        if let Some(sample) = sample_of(samples, family, cgroup, labels) {
            tally.count(&metric, check_counter(&what, recorded, [before, after], sample, scale));
        }
    }
}

/// Checks memory gauges: the agent's equal the recorded files, cAdvisor's are equal if the cgroup was idle.
fn check_memory(recorded: &Recorded, subject: &Subject<'_>, samples: &[Sample], tally: &mut Tally) {
    let cgroup = &subject.cgroup;
    let idle = recorded.cpu_ns(0, cgroup, "total") == recorded.cpu_ns(1, cgroup, "total");
    for (suffix, family, v1, v2) in [
        ("memory_rss", "container_memory_rss", "total_rss", "anon"),
        ("memory_cache", "container_memory_cache", "total_cache", "file"),
        ("memory_mapped_file", "container_memory_mapped_file", "total_mapped_file", "file_mapped"),
        ("memory_usage", "container_memory_usage_bytes", "", ""),
        ("memory_working_set", "container_memory_working_set_bytes", "", ""),
        ("memory_max_usage", "container_memory_max_usage_bytes", "", ""),
    ] {
        let metric = format!("{}_{suffix}", subject.prefix);
        let what = format!("{metric} of {cgroup}");
        let read = |frame: usize| match suffix {
            "memory_usage" => memory_usage(recorded, frame, cgroup),
            "memory_working_set" => {
                let inactive = recorded.memory_stat(frame, cgroup, "total_inactive_file", "inactive_file");
                Some(memory_usage(recorded, frame, cgroup)?.saturating_sub(inactive?))
            }
            "memory_max_usage" => {
                let file = if recorded.is_v2() { "memory.peak" } else { "memory.max_usage_in_bytes" };
                recorded.cgroup_number(frame, "memory", cgroup, file)
            }
            _ => recorded.memory_stat(frame, cgroup, v1, v2),
        };
        let Some(ours) = read(1) else {
            assert!(subject.event[&metric].is_null(), "{what} has no source and is published");
            continue;
        };
        assert_eq!(subject.event[&metric].as_f64(), Some(ours as f64), "{what}");
        let Some(sample) = sample_of(samples, family, cgroup, &[]) else { continue };
        let equal = sample.value == ours as f64;
        let still = idle && read(0) == Some(ours);
        assert!(
            equal || !still,
            "{what}: the cgroup stood still, {ours} is ours, cAdvisor says {}",
            sample.value
        );
        tally.count(&metric, if equal { 0 } else { 2 });
    }
}

fn memory_usage(recorded: &Recorded, frame: usize, cgroup: &str) -> Option<u64> {
    let file = if recorded.is_v2() { "memory.current" } else { "memory.usage_in_bytes" };
    recorded.cgroup_number(frame, "memory", cgroup, file).or_else(|| {
        // The root cgroup of v2 has no `memory.current`.
        let stat = |key| recorded.memory_stat(frame, cgroup, key, key);
        Some(stat("anon")? + stat("file")?)
    })
}

/// Checks interfaces of pods: cAdvisor reads those of the sandbox, the agent those of any process of the pod.
fn check_network(recorded: &Recorded, events: &Events, samples: [&[Sample]; 2], tally: &mut Tally) {
    for (suffix, family) in [
        ("rx_bytes", "container_network_receive_bytes_total"),
        ("tx_bytes", "container_network_transmit_bytes_total"),
        ("rx_packets", "container_network_receive_packets_total"),
        ("tx_packets", "container_network_transmit_packets_total"),
        ("rx_dropped", "container_network_receive_packets_dropped_total"),
        ("tx_errors", "container_network_transmit_errors_total"),
    ] {
        for event in events.of_type("PodNet") {
            let key = |sample: &&Sample| {
                sample.name == family
                    && sample.label("interface") == event["interface"]
                    && sample.label("namespace") == event["kubernetes"]["namespace_name"]
                    && sample.label("pod") == event["kubernetes"]["pod_name"]
            };
            let [Some(earlier), Some(later)] = samples.map(|samples| samples.iter().find(key)) else {
                continue;
            };
            let metric = format!("pod_interface_network_{suffix}");
            let Some(rate) = event[&metric].as_f64() else { panic!("{metric} is missing in {event}") };
            let grown = rate * recorded.elapsed_ns() as f64 / 1e9;
            if earlier.value == later.value {
                // Nothing passed between cAdvisor's two samples; the agent's readings enclose or touch them.
                tally.count(&metric, if grown == 0.0 { 0 } else { 2 });
            } else {
                assert!(
                    grown > 0.0,
                    "{metric}: cAdvisor saw {} -> {}, we saw none",
                    earlier.value,
                    later.value
                );
                tally.count(&metric, 1);
            }
        }
    }
}

/// Checks file systems against recorded statfs results and cAdvisor's samples.
fn check_filesystems(recorded: &Recorded, events: &Events, samples: &[Sample], tally: &mut Tally) {
    for event in events.of_type("NodeFS") {
        let device = event["device"].as_str().expect("a file system has its device");
        for (metric, family) in [
            ("node_filesystem_capacity", "container_fs_limit_bytes"),
            ("node_filesystem_inodes", "container_fs_inodes_total"),
        ] {
            let Some(sample) = sample_of(samples, family, "/", &[("device", device)]) else { continue };
            assert_eq!(event[metric].as_f64(), Some(sample.value), "{metric} of {device}");
            tally.count(metric, 0);
        }
    }
    let root = recorded.statfs(1, "/");
    let number = |key: &str| root[key].as_f64().expect("statfs of the root is recorded");
    let capacity = number("block_size") * number("blocks");
    let found = events.find("NodeFS", |event| event["node_filesystem_capacity"].as_f64() == Some(capacity));
    let event = found.expect("the root file system has its event");
    let used = capacity - number("block_size") * number("blocks_free");
    assert_eq!(event["node_filesystem_usage"].as_f64(), Some(used));
}

/// Checks container layers and the number of running pods against the kubelet's data.
fn check_kubelet(recorded: &Recorded, events: &Events, tally: &mut Tally) {
    let text = recorded.file(1, "kubelet/summary.json").expect("a recording has the summary");
    let summary: Value = serde_json::from_str(&text).expect("the summary is JSON");
    for pod in summary["pods"].as_array().expect("the summary lists pods") {
        for container in pod["containers"].as_array().into_iter().flatten() {
            let Some(used) = container["rootfs"]["usedBytes"].as_f64() else { continue };
            let event = events.find("ContainerFS", |event| {
                event["kubernetes"]["pod_name"] == pod["podRef"]["name"]
                    && event["kubernetes"]["namespace_name"] == pod["podRef"]["namespace"]
                    && event["kubernetes"]["container_name"] == container["name"]
            });
            let event = event.unwrap_or_else(|| panic!("no ContainerFS for {}", container["name"]));
            assert_eq!(event["container_filesystem_usage"].as_f64(), Some(used), "{event}");
            tally.count("container_filesystem_usage", 0);
            let capacity = container["rootfs"]["capacityBytes"].as_f64();
            assert_eq!(event["container_filesystem_capacity"].as_f64(), capacity, "{event}");
            tally.count("container_filesystem_capacity", 0);
        }
    }
    let pods = recorded.file(1, "kubelet/pods.json").expect("a recording has the pod list");
    let pods: Value = serde_json::from_str(&pods).expect("the pod list is JSON");
    let running = pods["items"].as_array().expect("the list has items").iter();
    let running = running.filter(|pod| pod["status"]["phase"] == "Running").count();
    assert_eq!(events.only("Node")["node_number_of_running_pods"].as_u64(), Some(running as u64));
    tally.count("node_number_of_running_pods", 0);
}

fn check(name: &str) {
    let recorded = Recorded::open(name);
    let events = run(&recorded);
    let mut tally = Tally::default();
    let (first, second) = (recorded.cadvisor(0), recorded.cadvisor(1));
    let subjects = subjects(&second, &events);
    assert!(subjects.len() > 15, "only {} cgroups are compared", subjects.len());
    for subject in &subjects {
        check_rates(&recorded, subject, &second, &mut tally);
        check_memory(&recorded, subject, &second, &mut tally);
    }
    check_network(&recorded, &events, [&first, &second], &mut tally);
    check_filesystems(&recorded, &events, &second, &mut tally);
    check_kubelet(&recorded, &events, &mut tally);
    tally.print(name);

    let wanted = ["Container", "ContainerFS", "Node", "NodeDiskIO", "NodeFS", "NodeNet", "Pod", "PodNet"]
        .into_iter()
        .collect();
    assert_eq!(events.types(), wanted, "types of events");
}

#[test]
fn v1_agrees_with_cadvisor_and_the_kubelet() {
    check("v1-cgroupfs");
}

#[test]
fn v2_agrees_with_cadvisor_and_the_kubelet() {
    check("v2-systemd");
}
