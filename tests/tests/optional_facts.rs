//! Facts that the agent reads only because a component names them: the built agent with `prometheus` over a recorded node.

use std::collections::BTreeMap;
use std::fs;

use insightd_collect::{Group, OptionalFacts};
use insightd_otlp::Otlp;
use insightd_prometheus::Prometheus;
use insightd_remote_write::RemoteWrite;
use insightd_signals::Signals;
use insightd_tests::{Recorded, built, insightd};
use insights_sdk::{Formatter, Transform};

/// Runs the second frame of a recording through `decorate` and `prometheus`. Returns the samples by name and labels.
fn samples(recorded: &Recorded, include: &str) -> BTreeMap<String, f64> {
    let directory = tempfile::tempdir().expect("a directory");
    let (config, components) = (directory.path().join("insightd.yaml"), directory.path().join("components"));
    fs::create_dir(&components).expect("a directory");
    fs::copy(built("transforms/prometheus.wasm"), components.join("prometheus.wasm")).expect("the component");
    let output =
        format!("{{formatter: {{use: file:prometheus, config: {{include: [{include}]}}}}, sink: stdout}}");
    let text = format!(
        "transforms_dir: {components:?}\npipelines: [{{name: text, transforms: [{{use: builtin:decorate}}], outputs: [{output}]}}]\n"
    );
    fs::write(&config, text).expect("a file");
    let config = config.to_str().expect("a UTF-8 path");
    let output = insightd(&["run", "--once", "--host-root", recorded.directory(), "--config", config]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Standard output has one line an event.
    let text = String::from_utf8(output.stdout).expect("UTF-8").replace("\\n", "\n");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

#[test]
fn components_ask_for_the_groups_that_they_need() {
    let of = |groups: &[Group]| groups.iter().copied().fold(OptionalFacts::default(), OptionalFacts::with);
    let of_formatters = of(&[
        Group::CpuTime,
        Group::MemInfo,
        Group::Load,
        Group::DiskStats,
        Group::Start,
        Group::Jobs,
        Group::CronJobs,
        Group::Status,
    ]);
    let of_clusters = of(&[Group::Claims, Group::PersistentVolumes, Group::Ingresses]);
    for (about, groups) in [
        (Prometheus::ABOUT, of_formatters),
        (Otlp::ABOUT, of_formatters),
        (RemoteWrite::ABOUT, of_formatters),
        (Signals::ABOUT, of_clusters.with(Group::Agent)),
    ] {
        assert_eq!(OptionalFacts::from_reads(about.reads.iter().copied()), groups, "{}", about.name);
    }
}

#[test]
fn samples_are_those_of_the_recorded_files() {
    for name in ["v1-cgroupfs", "v2-systemd"] {
        let recorded = Recorded::open(name);
        let samples = samples(
            &recorded,
            "'node_cpu_*', 'node_load*', 'node_memory_*', 'node_boot_*', 'node_disk_*', 'container_start_*'",
        );
        let file = |path: &str| recorded.file(1, path).unwrap_or_else(|| panic!("{name} has no {path}"));
        let found = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("{name}: no {series}"));
        let (mut cpus, mut rows) = (0, 0);
        for line in file("/proc/stat").lines() {
            let mut words = line.split_whitespace();
            let key = words.next().expect("a key");
            let numbers: Vec<f64> = words.map_while(|word| word.parse().ok()).collect();
            if key == "btime" {
                assert_eq!(found("node_boot_time_seconds"), numbers[0]);
            } else if let Some(cpu) = key.strip_prefix("cpu").filter(|cpu| !cpu.is_empty()) {
                cpus += 1;
                let modes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
                for (mode, ticks) in modes.into_iter().zip(numbers) {
                    let value = found(&format!("node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}}"));
                    // In the recordings, USER_HZ is 100.
                    assert!((value - ticks / 100.0).abs() < 1e-6, "{name} {cpu} {mode}: {value}");
                }
            }
        }
        assert!(cpus > 0);
        for line in file("/proc/meminfo").lines() {
            let (key, rest) = line.split_once(':').expect("a key");
            let key = key.replace('(', "_").replace(')', "");
            let number: f64 = rest.trim_end_matches("kB").trim().parse().expect("a number");
            match rest.ends_with("kB") {
                true => assert_eq!(found(&format!("node_memory_{key}_bytes")), number * 1024.0, "{key}"),
                false => assert_eq!(found(&format!("node_memory_{key}")), number, "{key}"),
            }
            rows += 1;
        }
        let names = samples.keys().filter(|series| series.starts_with("node_memory_")).count();
        assert_eq!(names, rows, "one series a row");
        let load = file("/proc/loadavg");
        for (series, word) in ["node_load1", "node_load5", "node_load15"].into_iter().zip(load.split(' ')) {
            assert_eq!(found(series), word.parse::<f64>().expect("a number"));
        }
        let disks = file("/proc/diskstats");
        let disk = disks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let disk =
            disk.into_iter().find(|words| words[2] == "vda").expect("the disk of the recorded machine");
        for (family, column, divisor) in [
            ("reads_completed_total", 3, 1.0),
            ("reads_merged_total", 4, 1.0),
            ("read_bytes_total", 5, 1.0 / 512.0),
            ("read_time_seconds_total", 6, 1e3),
            ("writes_completed_total", 7, 1.0),
            ("written_bytes_total", 9, 1.0 / 512.0),
            ("io_now", 11, 1.0),
            ("io_time_seconds_total", 12, 1e3),
            ("io_time_weighted_seconds_total", 13, 1e3),
            ("flush_requests_total", 18, 1.0),
        ] {
            let value = found(&format!("node_disk_{family}{{device=\"vda\"}}"));
            let wanted: f64 = disk[column].parse().expect("a number");
            assert!((value - wanted / divisor).abs() < 1e-6, "{name} {family}: {value}, {wanted}");
        }
        let starts =
            samples.keys().filter(|series| series.starts_with("container_start_time_seconds{container="));
        assert!(starts.count() > 5, "containers of the kubelet's list");
    }
}
