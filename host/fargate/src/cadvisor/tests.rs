use std::collections::BTreeMap;
use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_exposition::{Format, Limits, Reader};
use insights_batch::{Builder, Columns};

use super::*;

const UID: &str = "0b3c9a5e-5d6f-4a51-9a0f-3d2c1b0a9f8e";
const POD: &str = "/kubepods/burstable/pod0b3c9a5e-5d6f-4a51-9a0f-3d2c1b0a9f8e";
const APP: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SANDBOX: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const AT: i64 = 1_795_256_420_000;

/// The rows of a Fargate node as cAdvisor documents them, at a time in milliseconds.
fn response() -> String {
    include_str!("../../tests/data/fargate-node.txt").to_owned()
}

fn read_within(text: &str, limits: ReadingLimits) -> NodeReading {
    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    let mut node = NodeReader::new(limits);
    reader.push(text.as_bytes(), &mut |sample| node.sample(sample)).unwrap();
    assert_eq!(reader.finish().unwrap().first_malformed, None);
    node.finish()
}

fn read(text: &str) -> NodeReading {
    read_within(text, ReadingLimits::default())
}

/// A batch in a form that is easy to compare.
struct Emitted {
    columns: Columns,
    /// `KIND ID` of each entity.
    names: Vec<String>,
}

impl Emitted {
    fn new(columns: Columns) -> Self {
        let text = |id: u32| columns.string(id).to_owned();
        let entities = &columns.entities;
        let names =
            entities.kind.iter().zip(&entities.id).map(|(kind, id)| format!("{} {}", text(*kind), text(*id)));
        Self { names: names.collect(), columns }
    }

    fn gauges(&self, entity: &str) -> BTreeMap<String, f64> {
        let gauges = &self.columns.gauges;
        let rows = gauges.entity.iter().zip(&gauges.name).zip(&gauges.value);
        rows.filter(|((of, _), _)| self.names[**of as usize] == entity)
            .map(|((_, name), value)| (self.columns.string(*name).to_owned(), *value))
            .collect()
    }

    /// Current and previous reading with the time in between, by name.
    fn counters(&self, entity: &str) -> BTreeMap<String, (u64, u64, u64)> {
        let counters = &self.columns.counters;
        (0..counters.entity.len())
            .filter(|&row| self.names[counters.entity[row] as usize] == entity)
            .map(|row| {
                let name = self.columns.string(counters.name[row]).to_owned();
                (name, (counters.current[row], counters.previous[row], counters.elapsed_ns[row]))
            })
            .collect()
    }

    fn attributes(&self, entity: &str) -> BTreeMap<String, String> {
        let attributes = &self.columns.attributes;
        let rows = attributes.entity.iter().zip(&attributes.key).zip(&attributes.value);
        rows.filter(|((of, _), _)| self.names[**of as usize] == entity)
            .map(|((_, key), value)| {
                (self.columns.string(*key).to_owned(), self.columns.string(*value).to_owned())
            })
            .collect()
    }

    fn parent(&self, entity: &str) -> Option<&str> {
        let index = self.names.iter().position(|name| name == entity).unwrap();
        let parent = self.columns.entities.parent[index];
        self.names.get(parent as usize).map(String::as_str)
    }
}

fn cache() -> CounterCache {
    CounterCache::new(Duration::from_secs(600))
}

fn emit(reading: &NodeReading, cache: &mut CounterCache) -> Emitted {
    let node = NodeIdentity { name: "fargate-1", cluster_name: Some("shop"), compute_type: Some("fargate") };
    let mut builder = Builder::new("node", node.name, AT as u64, 60_000);
    reading.emit(&node, &["lo".to_owned()], cache, &mut builder);
    Emitted::new(builder.finish())
}

fn pod() -> String {
    format!("cgroup {}", &POD[1..])
}

fn app() -> String {
    format!("cgroup {}/{APP}", &POD[1..])
}

fn map<V: Clone>(pairs: &[(&str, V)]) -> BTreeMap<String, V> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[test]
fn rows_become_the_entities_of_the_cgroup_reader() {
    let reading = read(&response());
    assert_eq!((reading.pods(), reading.containers(), reading.left_out()), (1, 1, 0));
    let emitted = emit(&reading, &mut cache());
    assert_eq!(emitted.names, ["node fargate-1".to_owned(), pod(), "interface eth0".to_owned(), app()]);
    assert_eq!(emitted.parent(&pod()), Some("node fargate-1"));
    assert_eq!(emitted.parent(&app()), Some(&*pod()));
    assert_eq!(emitted.parent("interface eth0"), Some(&*pod()));
    assert_eq!(
        emitted.attributes("node fargate-1"),
        map(&[
            ("node.name", "fargate-1".to_owned()),
            ("orchestrator", "eks".to_owned()),
            ("cluster.name", "shop".to_owned()),
            ("node.compute_type", "fargate".to_owned()),
        ])
    );
    assert_eq!(
        emitted.gauges("node fargate-1"),
        map(&[("node.cpu_count", 2.0), ("node.memory_total_bytes", 4_031_049_728.0)])
    );
    assert_eq!(
        emitted.attributes(&app()),
        map(&[
            ("cgroup.role", "container".to_owned()),
            ("pod.uid", UID.to_owned()),
            ("pod.qos", "burstable".to_owned()),
            ("container.id", APP.to_owned()),
        ])
    );
}

