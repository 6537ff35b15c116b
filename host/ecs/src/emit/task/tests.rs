use std::sync::Arc;

use insights_batch::{Batch, Builder, Counter};

use super::*;
use crate::facts::{Container, ContainerLimits, EphemeralStorage, TaskLimits};
use crate::metadata::{CpuStats, InterfaceStats, IoStats, MemoryStats, TaskMetadata};

const SECOND: i64 = 1_000_000_000;

fn text(text: &str) -> Option<Box<str>> {
    Some(text.into())
}

fn container(name: &str, mode: &str) -> Container {
    Container {
        name: name.into(),
        docker_id: Some(format!("d-{name}").into()),
        network_mode: text(mode),
        ..Container::default()
    }
}

fn interface(name: &str, rx_bytes: u64) -> InterfaceStats {
    InterfaceStats { name: name.into(), rx_bytes: Some(rx_bytes), ..InterfaceStats::default() }
}

fn stats(name: &str, seconds: i64, usage_ns: u64, interfaces: Vec<InterfaceStats>) -> ContainerStats {
    ContainerStats {
        docker_id: format!("d-{name}").into(),
        read_at_ns: Some(seconds * SECOND),
        cpu: CpuStats { usage_ns: Some(usage_ns), ..CpuStats::default() },
        interfaces,
        ..ContainerStats::default()
    }
}

fn data(containers: Vec<Container>, stats: Option<Vec<ContainerStats>>) -> TaskData {
    let task = Task { id: "t1".into(), containers, ..Task::default() };
    data_of(task, stats)
}

fn data_of(task: Task, stats: Option<Vec<ContainerStats>>) -> TaskData {
    let metadata = TaskMetadata { cluster: text("c"), task, ..TaskMetadata::default() };
    let stats = stats.map(|containers| Arc::new(TaskStats { containers, ..TaskStats::default() }));
    TaskData { metadata: Some(Arc::new(metadata)), stats, ..TaskData::default() }
}

fn emit(emitter: &mut TaskEmitter, data: &TaskData) -> Batch {
    let mut builder = Builder::new("task", "t1", 1_735_790_400_000, 60_000);
    emitter.emit(data, &mut builder).unwrap();
    let columns = builder.finish();
    columns.check().unwrap();
    Batch::from_columns(columns)
}

fn sorted<T: PartialOrd + Copy>(mut rows: Vec<(&str, T)>) -> Vec<(&str, T)> {
    rows.sort_by(|left, right| left.0.cmp(right.0));
    rows
}

#[test]
fn the_task_is_the_root() {
    let task = Task {
        id: "t1".into(),
        arn: "arn:aws:ecs:r:1:task/c/t1".into(),
        service: text("daemon:x"),
        launch_type: text("FARGATE"),
        zone: text("us-east-1d"),
        pull_started_at: text("2023-07-21T15:45:33.532811081Z"),
        limits: TaskLimits { cpu_millicores: Some(250.0), memory_bytes: Some(536_870_912) },
        ephemeral_storage: EphemeralStorage {
            reserved_bytes: Some(21_491_613_696),
            used_bytes: Some(273_678_336),
        },
        tags: vec![("Team".into(), "shop".into())],
        containers: vec![Container {
            limits: ContainerLimits { cpu_shares: Some(128.0), memory_bytes: Some(134_217_728) },
            ..container("web", "awsvpc")
        }],
        ..Task::default()
    };
    let batch = emit(&mut TaskEmitter::new(vec!["Team".into()]), &data_of(task, None));
    let root = batch.find("task", "t1").unwrap();
    assert!(root.parent().is_none());
    assert_eq!(
        sorted(root.attributes()),
        [
            ("cluster.name", "c"),
            ("orchestrator", "ecs"),
            ("task.arn", "arn:aws:ecs:r:1:task/c/t1"),
            ("task.id", "t1"),
            ("task.launch_type", "FARGATE"),
            ("task.pull_started_at", "2023-07-21T15:45:33.532811081Z"),
            ("task.service", "daemon:x"),
            ("task.tag.Team", "shop"),
            ("task.zone", "us-east-1d"),
        ]
    );
    assert_eq!(
        sorted(root.gauges()),
        [
            ("agent.heartbeat", 1.0),
            ("task.ephemeral_storage_reserved_bytes", 21_491_613_696.0),
            ("task.ephemeral_storage_used_bytes", 273_678_336.0),
            ("task.limit_cpu_millicores", 250.0),
            ("task.limit_memory_bytes", 536_870_912.0),
        ]
    );
    let web = batch.find("container", "t1/web").unwrap();
    assert!(web.parent() == Some(root));
    assert_eq!(
        sorted(web.gauges()),
        [("container.limit_cpu_shares", 128.0), ("container.limit_memory_bytes", 134_217_728.0)]
    );
    assert!(web.counters().is_empty() && batch.of_kind("interface").is_empty());
}