#[test]
fn raw_metrics_have_names_and_units() {
    let emitted = emit(&read(&response()), &mut cache());
    let first = |pairs: &[(&str, u64)]| {
        map(&pairs.iter().map(|&(name, current)| (name, (current, 0, 0))).collect::<Vec<_>>())
    };
    assert_eq!(
        emitted.gauges(&pod()),
        map(&[
            // 25,000 of 100,000 microseconds.
            ("cpu.quota_millicores", 250.0),
            ("cpu.shares", 256.0),
            ("memory.usage_bytes", 52_428_800.0),
            ("memory.working_set_bytes", 41_943_040.0),
            ("memory.max_usage_bytes", 60_817_408.0),
            ("memory.cache_bytes", 16_777_216.0),
            ("memory.rss_bytes", 33_554_432.0),
            ("memory.mapped_file_bytes", 4_194_304.0),
            ("memory.swap_bytes", 0.0),
            ("memory.inactive_file_bytes", 10_485_760.0),
            ("memory.limit_bytes", 536_870_912.0),
            ("pids.current", 12.0),
        ])
    );
    assert_eq!(
        emitted.counters(&pod()),
        first(&[
            ("cpu.usage_ns", 12_345_678_901),
            ("cpu.user_ns", 8_000_000_000),
            ("cpu.system_ns", 4_250_000_000),
            ("cpu.periods", 600),
            ("cpu.throttled_periods", 30),
            ("cpu.throttled_ns", 1_500_000_000),
            ("memory.pgfault", 10),
            ("memory.pgmajfault", 1),
            ("memory.hierarchical_pgfault", 2_000),
            ("memory.hierarchical_pgmajfault", 3),
            ("memory.oom_kills", 0),
            // Of two devices.
            ("io.read_bytes", 4_096 + 8_192),
            ("io.write_bytes", 1_024),
            ("io.reads", 3),
            ("io.writes", 2),
            ("psi.cpu.some_us", 1_500_000),
            ("psi.cpu.full_us", 250_000),
        ])
    );
    assert_eq!(
        emitted.counters("interface eth0"),
        first(&[
            ("network.rx_bytes", 1_000_000),
            ("network.rx_packets", 1_000),
            ("network.rx_errors", 0),
            ("network.rx_dropped", 1),
            ("network.tx_bytes", 2_000_000),
            ("network.tx_packets", 2_000),
            ("network.tx_errors", 0),
            ("network.tx_dropped", 2),
        ])
    );
    // No limit of memory (0), no limit of CPU (no row), and the maximum is unknown (0).
    assert_eq!(
        emitted.gauges(&app()),
        map(&[("memory.working_set_bytes", 40_000_000.0), ("cpu.shares", 2.0)])
    );
    // One row for each CPU.
    assert_eq!(emitted.counters(&app())["cpu.usage_ns"], (3_750_000_000, 0, 0));
}

#[test]
fn file_systems_are_below_the_container_of_the_pod_list() {
    let reading = read(&response());
    let mut builder = Builder::new("node", "fargate-1", AT as u64, 60_000);
    let container = builder.entity("container", "uid/app", None);
    reading.emit_filesystems([(APP, container), (SANDBOX, container)], &mut builder);
    let emitted = Emitted::new(builder.finish());
    assert_eq!(emitted.names, ["container uid/app", "filesystem /dev/xvdcz", "filesystem tmpfs"]);
    assert_eq!(emitted.parent("filesystem tmpfs"), Some("container uid/app"));
    assert_eq!(
        emitted.gauges("filesystem /dev/xvdcz"),
        map(&[
            ("fs.capacity_bytes", 31_526_391_808.0),
            ("fs.used_bytes", 61_440.0),
            ("fs.inodes", 1_966_080.0),
            ("fs.inodes_free", 1_900_000.0),
        ])
    );
    // A capacity of 0 is unknown.
    assert_eq!(emitted.gauges("filesystem tmpfs"), map(&[("fs.used_bytes", 0.0)]));
}