#[test]
fn a_task_that_is_not_known_adds_nothing() {
    let mut builder = Builder::new("task", "", 0, 0);
    assert!(TaskEmitter::default().emit(&TaskData::default(), &mut builder).is_none());
    assert_eq!(builder.columns().entity_count(), 0);
}

#[test]
fn containers_have_the_metrics_of_their_statistics() {
    let of_web = ContainerStats {
        docker_id: "d-web".into(),
        read_at_ns: Some(SECOND),
        cpu: CpuStats {
            usage_ns: Some(1),
            user_ns: Some(2),
            system_ns: Some(3),
            periods: Some(4),
            throttled_periods: Some(5),
            throttled_ns: Some(6),
        },
        memory: MemoryStats {
            usage_bytes: Some(11),
            max_usage_bytes: Some(12),
            cache_bytes: Some(13),
            rss_bytes: Some(14),
            inactive_file_bytes: Some(15),
            limit_bytes: Some(16),
            failcnt: Some(17),
        },
        pids: Some(18),
        io: IoStats { read_bytes: Some(21), write_bytes: Some(22), reads: Some(23), writes: Some(24) },
        interfaces: Vec::new(),
    };
    let containers = vec![container("web", "bridge"), container("idle", "bridge")];
    let batch = emit(&mut TaskEmitter::default(), &data(containers, Some(vec![of_web])));
    let web = batch.find("container", "t1/web").unwrap();
    let counters: Vec<(&str, u64)> =
        web.counters().into_iter().map(|(name, counter)| (name, counter.current)).collect();
    assert_eq!(
        sorted(counters),
        [
            ("cpu.periods", 4),
            ("cpu.system_ns", 3),
            ("cpu.throttled_ns", 6),
            ("cpu.throttled_periods", 5),
            ("cpu.usage_ns", 1),
            ("cpu.user_ns", 2),
            ("io.read_bytes", 21),
            ("io.reads", 23),
            ("io.write_bytes", 22),
            ("io.writes", 24),
            ("memory.failcnt", 17),
        ]
    );
    assert_eq!(
        sorted(web.gauges()),
        [
            ("memory.cache_bytes", 13.0),
            ("memory.inactive_file_bytes", 15.0),
            ("memory.limit_bytes", 16.0),
            ("memory.max_usage_bytes", 12.0),
            ("memory.rss_bytes", 14.0),
            ("memory.usage_bytes", 11.0),
            ("pids.current", 18.0),
        ]
    );
    let idle = batch.find("container", "t1/idle").unwrap();
    assert!(idle.counters().is_empty() && idle.gauges().is_empty(), "null is not zero");
}

#[test]
fn counters_are_paired_by_the_times_of_their_own_container() {
    let mut emitter = TaskEmitter::default();
    let mut previous = |stats: Option<Vec<ContainerStats>>| {
        let containers = vec![container("a", "bridge"), container("b", "bridge")];
        let batch = emit(&mut emitter, &data(containers, stats));
        ["a", "b"].map(|name| {
            let container = batch.find("container", &format!("t1/{name}")).unwrap();
            let counter = container.counter("cpu.usage_ns");
            counter.map(|counter| counter.previous.map(|previous| (previous, counter.elapsed_ns)))
        })
    };
    let both = |a: (i64, u64), b: (i64, u64)| {
        Some(vec![stats("a", a.0, a.1, Vec::new()), stats("b", b.0, b.1, Vec::new())])
    };
    assert_eq!(previous(both((10, 100), (15, 7))), [Some(None), Some(None)], "at first sight");
    assert_eq!(
        previous(both((70, 400), (80, 9))),
        [Some(Some((100, 60_000_000_000))), Some(Some((7, 65_000_000_000)))]
    );
    assert_eq!(previous(None), [None, None], "no response");
    assert_eq!(
        previous(both((200, 500), (80, 9))),
        [Some(Some((400, 130_000_000_000))), Some(None)],
        "the earlier reading is kept, and a repeated one has no rate"
    );
    assert_eq!(previous(both((210, 499), (90, 9))), [Some(None), Some(Some((9, 10_000_000_000)))], "a reset");
}

#[test]
fn interfaces_that_all_containers_share_are_below_the_task() {
    let containers =
        || vec![container("pause", "awsvpc"), container("a", "awsvpc"), container("b", "awsvpc")];
    let reading = |seconds: i64, rx: u64| {
        let one = stats("a", seconds, 1, vec![interface("eth1", rx)]);
        let two = stats("b", seconds + 2, 1, vec![interface("eth1", rx + 20)]);
        Some(vec![one, two])
    };
    let mut emitter = TaskEmitter::default();
    let batch = emit(&mut emitter, &data(containers(), reading(10, 1000)));
    let interfaces = batch.of_kind("interface");
    assert_eq!(interfaces.len(), 1);
    assert!(interfaces[0].parent() == batch.find("task", "t1"));
    assert_eq!((interfaces[0].id(), interfaces[0].attribute("interface")), ("eth1", Some("eth1")));
    let batch = emit(&mut emitter, &data(containers(), reading(70, 7000)));
    let counter = batch.of_kind("interface")[0].counter("network.rx_bytes").unwrap();
    assert_eq!(counter, Counter::pair(7020, 1020, 60_000_000_000), "the latest");
    let only = Some(vec![stats("b", 130, 1, vec![interface("eth1", 8000)])]);
    let batch = emit(&mut emitter, &data(containers(), only));
    let counter = batch.of_kind("interface")[0].counter("network.rx_bytes").unwrap();
    assert_eq!(counter, Counter::pair(8000, 7020, 58_000_000_000), "the same namespace");
}

#[test]
fn other_interfaces_are_below_their_containers() {
    let stats_of = |name: &str, interfaces| stats(name, 10, 1, interfaces);
    for (modes, interfaces) in [
        (["bridge", "bridge"], ["eth0", "eth0"]),
        (["awsvpc", "awsvpc"], ["eth0", "eth1"]),
        (["awsvpc", "host"], ["eth0", "eth0"]),
    ] {
        let containers = vec![container("a", modes[0]), container("b", modes[1])];
        let all = interfaces.map(|name| vec![interface(name, 5)]);
        let [of_a, of_b] = all;
        let both = vec![stats_of("a", of_a), stats_of("b", of_b)];
        let batch = emit(&mut TaskEmitter::default(), &data(containers, Some(both)));
        for (name, interface) in ["a", "b"].into_iter().zip(interfaces) {
            let container = batch.find("container", &format!("t1/{name}")).unwrap();
            let below = container.children_of_kind("interface");
            assert_eq!(below.iter().map(|below| below.id()).collect::<Vec<_>>(), [interface], "{modes:?}");
        }
    }
}