/// Rows of the pod with a CPU time, at a time in seconds, of a cgroup that started at a time.
fn usage(cpu_s: f64, at_s: i64, started: u64) -> String {
    let labels = format!("container=\"\",id=\"{POD}\",image=\"\",name=\"\",namespace=\"n\",pod=\"p\"");
    format!(
        "container_cpu_usage_seconds_total{{cpu=\"total\",{labels}}} {cpu_s} {}\n\
         container_start_time_seconds{{{labels}}} {started}\n",
        at_s * 1000
    )
}

/// Returns the CPU time that is emitted for one response after the other.
fn usages(responses: &[String]) -> Vec<(u64, u64, u64)> {
    let mut cache = cache();
    responses
        .iter()
        .map(|response| emit(&read(response), &mut cache).counters(&pod())["cpu.usage_ns"])
        .collect()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn rates_use_the_time_of_the_reading() {
    // The scrapes were 60 s apart, cAdvisor's readings 47 s.
    assert_eq!(
        usages(&[usage(10.0, 1000, 1), usage(20.0, 1047, 1)]),
        [(10 * SECOND, 0, 0), (20 * SECOND, 10 * SECOND, 47 * SECOND)]
    );
}

#[test]
fn a_repeated_timestamp_gives_no_rate_and_keeps_the_baseline() {
    assert_eq!(
        usages(&[usage(10.0, 1000, 1), usage(10.0, 1000, 1), usage(40.0, 1060, 1)]),
        [(10 * SECOND, 0, 0), (10 * SECOND, 0, 0), (40 * SECOND, 10 * SECOND, 60 * SECOND)]
    );
}

#[test]
fn another_start_time_or_a_reset_has_no_previous_reading() {
    assert_eq!(
        usages(&[usage(10.0, 1000, 1), usage(20.0, 1060, 2), usage(15.0, 1120, 2), usage(16.0, 1180, 2)]),
        [
            (10 * SECOND, 0, 0),
            (20 * SECOND, 0, 0),
            (15 * SECOND, 0, 0),
            (16 * SECOND, 15 * SECOND, 60 * SECOND)
        ]
    );
}

#[test]
fn a_row_without_a_timestamp_has_no_previous_reading() {
    let without = |cpu_s| usage(cpu_s, 1000, 1).replace(" 1000000\n", "\n");
    assert_eq!(usages(&[without(1.0), without(2.0)]), [(SECOND, 0, 0), (2 * SECOND, 0, 0)]);
}

#[test]
fn another_sandbox_resets_the_interfaces_of_a_pod() {
    let row = |sandbox: &str, bytes: u64, at_s: i64| {
        format!(
            "container_network_receive_bytes_total{{container=\"POD\",id=\"{POD}/{sandbox}\",interface=\"eth0\",pod=\"p\"}} \
             {bytes} {}\n",
            at_s * 1000
        )
    };
    let mut cache = cache();
    let mut emitted =
        |text: &str| emit(&read(text), &mut cache).counters("interface eth0")["network.rx_bytes"];
    assert_eq!(emitted(&row(SANDBOX, 10, 1000)), (10, 0, 0));
    assert_eq!(emitted(&row(SANDBOX, 15, 1060)), (15, 10, 60 * SECOND));
    // The rows of the earlier sandbox are still there for a while.
    let both = [row(APP, 20, 1120), row(SANDBOX, 16, 1070)];
    assert_eq!(emitted(&both.concat()), (20, 0, 0));
    assert_eq!(emitted(&[&*both[1], &*row(APP, 25, 1180)].concat()), (25, 20, 60 * SECOND));
}

/// Rows of the pod with the bytes that were read from each device, at a time in seconds.
fn devices(bytes: &[(&str, u64)], at_s: i64) -> String {
    let row = |(device, bytes): &(&str, u64)| {
        let labels = format!("container=\"\",device=\"{device}\",id=\"{POD}\",pod=\"p\"");
        format!("container_fs_reads_bytes_total{{{labels}}} {bytes} {}\n", at_s * 1000)
    };
    bytes.iter().map(row).collect()
}

#[test]
fn other_devices_restart_only_their_sum() {
    let responses = [
        devices(&[("a", 10), ("b", 1000)], 1000) + &usage(1.0, 1000, 1),
        devices(&[("b", 1001), ("a", 20)], 1060) + &usage(2.0, 1060, 1),
        // The row of one device is malformed.
        devices(&[("a", 5000)], 1120) + &usage(3.0, 1120, 1),
        devices(&[("a", 5001), ("b", 1002)], 1180) + &usage(4.0, 1180, 1),
        devices(&[("a", 5002), ("b", 1002)], 1240) + &usage(5.0, 1240, 1),
    ];
    let mut cache = cache();
    let counters = responses.map(|response| emit(&read(&response), &mut cache).counters(&pod()));
    assert_eq!(
        counters.each_ref().map(|counters| counters["io.read_bytes"]),
        [(1010, 0, 0), (1021, 1010, 60 * SECOND), (5000, 0, 0), (6003, 0, 0), (6004, 6003, 60 * SECOND)]
    );
    let of_cpu = counters.map(|counters| counters["cpu.usage_ns"].1);
    assert_eq!(of_cpu, [0, SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND]);
}

#[test]
fn a_reported_total_is_not_added_to_its_parts() {
    let of_cpu = usage(3.0, 1000, 1).replace("total\"", "cpu00\"");
    let total = usage(10.0, 1000, 1);
    for text in [format!("{total}{of_cpu}"), format!("{of_cpu}{total}")] {
        assert_eq!(usages(&[text]), [(10 * SECOND, 0, 0)]);
    }
}

#[test]
fn duplicate_families_are_not_added_up() {
    let text = response();
    assert_eq!(read(&format!("{text}{text}")), read(&text));
    // A newer row of the same series replaces an older one, in any order.
    let (older, newer) = (usage(10.0, 1000, 1), usage(20.0, 1060, 1));
    for text in [format!("{older}{newer}"), format!("{newer}{older}")] {
        assert_eq!(usages(&[text]), [(20 * SECOND, 0, 0)]);
    }
}

#[test]
fn an_unused_cgroup_has_attributes_only() {
    let text = usage(0.0, 1000, 1)
        + &format!("container_memory_usage_bytes{{container=\"\",id=\"{POD}\",pod=\"p\"}} 4096 1000000\n");
    let emitted = emit(&read(&text), &mut cache());
    assert_eq!(emitted.attributes(&pod()).len(), 3);
    assert!(emitted.gauges(&pod()).is_empty() && emitted.counters(&pod()).is_empty());
}

#[test]
fn unknown_values_are_absent() {
    let row = |metric: &str, value: &str| {
        format!("{metric}{{container=\"\",id=\"{POD}\",pod=\"p\"}} {value} 1000\n")
    };
    let text = [
        row("container_memory_usage_bytes", "NaN"),
        row("container_memory_rss", "-1"),
        row("container_memory_cache", "+Inf"),
        row("container_spec_memory_limit_bytes", "9.223372036854772e+18"),
        row("container_spec_cpu_quota", "-1"),
        row("container_spec_cpu_period", "100000"),
        row("container_threads_max", "0"),
        row("container_memory_working_set_bytes", "1"),
    ];
    let emitted = emit(&read(&text.concat()), &mut cache());
    assert_eq!(emitted.gauges(&pod()), map(&[("memory.working_set_bytes", 1.0)]));
}

#[test]
fn what_does_not_fit_is_left_out_and_counted() {
    let limits = ReadingLimits { cgroups: 1, parts: 1 };
    let text = response();
    let reading = read_within(&text, limits);
    assert_eq!((reading.pods(), reading.containers()), (1, 0));
    let rows = |is_left_out: fn(&str) -> bool| text.lines().filter(|line| is_left_out(line)).count() as u64;
    let of_app = rows(|line| line.contains("container=\"app\"") && !line.contains("container_last_seen"));
    let of_devices =
        rows(|line| ["container_fs_reads", "container_fs_writes"].iter().any(|name| line.starts_with(name)));
    // Paths of the pod and of its container were remembered, and none of the sandbox.
    let of_sandbox = rows(|line| line.contains(SANDBOX));
    // The first row of a device was kept.
    assert_eq!(reading.left_out(), of_app + (of_devices - 1) + of_sandbox);
}

#[test]
fn rows_whose_path_names_no_pod_are_left_out() {
    let reading = read(
        "container_memory_rss{id=\"/ecs/some\",pod=\"p\"} 1\ncontainer_memory_rss{id=\"/\",pod=\"\"} 1\n",
    );
    assert_eq!((reading.pods(), reading.left_out()), (0, 1));
}

#[test]
fn a_path_that_cannot_be_remembered_is_left_out() {
    let row = |id: &str| format!("container_memory_rss{{container=\"\",id=\"{id}\",pod=\"p\"}} 1\n");
    let others: String = (0..4).map(|number| row(&format!("/ecs/{number}"))).collect();
    let limits = ReadingLimits { cgroups: 2, parts: 1 };
    let reading = read_within(&format!("{others}{}{}", row(POD), row(POD)), limits);
    assert_eq!((reading.pods(), reading.left_out()), (0, 6));
}
